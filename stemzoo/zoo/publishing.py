"""Publish a model folder: check, card, upload, read back, manifest."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from stemzoo.zoo.draft import Draft, checked_folder, make_draft, refuse_to_overwrite
from stemzoo.zoo.file_names import CARD
from stemzoo.zoo.manifest import checked_entry, write_entry
from stemzoo.zoo.registry import WeightsEntry, manifest_path, read_manifest
from stemzoo.zoo.remote.cache import is_offline
from stemzoo.zoo.remote.survey import check_token, read_back, survey, tree_url
from stemzoo.zoo.remote.upload import Commit, upload


@dataclass(frozen=True)
class Publication:
    """What `publish` did, or would do.

    Parameters
    ----------
    entry : WeightsEntry
        Entry of the manifest.
    record : dict
        The same, as the manifest holds it.
    card : str
        The model card.
    lines : tuple of str
        What was done, for people.
    url : str or None
        Page of the commit or pull request; None after a dry run.
    """

    entry: WeightsEntry
    record: dict
    card: str
    lines: tuple[str, ...]
    url: str | None = None

    def __str__(self) -> str:
        return "\n".join([*self.lines, json.dumps(self.record, indent=1)])


def publish(
    source: str | Path,
    *,
    repo: str,
    name: str | None = None,
    private: bool = False,
    create_pr: bool = False,
    dry_run: bool = False,
    new_revision: bool = False,
    with_samples: bool = False,
    confirm: Callable[[str], bool] | None = None,
    manifest: str | Path | None = None,
    **facts,
) -> Publication:
    """Publish a model on the Hugging Face Hub and enter it into the manifest.

    The folder is loaded and compared with its golden output, the model card is written from its
    JSON files, everything goes up in one commit and is downloaded again and compared, and only then
    the manifest gets the entry. It may be repeated: what is there is not sent again.

    Parameters
    ----------
    source : str or path-like
        A folder that `save` wrote, or the name of weights that come with the package.
    repo : str
        ``user/repository`` on the Hub; made if it does not exist.
    name : str, optional
        Name in the zoo; that of the folder where not given.
    private : bool
        Only those with a token may read it.
    create_pr : bool
        Open a pull request on an existing repository; the manifest is written when the same call
        without it is made after the merge.
    dry_run : bool
        Check and look, but write nothing; the Hub is asked only if it can be reached.
    new_revision : bool
        Replace other weights of that name or in that repository.
    with_samples : bool
        Also publish pictures that may show measured images: samples of a CycleGAN's training, and
        any but the plots of losses.
    confirm : callable, optional
        Gets the list of all files that are about to go up, a line each with name and size, and
        says whether to go on; where not given, nobody is asked.
    manifest : path-like, optional
        Manifest to enter the weights into; that of the package where not given.
    **facts
        `licence`, `session`, `material`, `summary` and other fields of `WeightsEntry`, where the
        folder does not say them or they are to change.

    Returns
    -------
    Publication

    Raises
    ------
    ValueError
        If the folder does not pass the checks of `load` and `verify`, facts are missing, or the Hub
        refuses the files or returns other bytes.
    FileExistsError
        If name or repository hold other weights.
    KeyError, FileNotFoundError, PermissionError, ConnectionError
        If there is no such folder, or the Hub cannot be reached or refuses.

    Examples
    --------
    >>> publish("my-day", repo="me/cyclegan-wse2-dayC", licence="CC-BY-4.0")  # doctest: +SKIP
    """
    repo = repo.removeprefix("hf://")
    if is_offline() and not dry_run:
        raise ConnectionError(
            "expected to be online, to publish. Received: STEMZOO_OFFLINE or HF_HUB_OFFLINE is "
            "set. Unset it."
        )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise ValueError(f"expected --repo user/repository. Received: {repo!r}")
    manifest = _checked_manifest(manifest)
    folder = checked_folder(source)
    given = {key: value for key, value in facts.items() if value is not None}
    with tempfile.TemporaryDirectory() as temporary:
        card = Path(temporary) / CARD
        name = name or folder.name
        draft = make_draft(folder, name, repo, manifest, given, card, with_samples=with_samples)
        refuse_to_overwrite(draft, manifest, new_revision)
        if dry_run:
            lines = _look(draft, private, create_pr, new_revision)
            return Publication(draft.entry, draft.record, draft.card, lines)
        check_token()
        if draft.is_published and not new_revision:
            return _see_again(draft, manifest)
        plan = "" if confirm is None else "\n".join(_plan(draft, private, create_pr, new_revision))
        if confirm is not None and not confirm(plan):
            raise PermissionError(
                f"hf://{repo}: expected a yes, to publish. Received: no. Nothing was published."
            )
        done = upload(
            repo,
            draft.files,
            f"Publish {draft.record['name']} with stemzoo",
            private=private,
            create_pr=create_pr,
            replace=new_revision,
        )
        read_back(repo, done.revision, draft.files)
        return _enter(draft, draft.record, manifest, done)


def _checked_manifest(manifest) -> Path:
    path = Path(manifest) if manifest is not None else manifest_path()
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a manifest. Received: no such file. Copy {manifest_path()} there."
        )
    read_manifest.cache_clear()
    read_manifest(path)
    # Found out now and not after the upload; the file is replaced as a whole.
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"{path}: expected a manifest that you can write to. Received: a folder that you "
            "cannot. Give --manifest with the path of a copy."
        )
    return path


def _plan(draft: Draft, private: bool, create_pr: bool, new_revision: bool) -> tuple[str, ...]:
    """Say what would happen on the Hub, with a line for every file that would go up."""
    repo = draft.record["repo_id"]
    if draft.is_published and not new_revision:
        return (f"hf://{repo}@{draft.old['revision'][:12]} holds these files",)
    options = {"private": private, "replace": new_revision, "must_exist": create_pr}
    found = survey(repo, draft.files, **options)
    if found.head is None:
        line = f"would make the {'private' if private else 'public'} repository hf://{repo}"
    elif not (found.add or found.delete):
        line = f"hf://{repo}@{found.head[:12]} holds these files"
    else:
        how = "open a pull request on" if create_pr else "commit on top of"
        line = f"would {how} hf://{repo}@{found.head[:12]}"
    deleted = (f"would delete {name}" for name in found.delete)
    return (line, *_upload_lines(draft, found.add), *deleted)


def _look(draft: Draft, private: bool, create_pr: bool, new_revision: bool) -> tuple[str, ...]:
    """Plan as far as it is known: a Hub out of reach is no reason not to look at the files."""
    try:
        if is_offline():
            raise ConnectionError("STEMZOO_OFFLINE or HF_HUB_OFFLINE is set.")
        return _plan(draft, private, create_pr, new_revision)
    except ConnectionError as error:
        line = f"the Hub was not asked what hf://{draft.record['repo_id']} holds: {error}"
        return (line, *_upload_lines(draft, draft.files))


def _upload_lines(draft: Draft, names: Iterable[str]) -> list[str]:
    sizes = {name: draft.files[name].stat().st_size for name in names}
    return [f"would upload {name}, {size} bytes" for name, size in sizes.items()]


def _see_again(draft: Draft, manifest: Path) -> Publication:
    """See that what was published before is still there."""
    repo, revision = draft.record["repo_id"], draft.old["revision"]
    weights = {name: path for name, path in draft.files.items() if name in draft.old["files"]}
    # The card of that revision stays, though this version of stemzoo may write another one.
    weights.pop(CARD, None)
    try:
        read_back(repo, revision, weights)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error} The manifest says that it is there; --new-revision publishes it again."
        ) from error
    record = {**draft.record, "files": draft.old["files"]}
    return _enter(draft, record, manifest, Commit(revision, tree_url(repo, revision), is_new=False))


def _enter(draft: Draft, record: dict, manifest: Path, done: Commit) -> Publication:
    """Write the manifest, unless the repository's owner has still to agree."""
    record = {**record, "revision": done.revision}
    size = sum(path.stat().st_size for path in draft.files.values()) / 1e6
    held = "uploaded" if done.is_new else "was there"
    lines = [f"{done.url}: {len(draft.files)} files, {size:.1f} MB, {held}; read back and the same"]
    if done.pull_request:
        lines.append("after the merge run this without --create-pr, to write the manifest")
    elif record == draft.old:
        lines.append(f"{manifest}: holds {record['name']} already")
    else:
        write_entry(manifest, record)
        lines.append(f"{manifest}: entered {record['name']}")
    return Publication(checked_entry(record), record, draft.card, tuple(lines), done.url)
