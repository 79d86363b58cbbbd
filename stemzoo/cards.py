"""Model cards: written from what lies beside the weights, never by hand."""

import json
from pathlib import Path

from stemzoo.citations import bibtex
from stemzoo.io import write_text
from stemzoo.registry import WeightsEntry, list_weights
from stemzoo.simulate.distributions import LogUniform, Normal, Uniform
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.simulate.sessions import AcquisitionSession

_PIPELINES = {"detection": "image-segmentation", "translation": "image-to-image"}
_METRICS = {"detection": ("precision", "recall", "f1"), "translation": ("kl_divergence",)}
_EMULATED = """Trained on simulated images, those of the named days from **emulated** acquisition
sessions: a simulator whose optics, noise, detector and scan errors were set to the conditions that
the paper states and to the few patches that its authors show. No weights have seen the authors'
data. Another microscope, or the same one on another day, differs: check a few images by eye, and do
not trust counts from images outside the conditions above."""
_CLASSES = {
    "se_vacancy": "one Se of a column is missing (O or S in its place looks alike)",
    "se_divacancy": "both Se of a column are missing",
    "metal_dark": "the metal is missing or replaced by a lighter one",
    "bright": "something heavier than expected, or an adatom",
}
# Table 1 of the paper, by session: FID of simulations and of CycleGAN images.
_PAPER_FID = {
    "wse2-dayA": (31.87, 0.35),
    "wse2-dayB": (31.87, 0.35),
    "graphene": (32.69, 1.66),
    "srtio3": (19.60, 0.47),
}


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
            write_text(written[-1], model_card(entry, entry.folder))
    return written


def model_card(entry: WeightsEntry, folder: Path) -> str:
    """Write the card of a set of weights.

    Parameters
    ----------
    entry : WeightsEntry
        What the manifest says about them.
    folder : Path
        Model folder, with the JSON files that training and measuring wrote.

    Returns
    -------
    str
        Markdown with the front matter of the Hugging Face Hub.

    Raises
    ------
    FileNotFoundError
        If the folder has no `config.json`.
    """
    facts = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
    if "config" not in facts:
        raise FileNotFoundError(f"{folder}: expected a model folder. Received: no config.json")
    sections = [
        _front_matter(entry, facts),
        f"# {entry.name}\n\n{entry.summary[0].upper()}{entry.summary[1:]}.",
        _use(entry),
        _limits(entry, facts),
        _training(facts),
        _measured(facts),
        _licences(entry),
        f"## Cite\n\n```bibtex\n{bibtex(real_data='metrics_real' in facts)}\n```",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(entry: WeightsEntry, facts: dict) -> str:
    parent = (facts.get("provenance", {}).get("parent") or {}).get("repository")
    lines = [
        f"license: {entry.licence.lower()}",
        "library_name: keras",
        f"pipeline_tag: {_PIPELINES[entry.task]}",
        "tags:",
        *(f"- {tag}" for tag in ("stem", "electron-microscopy", "stemzoo", entry.material)),
        "datasets: []",
        "metrics:",
        *(f"- {metric}" for metric in _METRICS[entry.task]),
    ]
    if parent:
        lines += [f"base_model: {parent}", "base_model_relation: finetune"]
    return "\n".join(["---", *lines, "---"])


def _use(entry: WeightsEntry) -> str:
    if entry.task == "detection":
        shell = f"stemzoo detect image.tif --weights {entry.name}"
        call = "stemzoo.detect(image, model, sampling=0.2074)  # Å per pixel"
    else:
        shell = f"stemzoo translate simulation.tif --weights {entry.name}"
        call = 'stemzoo.translate(simulation, model, "sim-to-exp")'
    return (
        f"## Use\n\n```sh\n{shell}\n```\n\n```python\nimport stemzoo\n\n"
        f'model = stemzoo.load("{entry.name}")\n{call}\n```'
    )


def _limits(entry: WeightsEntry, facts: dict) -> str:
    config = facts["config"]["config"]
    text = "## Intended use and limits\n\n"
    if entry.task == "detection":
        text += "Finds and classifies point defects in annular dark-field images of "
        text += f"{entry.material}:\n\n"
        text += "\n".join(f"- `{c}`: {_CLASSES.get(c, c)}" for c in config["classes"])
    else:
        text += (
            f"Makes clean simulations of {entry.material} look like images of the session "
            f"`{entry.session}` without moving their labels (`sim-to-exp`), or takes noise away "
            "(`exp-to-sim`). It learns one session: images of another one are not like what it "
            "makes. Denoised images are for the eye: do not measure intensities in them."
        )
    named = [SESSIONS[name] for name in _sessions(entry, facts) if name in SESSIONS]
    if named:
        text += "\n\n## Conditions\n\n" + _table(
            ("session", "voltage", "pixel", "dose counted", "collection"),
            [_conditions(session) for session in named],
        )
    return f"{text}\n\n{_EMULATED}"


def _sessions(entry: WeightsEntry, facts: dict) -> list[str]:
    data = facts.get("training_data", {})
    listed = data.get("session") or []
    names = [listed] if isinstance(listed, str) else listed
    names = names or [entry.session]
    return [part for name in names for part in _parts(name)]


def _parts(name: str) -> list[str]:
    """Split wse2-dayAB into the two days that it stands for."""
    return [name[:-1], name[:-2] + name[-1]] if name.endswith("-dayAB") else [name]


def _range(value, scale: float = 1.0) -> str:
    """Middle and spread, or ends, of a distribution."""
    if isinstance(value, Normal):
        return f"{value.mean * scale:.3g} ± {value.std * scale:.2g}"
    if isinstance(value, Uniform | LogUniform):
        return f"{value.low * scale:.3g} to {value.high * scale:.3g}"
    return f"{value * scale:.3g}"


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


def _table(head, rows) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def _training(facts: dict) -> str:
    data, recipe = facts.get("training_data", {}), facts.get("recipe", {})
    if not recipe:
        return ""
    what = [f"`{n}`" for n in (data["session"] if isinstance(data.get("session"), list) else [])]
    what += [f"simulations translated by `{name}`" for name in data.get("translate", [])]
    if "experimental" in data:
        what.append(
            f"{len(data['experimental'])} emulated frames of `{data['session']}` and "
            f"{data['simulated']} clean simulations"
        )
    text = "## Training\n\n"
    text += f"On {', '.join(what)}. " if what else ""
    if data.get("from"):
        text += f"It started from the weights `{data['from']}`. "
    text += "The recipe, as the program wrote it:\n\n"
    return text + "```json\n" + json.dumps(recipe) + "\n```"


def _measured(facts: dict) -> str:
    parts = []
    if "test_sets" in facts.get("metrics", {}):
        parts.append(_detection_table(facts["metrics"]))
    if "metrics_real" in facts:
        parts.append(_real_table(facts["metrics_real"]))
    if "metrics" in facts.get("metrics", {}):
        parts.append(_translation_table(facts["metrics"]))
    return "## Measured\n\n" + "\n\n".join(parts) if parts else ""


def _detection_table(metrics: dict) -> str:
    rows = [
        (
            f"`{part['session']}`",
            name,
            score["labelled"],
            f"{score['precision']:.3f}",
            f"{score['recall']:.3f}",
            f"{score['f1']:.3f}",
        )
        for part in metrics["test_sets"]
        for name, score in part["classes"].items()
    ]
    frames = metrics["test_sets"][0]["frames"]
    return (
        f"On {frames} frames of 1024² pixels a session that no weights were trained on, threshold "
        f"{metrics['threshold']}, matches within {metrics['matching_radius_angstrom']:.2f} Å:\n\n"
        + _table(("session", "class", "labelled", "precision", "recall", "F1"), rows)
    )


def _real_table(metrics: dict) -> str:
    rows = [
        (
            part["image"],
            part["hits"] + part["misses"],
            f"{part['precision']:.3f}",
            f"{part['recall']:.3f}",
            f"{part['f1']:.3f}",
        )
        for part in metrics["images"]
    ]
    return (
        "Single Se vacancies in real images of monolayer WSe2 (SKKU-STEM/TEMworkshop29_DL; labels "
        "from fitted columns), measured with, not trained on:\n\n"
        + _table(("image", "labelled", "precision", "recall", "F1"), rows)
    )


def _translation_table(metrics: dict) -> str:
    def cell(part):
        if part is None:
            return "-"
        interval = "" if part["low"] is None else f" ({part['low']:.3g} to {part['high']:.3g})"
        return f"{part['value']:.3g}{interval}"

    rows = [
        (m["name"], cell(m["generated"]), cell(m["floor"]), cell(m["ceiling"]))
        for m in metrics["metrics"]
    ]
    counts = ", ".join(f"{n} {name}" for name, n in metrics["images"].items())
    text = (
        f"{counts} images of {metrics['size']}² pixels that it was not trained on. Floor: measured "
        "against measured. Ceiling: clean simulations. In brackets 95 % of a bootstrap over "
        "images.\n\n" + _table(("figure", "generated", "floor", "ceiling"), rows)
    )
    paper = _PAPER_FID.get(metrics.get("session"))
    if paper:
        text += (
            f"\n\nThe paper, with the FID of its own protocol on its own images: {paper[1]} for "
            f"the CycleGAN's, {paper[0]} for simulations."
        )
    khan = metrics.get("frechet_khan2023")
    if khan:
        text += (
            f" With the channels of that protocol and EfficientNet-Lite0: {khan['generated']:.3g}, "
            f"simulations {khan['simulated']:.3g}, floor {khan['floor']:.3g}."
        )
    text += _preservation(metrics.get("preservation") or {})
    denoised = metrics.get("denoising")
    if denoised:
        rows = [(k, f"{v['psnr']:.1f} dB", f"{v['ssim']:.2f}") for k, v in denoised.items()]
        text += "\n\nThe other direction, against the expected image:\n\n"
        text += _table(("image", "PSNR", "SSIM"), rows)
    return text


def _preservation(found: dict) -> str:
    """Table of label preservation; the floor is a session's frames, whose labels are all true."""
    columns = {name: part for name, part in found.items() if part}
    if "generated" not in columns:
        return ""

    def corrected(values):
        return f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})"

    lines = {
        "removed of 1,000 labelled vacancies": lambda p: f"{p['removed_per_1000']:.0f}",
        "the same without misreadings by noise": lambda p: corrected(
            p["removed_corrected_per_1000"]
        ),
        "invented in 1,000 intact sites": lambda p: f"{p['invented_per_1000']:.0f}",
        "the same without misreadings by noise ": lambda p: corrected(
            p["invented_corrected_per_1000"]
        ),
        "moved by more than 0.5 Å": lambda p: p["moved"],
        "intensity of a vacancy, of a full column": lambda p: f"{p['contrast_of_vacancies']:.2f}",
        "labelled vacancies": lambda p: p["labelled"],
    }
    rows = [(text, *(value(part) for part in columns.values())) for text, value in lines.items()]
    return (
        "\n\nLabel preservation from column intensities (floor: the session's own frames, whose "
        "labels are all true):\n\n" + _table(("", *columns), rows)
    )


def _licences(entry: WeightsEntry) -> str:
    return (
        "## Licences\n\nCode: Apache-2.0. "
        f"Weights: {entry.licence}. Training data: simulated by stemzoo, free to make again; the "
        "real images measured with are their authors' and not part of this repository."
    )
