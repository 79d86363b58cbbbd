"""stemzoo in napari: open images, find defects in a dock beside them, write what was corrected."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.app.napari_layers import find_layers, get_reader, sampling_of, write_points
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.zoo.hub import load
from stemzoo.zoo.model_folder import kind_of
from stemzoo.zoo.registry import list_weights

__all__ = ["defects_widget", "get_reader", "write_points"]

AS_SHOWN = "as the image shows"
_UNKNOWN = "0: that of the layer, else measured from the lattice"


def defects_widget() -> Any:
    """Return the dock: image, weights, threshold, and a button that finds the defects.

    Returns
    -------
    magicgui.widgets.FunctionGui
        It computes in another thread; points by class appear as layers above the image, and what
        is to be known of them below the button.

    Examples
    --------
    >>> viewer.window.add_dock_widget(defects_widget())  # doctest: +SKIP
    """
    import napari
    from magicgui import magicgui, widgets
    from napari.qt.threading import create_worker
    from napari.utils.notifications import show_warning

    names = [entry.name for entry in list_weights(task="detection") if entry.bundled]
    said = widgets.TextEdit(value="", label="")
    said.read_only = True
    loaded = _Detectors()

    @magicgui(
        call_button="Find defects",
        weights={"choices": [AS_SHOWN, *names]},
        folder={"mode": "d", "label": "or own weights"},
        threshold={"widget_type": "FloatSlider", "min": 0.05, "max": 0.95, "step": 0.05},
        pixel_size={"label": "pixel size (pm)", "max": 500.0, "step": 0.01, "tooltip": _UNKNOWN},
    )
    def find(
        viewer: napari.Viewer,
        image: napari.layers.Image,
        weights: str = AS_SHOWN,
        folder: Path = Path(),
        threshold: float = 0.35,
        pixel_size: float = 0.0,
    ) -> None:
        pixels = shown_frame(image, viewer.dims.current_step)
        given = pixel_size / 100 if pixel_size > 0 else sampling_of(image.scale, image.units)
        options = {"name": image.name, "threshold": threshold, "placed": placement(image)}
        source = str(folder) if folder != Path() else weights

        def work() -> tuple[list[Any], str, bool]:
            return find_layers(pixels, given, loaded.get(source), **options)

        def show(result: tuple[list[Any], str, bool]) -> None:
            layers, text, trusted = result
            for layer in layers:
                if layer[1]["name"] in viewer.layers:
                    viewer.layers.remove(layer[1]["name"])
                viewer.add_layer(napari.layers.Layer.create(*layer))
            said.value = text
            if not trusted:
                show_warning(f"{image.name}: {text.splitlines()[1]}")

        def fail(error: Exception) -> None:
            said.value = f"nothing found: {' '.join(str(error).split())}"

        button: Any = find.call_button
        button.enabled = False
        said.value = "computing ..."
        worker = create_worker(work)
        worker.returned.connect(show)
        worker.errored.connect(fail)
        worker.finished.connect(lambda: setattr(button, "enabled", True))
        worker.start()

    find.append(said)
    return find


class _Detectors:
    """Detectors by what the dock calls them, each loaded once.

    By ONNX Runtime where there is a network for it: it starts at once, and TensorFlow may end the
    process where the drivers of the graphics card bring another LLVM, as Mesa's do.
    """

    def __init__(self) -> None:
        runtime = "onnx" if find_spec("onnxruntime") else None
        self._loaded: dict[str, Any] = {AS_SHOWN: BundledDetectors(runtime=runtime)}
        self._runtime = runtime

    def get(self, source: str) -> Any:
        """Return the detectors of the package to choose from, or one of its own."""
        if source not in self._loaded:
            try:
                model = load(source, runtime=self._runtime)
            except FileNotFoundError:  # without a network for ONNX Runtime, or not there at all
                model = load(source)
            if model.task != "detection":
                raise ValueError(
                    f"{source}: expected weights of a detector. Received: a {kind_of(model)}. "
                    "Choose others."
                )
            self._loaded[source] = model
        return self._loaded[source]


def shown_frame(image: Any, step: tuple[int, ...]) -> np.ndarray:
    """Return the frame of a layer that is shown.

    Parameters
    ----------
    image : napari.layers.Image
        A grey image, or a stack.
    step : tuple of int
        Where the viewer's sliders are.

    Returns
    -------
    ndarray of shape (M, N)

    Raises
    ------
    ValueError
        For a picture in colours.
    """
    if image.rgb:
        raise ValueError(
            f"{image.name}: expected grey levels. Received: a picture in colours. Split its "
            "channels (right click on the layer: Split RGB)."
        )
    data = image.data
    return np.asarray(data[tuple(step[: data.ndim - 2])] if data.ndim > 2 else data)


def placement(image: Any) -> dict[str, Any]:
    """Return the options that place points as an image is placed.

    Parameters
    ----------
    image : napari.layers.Image
        The image.

    Returns
    -------
    dict
    """
    return {
        "scale": np.asarray(image.scale)[-2:],
        "translate": np.asarray(image.translate)[-2:],
        "units": tuple(str(unit) for unit in image.units[-2:]),
    }
