"""The local Hub, driven by the real client: what the other tests lean on."""

import hashlib
from pathlib import Path

import pytest
from hub_repos import LFS_SIZE
from huggingface_hub import CommitOperationAdd, HfApi, ModelCard, constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

REPO = "alice/weights"
# The client's own, when it uploads.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def api(hub_server):
    return HfApi(endpoint=constants.ENDPOINT, token="hf_alice")


@pytest.fixture
def folder(tmp_path):
    """Model folder with a small file and one that is too large for git."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "large.bin").write_bytes(bytes(range(256)) * (LFS_SIZE // 256 + 1))
    (folder / "model.weights.h5").write_bytes(b"\x89HDF of a few bytes")
    return folder


def download(name, **options):
    return hf_hub_download(REPO, name, endpoint=constants.ENDPOINT, **options)


def status_of(error):
    return error.value.response.status_code


def test_a_folder_goes_up_and_comes_down_again(api, folder, hub_server, tmp_path):
    api.create_repo(REPO)
    done = api.upload_folder(repo_id=REPO, folder_path=folder)
    assert api.model_info(REPO).sha == done.oid
    # The large file and the weights by LFS, the small file in the commit itself.
    assert hub_server.count("PUT /lfs-upload") == 2
    for name in ("config.json", "large.bin", "model.weights.h5"):
        path = download(name, cache_dir=tmp_path / "cache")
        content = (folder / name).read_bytes()
        assert Path(path).read_bytes() == content
    listed = {f.rfilename: f for f in api.model_info(REPO, files_metadata=True).siblings}
    assert listed["large.bin"].lfs.sha256 == hashlib.sha256(content_of(folder)).hexdigest()
    # What `git hash-object` says of a file that holds {}.
    assert listed["config.json"].blob_id == "9e26dfeeb6e641a33dae4961196235bdb965b21b"
    assert listed["config.json"].lfs is None


def content_of(folder):
    return (folder / "large.bin").read_bytes()


def test_an_upload_without_changes_makes_no_commit(api, folder, hub_server):
    api.create_repo(REPO)
    first = api.upload_folder(repo_id=REPO, folder_path=folder)
    again = api.upload_folder(repo_id=REPO, folder_path=folder)
    assert again.oid == first.oid
    assert hub_server.count("POST .*/commit/") == 1
    assert hub_server.count("PUT /lfs-upload") == 2


def test_a_revision_is_a_branch_a_tag_or_a_commit(api, folder, tmp_path):
    api.create_repo(REPO)
    first = api.upload_folder(repo_id=REPO, folder_path=folder)
    api.create_tag(REPO, tag="v1")
    (folder / "config.json").write_text("[]")
    api.upload_folder(repo_id=REPO, folder_path=folder)
    for revision, content in (("main", "[]"), ("v1", "{}"), (first.oid, "{}")):
        path = download("config.json", revision=revision, cache_dir=tmp_path / "cache")
        assert Path(path).read_text() == content
    refs = api.list_repo_refs(REPO)
    assert [(tag.name, tag.target_commit) for tag in refs.tags] == [("v1", first.oid)]


def test_what_is_in_the_cache_is_not_downloaded_again(hub_server, tmp_path):
    commit = hub_server.put(REPO, {"config.json": b"{}", "model.weights.h5": b"weights"})
    for _ in range(2):
        for name in ("config.json", "model.weights.h5"):
            download(name, cache_dir=tmp_path)
    assert hub_server.count("GET .*/config.json") == 1
    assert hub_server.count("GET /lfs-download") == 1
    before = len(hub_server.requests)
    download("config.json", revision=commit, cache_dir=tmp_path)
    assert len(hub_server.requests) == before


@pytest.mark.parametrize(
    ("token", "error", "status"),
    [
        ("hf_alice", None, 200),
        ("hf_reader", None, 200),
        ("hf_bob", RepositoryNotFoundError, 404),
        (False, RepositoryNotFoundError, 401),
        ("hf_nobody", HfHubHTTPError, 401),
    ],
)
def test_a_private_repository_is_its_owners(hub_server, tmp_path, token, error, status):
    hub_server.put(REPO, {"config.json": b"{}"}, private=True)
    if error is None:
        download("config.json", token=token, cache_dir=tmp_path)
        return
    with pytest.raises(error) as caught:
        download("config.json", token=token, cache_dir=tmp_path)
    assert status_of(caught) == status


def test_what_is_not_there_is_named(hub_server, tmp_path):
    hub_server.put(REPO, {"config.json": b"{}"})
    hub_server.put("alice/gated", {"config.json": b"{}"}, gated=True)
    with pytest.raises(EntryNotFoundError):
        download("other.json", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        download("config.json", revision="v9", cache_dir=tmp_path)
    with pytest.raises(GatedRepoError) as caught:
        hf_hub_download(
            "alice/gated",
            "config.json",
            endpoint=constants.ENDPOINT,
            token="hf_bob",
            cache_dir=tmp_path,
        )
    assert status_of(caught) == 403


def test_writing_needs_the_right_to(hub_server, api, folder):
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo(REPO, token="hf_reader")
    assert status_of(caught) == 403
    api.create_repo(REPO)
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo(REPO)
    assert status_of(caught) == 409
    api.create_repo(REPO, exist_ok=True)
    for token in ("hf_bob", "hf_reader"):
        with pytest.raises(HfHubHTTPError) as caught:
            api.upload_folder(repo_id=REPO, folder_path=folder, token=token)
        assert status_of(caught) == 403
    assert api.whoami()["name"] == "alice"
    with pytest.raises(HfHubHTTPError) as caught:
        api.whoami(token="hf_nobody")
    assert status_of(caught) == 401


def test_a_commit_on_top_of_an_older_one_is_refused(api):
    api.create_repo(REPO)
    old = api.model_info(REPO).sha

    def commit(content):
        operations = [CommitOperationAdd("a.txt", content)]
        return api.create_commit(REPO, operations, commit_message="m", parent_commit=old)

    commit(b"first")
    with pytest.raises(HfHubHTTPError) as caught:
        commit(b"second")
    assert status_of(caught) == 412
    assert [f.path for f in api.list_repo_tree(REPO)] == [".gitattributes", "a.txt"]


def test_files_and_repositories_are_deleted_and_made_public(api, folder):
    api.create_repo(REPO, private=True)
    api.upload_folder(repo_id=REPO, folder_path=folder)
    api.delete_file("config.json", REPO)
    assert "config.json" not in api.list_repo_files(REPO)
    api.update_repo_settings(REPO, private=False)
    assert not api.model_info(REPO).private
    api.delete_repo(REPO)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info(REPO)


def test_a_model_card_goes_up_and_comes_down(api, tmp_path):
    api.create_repo(REPO)
    card = ModelCard("---\nlicense: apache-2.0\n---\n# Weights\n")
    card.validate()
    api.upload_file(path_or_fileobj=str(card).encode(), path_in_repo="README.md", repo_id=REPO)
    path = download("README.md", cache_dir=tmp_path)
    assert ModelCard.load(path).data.license == "apache-2.0"


def test_faults_are_served_as_often_as_they_are_asked_for(hub_server, tmp_path):
    hub_server.put(REPO, {"config.json": b"{}", "model.weights.h5": bytes(100_000)})
    hub_server.fail("HEAD .*/config.json", times=2, status=503)
    download("config.json", cache_dir=tmp_path)
    assert hub_server.count("HEAD .*/config.json") == 3
    hub_server.fail("GET /lfs-download", times=1, cut_after=70_000)
    path = download("model.weights.h5", cache_dir=tmp_path)
    # The client asks for the rest only.
    assert Path(path).read_bytes() == bytes(100_000)
    hub_server.put(REPO, {"other.json": b"abcdef"})
    hub_server.fail("GET .*/other.json", times=1, wrong_bytes=True)
    path = download("other.json", cache_dir=tmp_path)
    # The client does not look at what it gets, only at how much: `stemzoo.load` must.
    assert Path(path).read_bytes() == b"`bcdef"
