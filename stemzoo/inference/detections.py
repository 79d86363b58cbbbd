"""Defects that were found in an image, as arrays, counts, densities and a table."""

from dataclasses import dataclass
from typing import Any

from stemzoo.inference.counted_defects import CountedDefects
from stemzoo.inference.exports import (
    data_frame,
    detection_facts,
    hyperspy_markers,
    napari_layers,
    shown_figure,
)
from stemzoo.inference.found_defects import COLUMNS

__all__ = ["COLUMNS", "Detections"]


@dataclass(frozen=True, eq=False)
class Detections(CountedDefects):
    """Point defects found in an image, the most certain first.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column in the input image [px], sub-pixel.
    classes : tuple of str
        Class of each.
    scores : ndarray of shape (K,)
        Mean class probability around each, 0 to 1.
    sampling : float
        Pixel size of the input image [Å/px].
    sampling_source : str
        Where the pixel size comes from.
    shape : tuple of int
        Shape of the input image.
    model_classes : tuple of str
        Classes that the model knows, in its order.
    model : str
        Name of the model.
    threshold : float
        Lowest probability that was reported; lowest score, where there are no probabilities.
    tta : bool
        Whether the probabilities are means over the 8 rotations and flips.
    match : Match or None
        How the image fits the frames that the model was trained on; None where that is not known.
    crystal : SeenCrystal or None
        Where the crystal is: defects are reported there only.
    notes : tuple of str
        What of the image was left out or turned, and why.
    doubts : tuple of str
        Why the result should not be trusted, each with the next step.
    readings : ColumnReadings or None
        What a column fit measures at each place; None where there was none.
    material : str or Material or None
        Material of the crystal.
    probability : ndarray of shape (K,), or None
        That each is a defect of its class, by score and column; None if the weights are not
        calibrated.
    counted : mapping of str to ExpectedCount
        How many defects of each class the whole image is likely to hold; empty if the weights are
        not calibrated.
    undone : tuple of str
        What the scan did to the image and was undone before it was looked at, and how strong it
        was.
    model_source : str
        Why it was this model: "given", or what the image shows.

    Examples
    --------
    >>> import numpy as np
    >>> points, scores = np.array([[3.0, 4.0], [8.0, 1.0]]), np.array([0.9, 0.6])
    >>> found = Detections(points, ("se_vacancy", "w_vacancy"), scores, 0.2, "given", (64, 64))
    >>> found.select(threshold=0.7).counts()
    {'se_vacancy': 1}
    """

    def to_frame(self) -> Any:
        """Return the table of `COLUMNS` as a pandas DataFrame, one row a defect.

        Returns
        -------
        pandas.DataFrame
            What ``pandas.read_csv`` makes of the table that `stemzoo detect` writes.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed; the message says how to get it.

        Examples
        --------
        >>> found.to_frame().groupby("class").score.mean()  # doctest: +SKIP
        """
        return data_frame(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the defects and how they were found, as JSON holds it.

        Returns
        -------
        dict
            What `stemzoo.inference.exports.detections_schema` describes, entry by entry.

        Examples
        --------
        >>> import numpy as np
        >>> found = Detections(np.array([[3.0, 4.0]]), ("a",), np.array([0.9]), 1.0, "", (64, 64))
        >>> found.to_dict()["counts"], found.to_dict()["detections"][0]["x_nm"]
        ({'a': 1}, 0.4)
        """
        return {**detection_facts(self), "detections": list(self)}

    def to_napari(self, image: Any = None) -> list[tuple[Any, dict[str, Any], str]]:
        """Return the defects as layers of napari, one a class: rings in pixels of the image.

        Parameters
        ----------
        image : ndarray of shape (M, N), optional
            The image, as a layer below them.

        Returns
        -------
        list of (data, options, kind)
            Layer data tuples; the table's columns are features of the points. napari is not
            imported.

        Examples
        --------
        >>> for layer in found.to_napari(image):  # doctest: +SKIP
        ...     viewer.add_layer(napari.layers.Layer.create(*layer))
        """
        return napari_layers(self, image)

    def to_hyperspy_markers(self, signal: Any = None) -> list[Any]:
        """Return the defects as markers of HyperSpy: circles of 1.1 Å radius, a set for a class.

        Parameters
        ----------
        signal : hyperspy.signals.Signal2D, optional
            The signal that was looked at: the markers are in its axes. Without it they are in nm
            from the centre of the first pixel.

        Returns
        -------
        list of hyperspy.api.plot.markers.Circles
            For ``signal.add_marker``; none of classes that were not found.

        Raises
        ------
        ModuleNotFoundError
            If HyperSpy is not installed.
        ValueError
            If the signal is of another shape.

        Examples
        --------
        >>> found = stemzoo.detect(signal)  # doctest: +SKIP
        >>> signal.add_marker(found.to_hyperspy_markers(signal), permanent=True)  # doctest: +SKIP
        """
        return hyperspy_markers(self, signal)

    def plot(self, image: Any = None, *, axes: Any = None) -> Any:
        """Draw the defects over their image, with a scale bar and a legend.

        Parameters
        ----------
        image : what `stemzoo.detect` takes, optional
            The image; where not given, as the detector saw it (flicker and hum undone, columns
            bright).
        axes : matplotlib.axes.Axes, optional
            Where to draw; in a figure of its own where not given, which notebooks show.

        Returns
        -------
        matplotlib.figure.Figure
            Rings are vectors: ``savefig("scan.pdf")`` is sharp at any size.

        Raises
        ------
        ValueError
            If there is no image, or it is of another shape.

        Examples
        --------
        >>> found.plot().savefig("scan.pdf")  # doctest: +SKIP
        """
        return shown_figure(self, image, axes)
