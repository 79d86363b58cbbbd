"""Detections as other programs take them: JSON, pandas, napari, HyperSpy, Matplotlib."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from stemzoo.inference.advice import match_facts
from stemzoo.inference.counted_defects import CountedDefects
from stemzoo.inference.found_defects import FoundDefects
from stemzoo.io.images import as_image
from stemzoo.io.json_files import parse_json
from stemzoo.plotting import COLOURS, RING, detections_figure

# Version of what `detection_facts` returns; `detections.schema.json` describes it.
FORMAT = 1


def detection_facts(found: CountedDefects) -> dict[str, Any]:
    """Return how defects were found and how many there are, as JSON holds it.

    Parameters
    ----------
    found : Detections
        The defects.

    Returns
    -------
    dict
        All that `Detections.to_dict` holds but the defects themselves.
    """
    names = tuple(found.counts())
    share = 1.0 if found.crystal is None else float(found.crystal.mask.share)
    expected = {name: found.expectation(name) for name in names}
    return {
        "format": FORMAT,
        "shape": list(found.shape),
        "weights": found.model,
        "weights_source": found.model_source,
        "material": None if found.material is None else str(found.material),
        "pixel_size_pm": round(found.sampling * 100, 4),
        "pixel_size_source": found.sampling_source,
        "threshold": found.threshold,
        "tta": found.tta,
        **match_facts(found.match),
        "trusted": found.trusted,
        "doubts": list(found.doubts),
        "notes": list(found.notes),
        "undone": list(found.undone),
        "lattice": _lattice_facts(found),
        "outline": [] if found.crystal is None else found.crystal.outline(),
        "crystal_nm2": round(found.area_nm2, 3),
        "crystal_share": round(share, 6),
        "counts": found.counts(),
        "density_per_nm2": {name: _known(asdict(found.density(name))) for name in names},
        "sites": found.sites,
        "density_per_site": {
            name: _known(asdict(found.density(name, per="site"))) for name in names
        },
        "calibrated": found.probability is not None,
        "expected": {
            name: _known(asdict(one)) for name, one in expected.items() if one is not None
        },
    }


def _lattice_facts(found: FoundDefects) -> dict[str, Any] | None:
    """Return the lattice that was found, None where there is none."""
    lattice = None if found.crystal is None else found.crystal.pixel_size.lattice
    if lattice is None:
        return None
    return {
        "vectors": np.round(lattice.vectors, 4).tolist(),
        "rotation_deg": round(lattice.rotation, 3),
        "strain": round(lattice.strain, 5),
        "confidence": round(lattice.confidence, 3),
    }


def _known(value: Any) -> Any:
    """Return figures with None for those that are not known (NaN)."""
    if isinstance(value, dict):
        return {key: _known(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and value != value else value


@cache
def detections_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of what `Detections.to_dict` returns, which says what each entry is.

    Returns
    -------
    mapping
        JSON Schema, draft 2020-12; the file is ``stemzoo/inference/detections.schema.json``.

    Examples
    --------
    >>> detections_schema()["properties"]["threshold"]["type"]
    'number'
    """
    text = resources.files("stemzoo.inference").joinpath("detections.schema.json").read_bytes()
    return parse_json(text)


def data_frame(found: FoundDefects) -> Any:
    """Return detections as a pandas DataFrame; see `Detections.to_frame`."""
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to_frame() expects pandas. Received: it is not installed. Run: pip install "
            "'stemzoo[results]' (or use found.rows(), to_dict(), or the CSV).",
            name="pandas",
        ) from error
    columns = found.columns()
    return pandas.DataFrame(dict(columns), columns=list(columns))


def napari_layers(found: FoundDefects, image: Any = None) -> list[tuple[Any, dict[str, Any], str]]:
    """Return detections as layers of napari; see `Detections.to_napari`."""
    layers: list[tuple[Any, dict[str, Any], str]] = []
    if image is not None:
        data = np.ma.filled(np.ma.asarray(image).astype(np.float32), np.nan)
        # From the 0.5 % to the 99.5 % quantile, as the overlay shows it.
        low, high = np.nanpercentile(data, [0.5, 99.5]).tolist()
        limits = {"contrast_limits": [low, high]} if low < high else {}  # napari takes no others
        layers.append((data, {"name": "image", **limits}, "image"))
    columns = found.columns()
    labels = np.array(found.classes, dtype=object)
    diameter = 2 * RING / found.sampling
    for k, name in enumerate(found.counts()):
        own = np.flatnonzero(labels == name)
        features = {key: values[own] for key, values in columns.items() if key != "class"}
        options = {
            "name": name,
            "features": features,
            "size": diameter,
            "face_color": "transparent",
            "border_color": COLOURS[k % len(COLOURS)],
            "border_width": 0.1,
        }
        layers.append((np.reshape(found.positions, (-1, 2))[own], options, "points"))
    return layers


def hyperspy_markers(found: FoundDefects, signal: Any = None) -> list[Any]:
    """Return detections as markers of HyperSpy; see `Detections.to_hyperspy_markers`."""
    try:
        from hyperspy.api import plot
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to_hyperspy_markers() expects HyperSpy. Received: it is not installed. Run: pip "
            "install 'stemzoo[hyperspy]' (or use found.plot(), or found.to_napari()).",
            name="hyperspy",
        ) from error
    scale, offset = np.full(2, found.sampling / 10), np.zeros(2)
    if signal is not None:
        axes = signal.axes_manager.signal_axes
        shape = tuple(axis.size for axis in axes)[::-1]
        if shape != tuple(found.shape):
            raise ValueError(
                f"Expected the signal that was looked at, of {found.shape[0]} x {found.shape[1]} "
                f"pixels; give that one, or none for markers in nm. Received: a signal of {shape}"
            )
        scale, offset = (np.array([getattr(a, key) for a in axes]) for key in ("scale", "offset"))
    labels = np.array(found.classes, dtype=object)
    points = np.reshape(found.positions, (-1, 2))[:, ::-1] * scale + offset
    width = 2 * RING / found.sampling * scale[0]
    return [
        plot.markers.Circles(
            offsets=points[labels == name],
            sizes=[width],
            edgecolors=COLOURS[k % len(COLOURS)],
            linewidths=1.5,
            name=name,
        )
        for k, (name, count) in enumerate(found.counts().items())
        if count
    ]


def shown_figure(found: FoundDefects, image: Any = None, axes: Any = None) -> Any:
    """Return detections as a figure of Matplotlib; see `Detections.plot`."""
    if image is None:
        if found.crystal is None:
            raise ValueError(
                "plot() expects the image that was looked at: found.plot(image). Received: none, "
                "and these detections keep none"
            )
        image = found.crystal.image
    pixels = as_image(image).data
    if pixels.shape != tuple(found.shape):
        raise ValueError(
            f"plot() expects the image that was looked at, of {found.shape[0]} x "
            f"{found.shape[1]} pixels. Received: shape {pixels.shape}"
        )
    return detections_figure(pixels, found, axes)
