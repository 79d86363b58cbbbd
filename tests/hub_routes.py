"""The routes of `hub_server.HubServer`."""

import base64
import hashlib
import json
import re
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

from hub_repos import LFS_SIZE, Blob, Repo

ROUTES = (
    ("GET", r"/api/whoami-v2", "whoami"),
    ("GET", r"/api/agent-harnesses", "harnesses"),
    ("POST", r"/api/validate-yaml", "validate_yaml"),
    ("POST", r"/api/repos/create", "create"),
    ("DELETE", r"/api/repos/delete", "delete"),
    ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/preupload/(?P<rev>[^/]+)", "preupload"),
    ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/commit/(?P<rev>[^/]+)", "commit"),
    ("GET", r"/api/models/(?P<repo>[^/]+/[^/]+)/discussions", "discussions"),
    ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/tag/(?P<rev>[^/]+)", "tag"),
    ("DELETE", r"/api/models/(?P<repo>[^/]+/[^/]+)/tag/(?P<rev>[^/]+)", "untag"),
    ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/paths-info/(?P<rev>[^/]+)", "paths_info"),
    ("PUT", r"/api/models/(?P<repo>[^/]+/[^/]+)/settings", "settings"),
    ("GET", r"/api/models/(?P<repo>[^/]+/[^/]+)/refs", "refs"),
    ("GET", r"/api/models/(?P<repo>[^/]+/[^/]+)/tree/(?P<rev>[^/]+)(?:/(?P<path>.*))?", "tree"),
    ("GET", r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<rev>[^/]+))?", "info"),
    ("POST", r"/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch", "lfs_batch"),
    ("POST", r"/lfs-verify/(?P<repo>[^/]+/[^/]+)", "lfs_verify"),
    ("PUT", r"/lfs-upload/(?P<oid>[0-9a-f]{64})", "lfs_upload"),
    ("GET", r"/lfs-download/(?P<oid>[0-9a-f]{64})", "lfs_download"),
    ("HEAD|GET", r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
)


class _Refused(Exception):
    def __init__(self, status: int, message: str, code: str | None = None, **body):
        self.status, self.body = status, {"error": message, **body}
        self.headers = {"X-Error-Message": message}
        if code:
            self.headers["X-Error-Code"] = code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None  # the HubServer that it answers for

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.hub.gone:
            # Connections that the client keeps open outlive the server's socket.
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        self.injected = self.hub.fault(f"{self.command} {unquote(parts.path)}")
        if self.injected and self.injected.hang_up:
            # Before the body of the request has arrived.
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self._read_chunks() if "chunked" in self._header("Transfer-Encoding") else b""
        self.body = self.body or self.rfile.read(length)
        try:
            self._answer(parts.path)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, path: str) -> None:
        if self.injected:
            time.sleep(self.injected.delay)
        if self.injected and self.injected.answer:
            self.close_connection = True
            self.injected.answer(self)
            return
        if self.injected and self.injected.status:
            self._send(self.injected.status, b"", self.injected.headers)
            return
        try:
            self._route(path)
        except _Refused as refused:
            self._json(refused.body, refused.status, refused.headers)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _header(self, name: str) -> str:
        return self.headers.get(name) or ""

    def _read_chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _route(self, path: str) -> None:
        for methods, pattern, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in methods.split("|"):
                found = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                getattr(self, f"route_{name}")(**found)
                return
        raise _Refused(404, f"no route for {self.command} {path}")

    def _json(self, content, status: int = 200, headers=()) -> None:
        headers = {"Content-Type": "application/json", **dict(headers)}
        self._send(status, json.dumps(content).encode(), headers)

    def _send(self, status: int, body: bytes, headers) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        fault = self.injected
        if fault and fault.wrong_bytes:
            body = bytes([body[0] ^ 1]) + body[1:]
        end = len(body) if fault is None or fault.cut_after is None else fault.cut_after
        for start in range(0, end, self.hub.chunk):
            self.wfile.write(body[start : min(start + self.hub.chunk, end)])
            self.wfile.flush()
            time.sleep(self.hub.wait)
        if end < len(body):
            self.close_connection = True

    # Who asks, for what.

    def _token(self) -> str:
        return self._header("Authorization").removeprefix("Bearer ")

    def _user(self, *, must: bool = False) -> str | None:
        token = self._token()
        if token and token not in self.hub.users:
            raise _Refused(401, "Invalid credentials in Authorization header")
        if must and not token:
            raise _Refused(401, "Invalid username or password.")
        return self.hub.users.get(token)

    def _repo(self, repo_id: str, *, write: bool = False, content: bool = False) -> Repo:
        user = self._user(must=write)
        repo = self.hub.repos.get(repo_id)
        owner = repo_id.split("/")[0] == user
        if repo is None or (repo.private and not owner):
            # The Hub tells strangers as little of private repositories as of missing ones.
            raise _Refused(404 if user else 401, "Repository not found", "RepoNotFound")
        if content and repo.gated and not owner:
            message = f"Access to model {repo_id} is restricted."
            raise _Refused(403 if user else 401, message, "GatedRepo")
        if write and (not owner or self._token() in self.hub.readers):
            raise _Refused(403, "Forbidden: you need write access to this repository")
        return repo

    def _commit_of(self, repo: Repo, revision: str) -> str:
        oid = repo.find(revision)
        if oid is None:
            raise _Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return oid

    def route_whoami(self):
        user = self._user(must=True)
        role = (
            "read" if self._header("Authorization").endswith(tuple(self.hub.readers)) else "write"
        )
        token = {"displayName": "test", "role": role}
        auth = {"type": "access_token", "accessToken": token}
        self._json({"type": "user", "name": user, "orgs": [], "auth": auth})

    def route_harnesses(self):
        self._json({"standardEnvVars": [], "harnesses": {}})

    def route_validate_yaml(self):
        content = json.loads(self.body)["content"]
        if content.startswith("---\n") and "\n---" in content[4:]:
            self._json({"errors": [], "warnings": []})
            return
        self._json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata"}]})

    def route_create(self):
        user = self._user(must=True)
        asked = json.loads(self.body)
        repo_id = f"{asked.get('organization') or user}/{asked['name']}"
        url = f"{self.hub.url}/{repo_id}"
        if repo_id.split("/")[0] != user or self._token() in self.hub.readers:
            raise _Refused(403, f"You don't have the rights to create {repo_id}")
        if repo_id in self.hub.repos:
            raise _Refused(409, "You already created this model repo", url=url)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        repo = self.hub.repos[repo_id] = Repo(private=private)
        repo.commit({".gitattributes": Blob(b"*.h5 filter=lfs diff=lfs merge=lfs -text\n", False)})
        self._json({"url": url, "name": repo_id, "id": repo_id})

    def route_delete(self):
        asked = json.loads(self.body)
        repo_id = f"{asked.get('organization') or self._user(must=True)}/{asked['name']}"
        self._repo(repo_id, write=True)
        del self.hub.repos[repo_id]
        self._json({})

    def route_settings(self, repo):
        asked = json.loads(self.body)
        found = self._repo(repo, write=True)
        found.private = asked.get("visibility", asked.get("private")) in ("private", True)
        self._json({"private": found.private})

    # Upload.

    def _target(self, repo_id: str) -> Repo:
        """Repository to write to; who may read it may also propose changes."""
        if "create_pr" in self.query:
            self._user(must=True)
            return self._repo(repo_id)
        return self._repo(repo_id, write=True)

    def route_preupload(self, repo, rev):
        found = self._target(repo)
        present = found.commits[self._commit_of(found, rev)]
        files = []
        for asked in json.loads(self.body)["files"]:
            path = asked["path"]
            lfs = path.endswith(".h5") or asked["size"] > LFS_SIZE
            facts = {"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
            files.append({**facts, **({"oid": present[path].etag} if path in present else {})})
        self._json({"files": files})

    def route_lfs_batch(self, repo):
        # Needed for a pull request, too, and the request does not tell.
        self._user(must=True)
        self._repo(repo)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            answer = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.lfs:
                upload = {"href": f"{self.hub.url}/lfs-upload/{asked['oid']}"}
                verify = {"href": f"{self.hub.url}/lfs-verify/{repo}"}
                answer["actions"] = {"upload": upload, "verify": verify}
            objects.append(answer)
        self._json({"transfer": "basic", "objects": objects})

    def route_lfs_upload(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise _Refused(400, "BadDigest")
        self.hub.lfs[oid] = self.body
        self._json({})

    def route_lfs_verify(self, repo):
        self._user(must=True)
        self._repo(repo)
        asked = json.loads(self.body)
        if len(self.hub.lfs.get(asked["oid"], b"")) != asked["size"]:
            raise _Refused(404, "object not found")
        self._json({})

    def route_commit(self, repo, rev):
        found = self._target(repo)
        with self.hub.lock:
            if rev not in found.branches:
                raise _Refused(404, f"Invalid rev id: {rev}", "RevisionNotFound")
            urls = {}
            if "create_pr" in self.query:
                title = json.loads(self.body.splitlines()[0])["value"]["summary"]
                number = found.open_pull_request(title, rev)
                rev = f"refs/pr/{number}"
                urls["pullRequestUrl"] = f"{self.hub.url}/{repo}/discussions/{number}"
            oid = self._apply(found, rev)
        urls["commitUrl"] = f"{self.hub.url}/{repo}/commit/{oid}"
        self._json({"success": True, "commitOid": oid, "hookOutput": "", **urls})

    def route_discussions(self, repo):
        status = self.query["status"][0]
        listed = [
            {**facts, "repo": {"name": repo, "type": "model"}}
            for facts in self._repo(repo).pull_requests
            if facts["status"] == status
        ]
        self._json({"count": len(listed), "start": 0, "discussions": listed})

    def _apply(self, repo: Repo, branch: str) -> str:
        files = dict(repo.commits[repo.branches[branch]])
        for line in self.body.splitlines():
            operation = json.loads(line)
            key, value = operation["key"], operation["value"]
            if (
                key == "header"
                and value.get("parentCommit", repo.branches[branch]) != (repo.branches[branch])
            ):
                raise _Refused(412, "A commit has happened since. Please refresh and try again.")
            if key == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            if key == "lfsFile":
                files[value["path"]] = Blob(self.hub.lfs[value["oid"]], True)
            if key == "deletedFile" and files.pop(value["path"], None) is None:
                raise _Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            if key == "deletedFolder":
                folder = value["path"].rstrip("/") + "/"
                files = {p: b for p, b in files.items() if not p.startswith(folder)}
        return repo.commit(files, branch)

    def route_tag(self, repo, rev):
        found = self._repo(repo, write=True)
        name = json.loads(self.body)["tag"]
        if name in found.tags:
            raise _Refused(409, "Tag reference exists already")
        found.tags[name] = self._commit_of(found, rev)
        self._json({})

    def route_untag(self, repo, rev):
        if self._repo(repo, write=True).tags.pop(rev, None) is None:
            raise _Refused(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        self._json({})

    # Download.

    def route_info(self, repo, rev="main"):
        found = self._repo(repo)
        oid = self._commit_of(found, rev)
        blobs = sorted(found.commits[oid].items())
        siblings = [{"rfilename": path} for path, _ in blobs]
        if "blobs" in self.query:
            for sibling, (_, blob) in zip(siblings, blobs, strict=True):
                facts = blob.facts()
                sibling.update({"blobId": facts.pop("oid"), **facts})
        facts = {"id": repo, "modelId": repo, "sha": oid, "private": found.private, "tags": []}
        self._json({**facts, "gated": found.gated, "siblings": siblings})

    def route_tree(self, repo, rev, path=""):
        found = self._repo(repo)
        files = found.commits[self._commit_of(found, rev)]
        inside = {p: b for p, b in files.items() if p.startswith(path)}
        self._json([{"type": "file", "path": p, **b.facts()} for p, b in sorted(inside.items())])

    def route_paths_info(self, repo, rev):
        found = self._repo(repo)
        files = found.commits[self._commit_of(found, rev)]
        asked = [p for p in json.loads(self.body)["paths"] if p in files]
        self._json([{"type": "file", "path": p, **files[p].facts()} for p in asked])

    def route_refs(self, repo):
        found = self._repo(repo)
        kinds = (("branches", "heads", found.branches), ("tags", "tags", found.tags))
        refs = {
            kind: [
                {"name": name, "ref": f"refs/{git}/{name}", "targetCommit": oid}
                for name, oid in known.items()
            ]
            for kind, git, known in kinds
        }
        self._json({**refs, "converts": []})

    def route_resolve(self, repo, rev, path):
        found = self._repo(repo, content=True)
        oid = self._commit_of(found, rev)
        blob = found.commits[oid].get(path)
        if blob is None:
            refused = _Refused(404, "Entry not found", "EntryNotFound")
            refused.headers["X-Repo-Commit"] = oid
            raise refused
        headers = {"X-Repo-Commit": oid, "ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"}
        if blob.lfs:
            # As a CDN does, from another origin: the client then keeps its token to itself.
            linked = {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.content))}
            location = f"http://localhost:{self.hub.port}/lfs-download/{blob.sha256}"
            self._send(302, b"", {**headers, **linked, "Location": location})
            return
        self._send_range(blob.content, headers)

    def route_lfs_download(self, oid):
        if self._header("Authorization"):
            raise _Refused(400, "only one auth mechanism allowed")
        if oid not in self.hub.lfs:
            raise _Refused(404, "object not found")
        self._send_range(self.hub.lfs[oid], {"Accept-Ranges": "bytes"})

    def _send_range(self, content: bytes, headers: dict) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", self._header("Range"))
        if not match:
            # The size is that of the file even where a HEAD sends nothing.
            self._send(200, content, headers)
            return
        start = int(match[1])
        headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self._send(206, content[start:], headers)
