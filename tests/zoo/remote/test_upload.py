"""One commit of files, compared with what a repository holds; the rest is in test_publishing."""

import time

import pytest
from lying_hub import dripping, endless

from stemzoo.zoo.remote import upload as uploading
from stemzoo.zoo.remote.limits import LARGEST_LISTING
from stemzoo.zoo.remote.survey import Survey, check_token, read_back, survey, tree_url
from stemzoo.zoo.remote.upload import upload

REPO = "alice/fcn"
# The client's own, when it uploads.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def files(tmp_path, hub_server, monkeypatch):
    """Two files of a model on this machine, and alice at the keyboard."""
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    contents = {"config.json": b"{}", "model.weights.h5": b"weights"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


def test_a_repository_that_is_not_there_lacks_everything(files):
    assert survey(REPO, files) == Survey(None, ("config.json", "model.weights.h5"))
    with pytest.raises(FileNotFoundError, match="expected a repository"):
        survey(REPO, files, must_exist=True)


def test_only_what_differs_is_sent(hub_server, files):
    head = hub_server.put(REPO, {"config.json": b"{}", "paper.pdf": b"%PDF"})
    assert survey(REPO, files) == Survey(head, ("model.weights.h5",))


def test_files_of_other_weights_are_taken_away_only_when_asked(hub_server, files):
    theirs = {"config.json": b"[]", "model.weights.h5": b"theirs", "golden.npz": b"theirs"}
    head = hub_server.put(REPO, {**theirs, "training_log.csv": b"1"})
    with pytest.raises(FileExistsError, match="other bytes of config.json, model.weights.h5, gold"):
        survey(REPO, files)
    found = survey(REPO, files, replace=True)
    assert found == Survey(head, ("config.json", "model.weights.h5"), ("golden.npz",))


def test_files_go_up_in_one_commit_and_once(hub_server, files):
    done = upload(REPO, files, "words")
    assert done.is_new
    assert done.revision == hub_server.repos[REPO].branches["main"]
    again = upload(REPO, files, "words")
    assert (again.revision, again.is_new) == (done.revision, False)
    assert again.url == tree_url(REPO, done.revision)
    assert hub_server.count("POST .*/commit/") == 1


def test_what_is_read_back_is_compared(hub_server, files):
    commit = upload(REPO, files, "words").revision
    read_back(REPO, commit, files)
    files["config.json"].write_bytes(b"[]")
    with pytest.raises(ValueError, match=r"config\.json: expected 2 bytes .* read back twice"):
        read_back(REPO, commit, files)


def test_a_token_is_needed(files, monkeypatch):
    check_token()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PermissionError, match="/settings/tokens, then log in with 'hf auth login'"):
        check_token()


# Everything that is asked while files go up, in this order.
QUESTIONS = ("create$", "preupload", "lfs/objects/batch", "lfs-upload", "lfs-verify", "/commit/")


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_without_end_to_an_upload_is_refused(hub_server, files, question):
    hub_server.fail(question, answer=endless({"Content-Type": "application/json"}))
    with pytest.raises(ConnectionError, match="expected at most .* run the same command") as caught:
        upload(REPO, files, "words")
    assert "\n" not in str(caught.value)
    # What has arrived is read: some of it may be under way when the client hangs up.
    assert hub_server.sent < LARGEST_LISTING + 8 * 2**20


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"])
def test_a_hub_that_answers_an_upload_for_ever_is_left(
    hub_server, files, monkeypatch, question, start
):
    monkeypatch.setattr(uploading, "LONGEST", 0.4)
    hub_server.fail(question, answer=dripping(start))
    begin = time.monotonic()
    with pytest.raises(ConnectionError, match="Received: .* run the same command again"):
        upload(REPO, files, "words")
    assert time.monotonic() - begin < 4
    hub_server.faults.clear()
    assert upload(REPO, files, "words").is_new


@pytest.mark.parametrize("oid", ["../../evil", "/tmp/evil", "", None, ["a" * 40], "A" * 40])
def test_a_commit_that_is_no_commit_is_refused(hub_server, files, oid):
    said = {"success": True, "commitOid": oid, "commitUrl": f"{hub_server.url}/{REPO}/commit/x"}
    hub_server.fail("/commit/", answer=lambda handler: handler._json(said))
    with pytest.raises(ConnectionError, match="expected a(n answer| commit of 40 hex| Hub)") as e:
        upload(REPO, files, "words")
    assert "\n" not in str(e.value)
