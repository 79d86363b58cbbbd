"""Model cards: written from what lies beside the weights, never by hand."""

import json
from pathlib import Path

from stemzoo.io import write_text
from stemzoo.io.tables import table
from stemzoo.simulate.distributions import LogUniform, Normal, Uniform
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.zoo.cards.citations import bibtex_of
from stemzoo.zoo.cards.tables import certainty_tables, measured
from stemzoo.zoo.cards.tasks import TASKS, intended_use
from stemzoo.zoo.facts import FIELDS, read_facts
from stemzoo.zoo.file_names import CONDITIONS, CONFIG, RELIABILITY
from stemzoo.zoo.registry import PLAIN_NAME, WeightsEntry, list_weights

_EMULATED = """Trained on simulated images, those of the named days from **emulated** acquisition
sessions: a simulator whose optics, noise, detector and scan errors were set to the conditions that
the paper states and to the few patches that its authors show. No weights have seen the authors'
data. Another microscope, or the same one on another day, differs: check a few images by eye, and do
not trust counts from images outside the conditions above."""

_OTHERS = """Trained by those who published it, on images and simulations that
`training_data.json` names. Another microscope, or the same one on another day, differs: check a few
images by eye, and do not trust counts from images of other conditions."""


def write_cards(folder: Path) -> list[Path]:
    """Write the cards of all bundled weights.

    Parameters
    ----------
    folder : Path
        Receives ``<name>.md``; made if it does not exist.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for entry in list_weights():
        if entry.bundled:
            written.append(folder / f"{entry.name}.md")
            # As seen from model_cards/ of the source tree.
            pictures_at = f"../stemzoo/weights/{entry.name}"
            write_text(written[-1], model_card(entry, entry.folder, pictures_at=pictures_at))
    return written


def find_pictures(folder: Path, *, samples: bool = True) -> dict[str, Path]:
    """Find plots and the last sample of a training.

    Parameters
    ----------
    folder : Path
        Model folder.
    samples : bool
        Also what may show measured images: all but plots of losses and probabilities.

    Returns
    -------
    dict of str to Path
        Files by the name that they bear in a repository.
    """
    paths = [path for path in sorted(folder.glob("*.png")) if PLAIN_NAME.fullmatch(path.name)]
    if not samples:
        shown = ("training_log.png", RELIABILITY)
        return {path.name: path for path in paths if path.name.endswith(shown)}
    pictures = {path.name: path for path in paths}
    epochs = sorted(folder.glob("samples/epoch_*.png"))
    return {**pictures, "training_samples.png": epochs[-1]} if epochs else pictures


def model_card(
    entry: WeightsEntry, folder: Path, *, pictures_at: str | None = None, samples: bool = True
) -> str:
    """Write the card of a set of weights.

    Parameters
    ----------
    entry : WeightsEntry
        What the manifest says about them.
    folder : Path
        Model folder, with the JSON files that training and measuring wrote.
    pictures_at : str, optional
        Path from the card to that folder; where not given, the pictures lie beside the card, under
        the names of `find_pictures`.
    samples : bool
        As for `find_pictures`.

    Returns
    -------
    str
        Markdown with the front matter of the Hugging Face Hub.

    Raises
    ------
    FileNotFoundError
        If the folder has no ``config.json``.
    ValueError
        If a JSON file holds something else than training and measuring write.
    """
    known = {Path(name).stem: read_facts(folder, name) for name in FIELDS}
    facts = {stem: content for stem, content in known.items() if content}
    if "config" not in facts:
        raise FileNotFoundError(f"{folder}: expected a model folder. Received: no {CONFIG}")
    pictures = [
        name if pictures_at is None else f"{pictures_at}/{path.relative_to(folder).as_posix()}"
        for name, path in find_pictures(folder, samples=samples).items()
    ]
    try:
        sections = _body(entry, facts, pictures)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"{folder}: expected JSON as training and measuring write it. Received: {error!r} on "
            "writing the card"
        ) from error
    return "\n\n".join(section for section in sections if section) + "\n"


def _body(entry: WeightsEntry, facts: dict, pictures: list[str]) -> list[str]:
    summary = entry.summary.rstrip(".")
    # Others find by name only what is in the manifest of their version.
    name = entry.name if entry.bundled else f"hf://{entry.repo_id}"
    words = TASKS[entry.task]
    data = "not part of this repository."
    if _is_emulated(entry, facts):
        data = (
            "simulated by stemzoo, free to make again; the real images measured with are their "
            "authors' and not part of this repository."
        )
    return [
        _front_matter(entry, facts),
        f"# {entry.name}\n\n{summary[:1].upper()}{summary[1:]}.",
        f"## Use\n\n```sh\n{words.shell.format(name=name)}\n```\n\n"
        f'```python\nimport stemzoo\n\nmodel = stemzoo.load("{name}")\n{words.call}\n```',
        _limits(entry, facts),
        _training(entry, facts, [name for name in pictures if not name.endswith(RELIABILITY)]),
        measured(facts),
        _certainty(facts, [name for name in pictures if name.endswith(RELIABILITY)]),
        f"## Licences\n\nCode: Apache-2.0. Weights: {entry.licence}. Training data: {data}",
        f"## Cite\n\n```bibtex\n{bibtex_of(entry)}\n```",
    ]


def _certainty(facts: dict, pictures: list[str]) -> str:
    """Write the section on calibrated probabilities; empty if there are none."""
    record = facts.get("provenance", {}).get("calibration")
    if record is None:
        return ""
    sessions = ", ".join(f"`{name}`" for name in record["sessions"])
    text = (
        "## How sure\n\nEach detection has a probability that joins the network's score and the "
        "intensity of the column, and is reported from 0.35 on where nothing else is asked for. "
        f"It was fitted on {record['frames']} simulated frames of {sessions} and of wider "
        "conditions, with other seeds than the training's."
    )
    for name, one in record["classes"].items():
        if one["least_intensity"] is not None:
            text += (
                f" Columns of less than {one['least_intensity']:g} times the intensity of a full "
                f"one are not reported as `{name}`: in real images most of these were none."
            )
    measured_on = facts.get("metrics", {}).get("calibration")
    if measured_on is not None:
        text += "\n\n" + certainty_tables(measured_on)
    return "\n\n".join([text, *(f"![reliability]({name})" for name in pictures)])


def _is_emulated(entry: WeightsEntry, facts: dict) -> bool:
    """Whether nothing but the package's own simulations was trained on."""
    if entry.bundled:
        return True
    data = facts.get("training_data", {})
    simulated = all(name in SESSIONS for name in _sessions(entry, facts))
    # Frames of a folder, or translated ones, may carry what a CycleGAN saw of measured images.
    return (
        entry.task in ("detection", "denoising")
        and simulated
        and not (data.get("translate") or data.get("data"))
    )


def _front_matter(entry: WeightsEntry, facts: dict) -> str:
    parent = (facts.get("provenance", {}).get("parent") or {}).get("repository")
    lines = [
        f"license: {entry.licence.lower()}",
        "library_name: keras",
        f"pipeline_tag: {TASKS[entry.task].pipeline}",
        "tags:",
        *(f"- {tag}" for tag in ("stem", "electron-microscopy", "stemzoo", entry.material)),
        "datasets: []",
    ]
    # What a card declares, it shows.
    if measured(facts):
        lines += ["metrics:", *(f"- {metric}" for metric in TASKS[entry.task].metrics)]
    if parent:
        lines += [f"base_model: {parent}", "base_model_relation: finetune"]
    return "\n".join(["---", *lines, "---"])


def _limits(entry: WeightsEntry, facts: dict) -> str:
    config = facts["config"]["config"]
    text = "## Intended use and limits\n\n"
    text += intended_use(entry.task, entry.material, entry.session, config)
    if "conditions" in facts:
        warns, known = TASKS[entry.task].warns, facts["conditions"]["frames"]
        described = f"({known} of them are described in `{CONDITIONS}`)"
        if entry.task == "denoising":
            text += (
                f"\n\n`stemzoo {warns}` warns of an image that is unlike the frames that these "
                f"weights were trained on {described}."
            )
        else:
            text += (
                "\n\n`stemzoo match image.tif` tells whether an image is like the frames that "
                f"these weights were trained on {described}, and `stemzoo {warns}` warns of one "
                "that is not."
            )
    if not _is_emulated(entry, facts):
        return f"{text}\n\n{_OTHERS}"
    named = [SESSIONS[name] for name in _sessions(entry, facts) if name in SESSIONS]
    if named:
        text += "\n\n## Conditions\n\n" + table(
            ("session", "voltage", "pixel", "dose counted", "collection"),
            [_conditions(session) for session in named],
        )
    return f"{text}\n\n{_EMULATED}"


def _sessions(entry: WeightsEntry, facts: dict) -> list[str]:
    """Sessions of the frames that were trained on, as far as folder and manifest tell."""
    listed = facts.get("training_data", {}).get("session") or [entry.session]
    names = [listed] if isinstance(listed, str) else listed
    several = {entry.session: entry.sessions} if entry.sessions else {}
    return [one for name in names for one in several.get(name, (name,))]


def _range(value, scale: float = 1.0) -> str:
    """Middle and spread, or ends, of a distribution."""
    if isinstance(value, Normal):
        return f"{_short(value.mean * scale)} ± {_short(value.std * scale)}"
    if isinstance(value, Uniform | LogUniform):
        return f"{_short(value.low * scale)} to {_short(value.high * scale)}"
    return _short(value * scale)


def _short(value: float) -> str:
    """Three digits, or whole numbers from 100 on: no powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _conditions(session: AcquisitionSession) -> tuple[str, ...]:
    # Electrons counted: current times dwell time times efficiency; one of the three may vary.
    numbers = {name: getattr(session, name) for name in ("current", "dwell_time", "efficiency")}
    fixed = 1e-12 / 1.602176634e-19
    varying = 1.0
    for value in numbers.values():
        if isinstance(value, int | float):
            fixed *= value
        else:
            varying = value
    return (
        f"`{session.name}`",
        f"{session.energy / 1e3:.0f} kV",
        f"{_range(session.sampling, 100)} pm",
        f"{_range(varying, fixed)} electrons per pixel",
        f"{session.inner:.0f} to {session.outer:.0f} mrad",
    )


def _training(entry: WeightsEntry, facts: dict, pictures: list[str]) -> str:
    data, recipe = facts.get("training_data", {}), facts.get("recipe", {})
    shown = [f"![{Path(name).stem.replace('_', ' ')}]({name})" for name in pictures]
    if not recipe:
        return "\n\n".join(["## Training", *shown]) if shown else ""
    what = [f"`{n}`" for n in (data["session"] if isinstance(data.get("session"), list) else [])]
    what += [f"simulations translated by `{name}`" for name in data.get("translate", [])]
    if folders := data.get("data"):
        what.append(f"the labelled images of {', '.join(f'`{name}`' for name in folders)}")
    if "experimental" in data:
        frames = "emulated frames" if _is_emulated(entry, facts) else "measured images"
        what.append(
            f"{len(data['experimental'])} {frames} of `{data.get('session') or entry.session}` and "
            f"{data['simulated']} clean simulations"
        )
    text = "## Training\n\n"
    text += f"On {', '.join(what)}. " if what else ""
    if data.get("from"):
        text += f"It started from the weights `{data['from']}`. "
    text += "The recipe, as the program wrote it:\n\n"
    text += "```json\n" + json.dumps(recipe) + "\n```"
    return "\n\n".join([text, *shown])
