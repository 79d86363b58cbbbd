"""What a repository of `hub_server.HubServer` holds."""

import hashlib
from dataclasses import dataclass, field

# Larger files are kept by Git LFS [bytes].
LFS_SIZE = 10_000_000


@dataclass(frozen=True)
class Blob:
    """One file: its bytes, and whether Git LFS keeps them."""

    content: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git_sha1(self) -> str:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\n"
        content = pointer.encode() if self.lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_sha1

    def facts(self) -> dict:
        lfs = {"oid": self.sha256, "sha256": self.sha256, "size": len(self.content)}
        facts = {"oid": self.git_sha1, "size": len(self.content)}
        return {**facts, "lfs": {**lfs, "pointerSize": 130}} if self.lfs else facts


@dataclass
class Repo:
    """A repository: commits of whole trees, and what points at them."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    # Number, title and status, as the Hub tells them; the files are at refs/pr/<number>.
    pull_requests: list[dict] = field(default_factory=list)

    def find(self, revision: str) -> str | None:
        known = {**self.branches, **self.tags}
        return known.get(revision, revision if revision in self.commits else None)

    def open_pull_request(self, title: str, base: str) -> int:
        number = len(self.pull_requests) + 1
        facts = {"num": number, "title": title, "status": "open", "isPullRequest": True}
        self.pull_requests.append({**facts, "createdAt": "2026-01-01T00:00:00.000Z"})
        self.branches[f"refs/pr/{number}"] = self.branches[base]
        return number

    def merge(self, number: int) -> None:
        self.branches["main"] = self.branches[f"refs/pr/{number}"]
        self.pull_requests[number - 1]["status"] = "merged"

    def commit(self, files: dict[str, Blob], branch: str = "main") -> str:
        text = f"{self.branches.get(branch)} {[(p, b.sha256) for p, b in sorted(files.items())]}"
        oid = hashlib.sha1(text.encode()).hexdigest()
        self.commits[oid] = files
        self.branches[branch] = oid
        return oid
