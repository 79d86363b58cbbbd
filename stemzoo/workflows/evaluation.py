"""Image files in, a report out: JSON, and one HTML file with its pictures inside."""

import base64
import glob
import html
import io as memory
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import __version__, io
from stemzoo.analysis.resampling import resample_image
from stemzoo.analysis.spectrum import radial_power_spectrum
from stemzoo.metrics.evaluation import CLASSIFIER_STEPS, Evaluation, evaluate
from stemzoo.plotting import plot_pictures
from stemzoo.preprocessing import rescale
from stemzoo.workflows.datasets import ONE_PIXEL_SIZE, ExperimentalSet, experimental_set
from stemzoo.workflows.outputs import make_folder, plan_outputs, written_whole
from stemzoo.workflows.paths import Failed, find_files
from stemzoo.zoo.file_names import EVALUATION

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: 0.35rem 0.7rem; border-bottom: 1px solid #ddd }
td + td { font-variant-numeric: tabular-nums }
small { color: #666; display: block } img { max-width: 100% }
"""
_PICTURE = 256
_COLOURS = {"measured": "#0072B2", "generated": "#D55E00", "simulated": "#777777"}


def evaluate_files(
    real: str,
    fake: str,
    out: Path,
    *,
    simulated: str | None = None,
    material: str,
    sampling: float | None = None,
    extractor: str = "efficientnet-lite0",
    protocol: str = "standard",
    patch: int = 256,
    classifier: bool = True,
    seed: int = 0,
    failed: Failed | None = None,
) -> Evaluation:
    """Compare generated with measured image files; write evaluation.json and evaluation.html.

    Parameters
    ----------
    real, fake : str
        Folders or patterns of measured and of generated images.
    out : Path
        Folder for the report.
    simulated : str, optional
        Folder or pattern of raw simulations, for the ceiling.
    material : str
        Entry of `MATERIALS`.
    sampling : float, optional
        Pixel size [Å/px], for files that lack it.
    extractor, protocol, patch
        As in `stemzoo.evaluate`.
    classifier : bool
        Whether to make the two-sample test.
    seed : int
        Of all randomness.
    failed : callable, optional
        Takes a file that cannot be used, and why: the others are compared.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with the files.
    """
    names = {"measured": real, "generated": fake, "simulated": simulated}
    files = {name: _files(source) for name, source in names.items() if source is not None}
    inputs = [path for paths in files.values() for path in paths]
    results = [(Path("evaluation"), (EVALUATION, "evaluation.html"))]
    plan_outputs(results, out, inputs=inputs)
    found = {
        name: experimental_set(paths, material, sampling, failed) for name, paths in files.items()
    }
    make_folder(out)
    sampling = found["measured"].sampling
    sets = {name: _images_at(part, sampling, name) for name, part in found.items()}
    report = evaluate(
        **sets,
        sampling=sampling,
        material=material,
        extractor=extractor,
        protocol=protocol,
        patch=patch,
        classifier_steps=CLASSIFIER_STEPS if classifier else 0,
        rng=np.random.default_rng(seed),
    )
    hashes = {name: part.hashes for name, part in found.items()}
    content = {"stemzoo": __version__, "seed": seed, **report.to_dict(), "files": hashes}
    with written_whole(out) as folder:
        io.write_json(folder / EVALUATION, content)
        io.write_text(folder / "evaluation.html", evaluation_page(report, sets))
    return report


def _images_at(part: ExperimentalSet, sampling: float, name: str) -> Sequence[np.ndarray]:
    """Bring a set to the pixel size of the measured images; one that is all but theirs stays."""
    if abs(part.sampling / sampling - 1) <= ONE_PIXEL_SIZE:
        return part.images
    images = [
        resample_image(image, part.sampling, sampling, f"{name} image {i}")
        for i, image in enumerate(part.images)
    ]
    if name == "generated":
        warnings.warn(
            f"generated images of {part.sampling * 100:.2f} pm per pixel are resampled to the "
            f"measured ones' {sampling * 100:.2f} pm, which changes their noise: spectrum and "
            "two-sample accuracy may tell that alone. Compare images of one pixel size",
            stacklevel=3,
        )
    return images


def _files(source: str) -> list[Path]:
    """Every TIFF of a folder, a file, or what a pattern matches."""
    pattern = str(Path(glob.escape(source)) / "*.tif*") if Path(source).is_dir() else source
    return find_files([pattern])


def evaluation_page(found: Evaluation, sets: Mapping[str, Sequence[np.ndarray]]) -> str:
    """Write the report of an evaluation.

    Parameters
    ----------
    found : Evaluation
        What `evaluate` returned.
    sets : mapping of str to sequence of ndarray
        ``"measured"``, ``"generated"`` and perhaps ``"simulated"`` images, for the pictures.

    Returns
    -------
    str
        A whole HTML page that needs no other file.
    """
    sets = {name: images for name, images in sets.items() if len(images)}
    counts = ", ".join(f"{n} {name}" for name, n in found.images.items())
    metrics = "".join(
        f"<tr><td>{_safe(m.name)}<small>{_safe(m.note)}</small></td>"
        + "".join(f"<td>{_safe(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for m, row in zip(found.metrics, found.rows(), strict=True)
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Generated against measured images</title>
<style>{_STYLE}</style></head><body>
<h1>Generated against measured images</h1>
<p>{counts} images of {found.sampling * 100:.2f} pm per pixel; features of patches of
{found.patch} px. Intervals hold 95 % of a bootstrap over images.</p>
<table><tr><th>figure</th><th>generated</th><th>floor<small>measured against measured</small></th>
<th>ceiling<small>raw simulations</small></th></tr>{metrics}</table>
{_descriptions(found)}
<h2>Pictures</h2><img alt="images and power spectra" src="{_pictures(sets)}">
<h2>Spectra and intensities</h2>
<img alt="radial power spectra and histograms" src="{_curves(sets, found.sampling)}">
<p><small>stemzoo {__version__}</small></p></body></html>
"""


def _safe(text: object) -> str:
    return html.escape(str(text))


def _descriptions(found: Evaluation) -> str:
    if not found.descriptions:
        return ""
    columns = {
        "low": "haze (below half the innermost ring)",
        "bragg": "reflections",
        "rest": "rest",
        "information_limit": "information limit [pm]",
    }
    head = "".join(f"<th>{_safe(title)}</th>" for title in columns.values())
    rows = ""
    for name, values in found.descriptions.items():
        cells = [f"{values[key]:.3f}" for key in ("low", "bragg", "rest")]
        cells.append(f"{values['information_limit'] * 100:.0f}")
        rows += f"<tr><td>{_safe(name)}</td>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>"
    return f"<h2>Share of the power</h2><table><tr><th>images</th>{head}</tr>{rows}</table>"


def _source(write: Callable[[Any], object]) -> str:
    """Return the data address of the PNG that a function writes to a file object."""
    buffer = memory.BytesIO()
    write(buffer)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _pictures(sets: Mapping[str, Sequence[np.ndarray]]) -> str:
    shown = {}
    for name, images in sets.items():
        rows, columns = (max((n - _PICTURE) // 2, 0) for n in images[0].shape)
        part = rescale(images[0])[rows : rows + _PICTURE, columns : columns + _PICTURE]
        shown[name] = part
    return _source(lambda buffer: plot_pictures(shown, buffer))


def _curves(sets: Mapping[str, Sequence[np.ndarray]], sampling: float) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    lowest = 0.0
    for name, images in sets.items():
        scaled = [rescale(image) for image in images]
        bins = min(64, min(min(x.shape) for x in scaled) // 2)
        curves = [radial_power_spectrum(x, sampling, bins=bins) for x in scaled]
        colour = _COLOURS[name]
        mean = np.mean([power for _, power in curves], 0)
        left.plot(curves[0][0], mean, color=colour, label=name)
        if name != "simulated":  # has no noise, and would stretch the axis
            lowest = min(lowest, mean.min())
        values = np.concatenate([x.ravel()[::7] for x in scaled])
        right.hist(
            values, 64, range=(-1, 1), density=True, histtype="step", color=colour, label=name
        )
    left.set(xlabel="spatial frequency [1/Å]", ylabel="log10 of the power", ylim=(lowest - 1, None))
    right.set(xlabel="intensity", ylabel="density")
    left.legend()
    return _source(lambda buffer: figure.savefig(buffer, dpi=110, format="png"))
