"""Image files in, pictures without noise out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo import io
from stemzoo.inference.advice import describe_match, match_facts
from stemzoo.inference.denoising import Denoised, denoise_quietly
from stemzoo.plotting import plot_denoised
from stemzoo.workflows.outputs import OutputPlan, plan_outputs, written_whole
from stemzoo.workflows.paths import image_files

if TYPE_CHECKING:
    from stemzoo.models.denoiser import DenoisingUNet


def plan_denoised(paths: Sequence[Path], out: Path) -> list[OutputPlan]:
    """Name the files of images without noise: NAME_denoised.tif and .png, NAME_uncertainty.tif.

    Parameters
    ----------
    paths : sequence of Path
        Image files of one call.
    out : Path
        Folder for the results.

    Returns
    -------
    list of OutputPlan
        One for each path that may be an image, in their order.

    Raises
    ------
    ValueError
        As in `plan_outputs`.

    Examples
    --------
    >>> (plan,) = plan_denoised([Path("a/scan.tif")], Path("out"))  # doctest: +SKIP
    >>> plan.files[1].name  # doctest: +SKIP
    'scan_uncertainty.tif'
    """
    endings = ("_denoised.tif", "_uncertainty.tif", "_denoised.png")
    names = [(path, [path.stem + ending for ending in endings]) for path in image_files(paths)]
    return plan_outputs(names, out, inputs=paths)


@dataclass(frozen=True, eq=False)
class DenoisedFile:
    """An image file without its noise, and the files that hold it.

    Parameters
    ----------
    image : Image
        The image.
    found : Denoised
        Picture and uncertainty.
    picture, uncertainty, overview : Path
        The files.
    """

    image: io.Image
    found: Denoised
    picture: Path
    uncertainty: Path
    overview: Path

    @property
    def relative_uncertainty(self) -> float:
        """Median standard deviation of a pixel, as a part of the picture's contrast."""
        low, high = np.percentile(self.found.picture, (1, 99))
        return float(np.median(self.found.deviation) / max(high - low, np.finfo(float).tiny))

    def report(self) -> dict[str, Any]:
        """Return what was done, as JSON holds it."""
        found = self.found
        return {
            "image": str(self.image.path),
            "shape": list(found.picture.shape),
            "weights": found.model,
            "pixel_size_pm": round(found.pixel_size.value * 100, 4),
            "pixel_size_source": found.pixel_size.source,
            **match_facts(found.match),
            "trusted": found.trusted,
            "doubts": list(found.doubts),
            "notes": list(found.notes),
            "undone": list(found.undone),
            "uncertainty": round(self.relative_uncertainty, 4),
            "picture": str(self.picture),
            "uncertainty_map": str(self.uncertainty),
            "overview": str(self.overview),
        }


def denoise_file(
    path: Path,
    model: "DenoisingUNet",
    out: Path,
    *,
    sampling: float | None = None,
    force: bool = False,
    as_is: bool = False,
    frame: int | None = None,
    sum_frames: bool = False,
) -> DenoisedFile:
    """Take the noise out of an image file; write picture, uncertainty and an overview.

    Parameters
    ----------
    path : Path
        Image file.
    model : DenoisingUNet
        Trained weights.
    out : Path
        Existing folder for the results.
    sampling, force, as_is
        As in `stemzoo.denoise`.
    frame, sum_frames
        As in `stemzoo.read_image`.

    Returns
    -------
    DenoisedFile

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with the file.

    Examples
    --------
    >>> denoise_file(Path("scan.tif"), model, Path("out")).picture  # doctest: +SKIP
    PosixPath('out/scan_denoised.tif')
    """
    image = io.read_image(path, frame=frame, sum_frames=sum_frames).with_sampling(sampling)
    (plan,) = plan_denoised([path], out)
    picture, uncertainty, overview = plan.files
    found = denoise_quietly(image, model, force=force, as_is=as_is)
    facts = {
        "weights": found.model,
        "against the training frames": describe_match(found.match),
        **{f"note {i}": text for i, text in enumerate((*found.notes, *found.undone), 1)},
        **{f"not to be trusted {i}": text for i, text in enumerate(found.doubts, 1)},
    }
    step = found.pixel_size.value
    with written_whole(out) as folder:
        for file, values, what in (
            (picture, found.picture, "picture without noise, in the grey levels of the image"),
            (uncertainty, found.deviation, "standard deviation of each pixel of the picture"),
        ):
            metadata = {"stemzoo": what, **facts}
            io.write_tiff(folder / file.name, values, sampling=step, metadata=metadata)
        plot_denoised(image.data, found.picture, found.deviation, folder / overview.name, step)
    return DenoisedFile(image, found, picture, uncertainty, overview)
