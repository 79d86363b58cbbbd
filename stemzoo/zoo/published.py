"""Files of weights that the manifest names and the package does not hold: Hub, cache, mirrors."""

from collections.abc import Collection

from stemzoo.zoo.file_names import CONFIG, REQUIRED, WEIGHTS
from stemzoo.zoo.manifest import Source
from stemzoo.zoo.registry import FileEntry, WeightsEntry
from stemzoo.zoo.remote import download
from stemzoo.zoo.remote.mirrors import fetch_from_mirror, mirrored_folder


def check_version(entry: WeightsEntry) -> None:
    """See that this version of stemzoo can use the weights.

    Parameters
    ----------
    entry : WeightsEntry
        Weights of the zoo.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not entry.requires:
        return
    from packaging.specifiers import SpecifierSet

    from stemzoo import __version__

    if not SpecifierSet(entry.requires).contains(__version__, prereleases=True):
        raise ValueError(
            f"{entry.name}: expected stemzoo {entry.requires}. Received: {__version__}. Install "
            f"one that fits: pip install 'stemzoo{entry.requires}'."
        )


def check_published(entry: WeightsEntry) -> None:
    """See that weights are on the Hub.

    Parameters
    ----------
    entry : WeightsEntry
        Weights of the zoo.

    Raises
    ------
    ValueError
        If they are not; the message says who has to do what.
    """
    if entry.revision is None or entry.repo_id is None:
        here = f"load {entry.name!r} without a revision: its files come with the package"
        raise ValueError(
            f"{entry.name} has not been published on the Hub yet (its revision in "
            f"weights_manifest.json is null). Until a maintainer runs 'stemzoo publish "
            f"{entry.name}', {here if entry.bundled else 'it cannot be downloaded from there'}."
        )


def wanted_files(entry: WeightsEntry, names: Collection[str]) -> tuple[FileEntry, ...]:
    """Return those files of an entry that are asked for.

    Parameters
    ----------
    entry : WeightsEntry
        Weights of the zoo.
    names : collection of str
        Files that are needed, as far as there are such.

    Returns
    -------
    tuple of FileEntry

    Raises
    ------
    ValueError
        If the manifest lists no complete model.
    """
    listed = [file.name for file in entry.files]
    if not set(REQUIRED) <= set(listed):
        raise ValueError(
            f"{entry.name}: expected {CONFIG} and {WEIGHTS} among the files of the manifest. "
            f"Received: {listed}. Install stemzoo again."
        )
    return tuple(file for file in entry.files if file.name in names)


def fetch_published(entry: WeightsEntry, names: Collection[str], *, offline: bool) -> Source:
    """Bring files of weights here: from the cache, else the Hub, else a mirror; each is checked.

    Parameters
    ----------
    entry : WeightsEntry
        Weights of the zoo.
    names : collection of str
        Files that are needed, as far as there are such.
    offline : bool
        Use what is in the cache only.

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        If the weights are not published, or a file differs.
    FileNotFoundError, PermissionError, ConnectionError
        If no place has the files.
    """
    files = wanted_files(entry, names)
    repo_id, revision = entry.repo_id, entry.revision
    if (repo_id is None or revision is None) and not entry.mirrors:
        check_published(entry)
    failures: list[Exception] = []
    mirrored = Source(mirrored_folder(entry), files, "mirror", entry)
    if entry.mirrors and not mirrored.differences():
        return mirrored
    if repo_id is not None and revision is not None:
        try:
            folder = download.fetch_from_hub(repo_id, revision, files, offline=offline)
            return Source(folder, files, "hub", entry, repo_id, revision)
        except (OSError, ValueError) as error:
            failures.append(error)
    for mirror in () if offline else entry.mirrors:
        try:
            return Source(fetch_from_mirror(mirror, entry, files), files, "mirror", entry)
        except (OSError, ValueError) as error:
            failures.append(error)
    if not failures:
        raise FileNotFoundError(
            f"{entry.name}: expected its files in the cache, being offline. Received: none. Load "
            "it once with a network; bundled weights ('stemzoo list') need none."
        )
    if len(failures) == 1:
        raise failures[0]
    text = f"{entry.name}: no place has it. " + " ".join(str(error) for error in failures)
    raise type(failures[0])(text)
