"""Weights by name or folder, of the kind that a verb needs."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.zoo.hub import load
from stemzoo.zoo.inventory import describe_weights
from stemzoo.zoo.model_folder import kind_of
from stemzoo.zoo.registry import find_weights


def load_kind(weights: str, kind: str, verb: str, *, training: bool = False) -> Any:
    """Load a model and see that it is of the kind that a verb needs.

    Parameters
    ----------
    weights : str
        Name of the zoo, or a model folder.
    kind : str
        Name of its class, as in `stemzoo.zoo.model_folder.MODEL_CLASSES`.
    verb : str
        What the user asked for, for the message: ``"train fcn --from"``.
    training : bool
        Whether to load what only training needs, too.

    Returns
    -------
    DefectFCN or CycleGANSTEM

    Raises
    ------
    ValueError
        If the weights are of another kind.
    """
    model = load(weights, training=training)
    if kind_of(model) != kind:
        raise ValueError(
            f"'stemzoo {verb}' needs weights of a {kind}; see 'stemzoo list'. Received: {weights}, "
            f"a {kind_of(model)}"
        )
    return model


def session_like(weights: str) -> AcquisitionSession:
    """Return the session of the simulated frames that weights were trained on.

    Parameters
    ----------
    weights : str
        Name of the zoo, or a model folder; nothing of it is loaded.

    Returns
    -------
    AcquisitionSession
        Of a CycleGAN, clean frames of its material, pixel size and orientation, which
        ``translate`` takes; of others, the one named session that they were trained on.

    Raises
    ------
    KeyError, FileNotFoundError
        If there are no such weights.
    ValueError
        If they were trained on several sessions, or their folder does not say.

    Examples
    --------
    >>> session = session_like("cyclegan-wse2-dayB")
    >>> session.name, session.material, round(session.rotation.mean)
    ('cyclegan-wse2-dayB-clean', 'wse2', 29)
    """
    known = describe_weights(weights)
    config = known.get("config", {})
    if known.get("class") == "CycleGANSTEM" and config.get("material") is not None:
        kept = (config["material"], config["sampling"], config.get("rotation"))
        return replace(domain_session(*kept), name=f"{known['name']}-clean")
    data = known.get("training_data", {})
    names, through = data.get("session") or [], data.get("translate") or []
    names = [names] if isinstance(names, str) else names
    if len(names) == 1 and not through:
        return find_session(names[0])
    steps = [f"--session {name}" for name in names] + [f"--like {name}" for name in through]
    step = " or ".join(steps or ["--session NAME"])
    raise ValueError(
        f"{weights}: expected weights that were trained on one session, or a CycleGAN of a known "
        f"material; give {step}. Received: {len(steps) or 'no'} sources of frames"
    )


def check_folder(out: Path, sources: Iterable[str | Path | None]) -> None:
    """See that a model folder to write is a folder, and none of those that are read.

    Parameters
    ----------
    out : Path
        Model folder; need not exist.
    sources : iterable of path-like
        Names of the zoo, model folders or folders of frames that the same call reads; None is
        skipped.

    Raises
    ------
    ValueError
        If what is read would be overwritten.

    Examples
    --------
    >>> check_folder(Path("new"), ["fcn-wse2", None])
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out expects a folder. Received: {out}, a file")
    for source in (one for one in sources if one is not None):
        folder = _folder_of(source)
        if folder.is_dir() and out.is_dir() and folder.samefile(out):
            raise ValueError(
                f"{out}: expected another folder for the results than {source}, which would be "
                "overwritten. Choose another --out folder."
            )


def _folder_of(source: str | Path) -> Path:
    """Return the folder that weights are read from, where it is not in a cache."""
    if not isinstance(source, Path) and Path(source).name == source:
        try:
            return find_weights(source).folder
        except KeyError:
            pass
    return Path(source)


def check_copies(sources: Iterable[str], to: Path | None) -> None:
    """See that copies of weights go to a folder each.

    Parameters
    ----------
    sources : iterable of str
        Names of the zoo, or ``hf://user/repository[@revision]``.
    to : Path or None
        Folder that holds a model folder for each; None for the cache.

    Raises
    ------
    ValueError
        If two have the same name.

    Examples
    --------
    >>> check_copies(["fcn-wse2", "hf://alice/fcn-wse2"], Path("copies"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: hf://alice/fcn-wse2: its copy would overwrite that of fcn-wse2. Give it another...
    """
    taken: dict[str, str] = {}
    for source in sources:
        name = source.partition("@")[0].rpartition("/")[2]
        if not source.startswith("hf://"):
            try:
                name = find_weights(source).name
            except KeyError:  # which is told when it is fetched
                continue
        other = taken.setdefault(name.casefold(), source)
        if to is not None and other != source:
            raise ValueError(
                f"{source}: its copy would overwrite that of {other}. Give it another --to folder. "
                "Nothing was copied."
            )
