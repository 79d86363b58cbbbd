"""Take the noise out of an image with a network that learnt it, and say how sure each pixel is."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.analysis.corrections import Corrections
from stemzoo.analysis.identification import identify_middle
from stemzoo.analysis.pixel_size import PixelSize, check_stated
from stemzoo.analysis.resampling import check_resampling
from stemzoo.inference.advice import MisfitSummary, match_model
from stemzoo.inference.crystal_part import crystal_part
from stemzoo.inference.detection import undo_scan
from stemzoo.inference.matching import Match
from stemzoo.inference.material_check import MaterialCheck, check_material
from stemzoo.inference.seen_crystal import SeenCrystal, describe, find_crystal, find_doubts
from stemzoo.inference.tiling import predict_tiled
from stemzoo.io import Image
from stemzoo.io.any_image import as_image
from stemzoo.io.image_checks import check_shape
from stemzoo.preprocessing import resample, resampled_shape, rescale, scale_of_parts

if TYPE_CHECKING:
    from stemzoo.models.denoiser import DenoisingUNet

# Of each pixel: as it is, as the network sees it, what it makes of it (twice), and that enlarged.
_PIXEL_BYTES = 40


@dataclass(frozen=True, eq=False)
class Denoised:
    """An image without its noise.

    Parameters
    ----------
    picture : ndarray of float32, shape (M, N)
        The image as it would be without noise, in its own grey levels. Contamination is taken out,
        too; aberrations and the slow drift of the scan are not.
    deviation : ndarray of float32, shape (M, N)
        Standard deviation of each pixel of it, in the same grey levels. Where it is large, the
        picture is a guess, and the contrast of a column shrinks towards what its neighbours have.
    pixel_size : PixelSize
        Of both.
    model : str
        Name of the weights.
    match : Match or None
        How the image fits the frames that the weights were trained on.
    notes, doubts : tuple of str
        What else is to be known, and why the picture must not be trusted.
    undone : tuple of str
        What of the scan was undone first. Shifts of lines move pixels: the picture is straight.
    """

    picture: np.ndarray
    deviation: np.ndarray
    pixel_size: PixelSize
    model: str
    match: Match | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the picture."""
        return not self.doubts


def denoise(
    image: np.ndarray | Image,
    model: "DenoisingUNet",
    *,
    sampling: float | None = None,
    force: bool = False,
    as_is: bool = False,
) -> Denoised:
    """Take the noise out of an image.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N), or Image
        At least 64 pixels on a side, any data type.
    model : DenoisingUNet
        Trained weights, from `stemzoo.load`.
    sampling : float, optional
        Pixel size [Å/px]. Else that of the `Image`, else measured from the lattice spots of the
        model's material.
    force : bool
        Go on though the image shows another material.
    as_is : bool
        Undo nothing of what scan and detector did: flicker of rows, hum, shifts of lines, gamma.

    Returns
    -------
    Denoised
        Picture and uncertainty, in the pixels of the input.

    Warns
    -----
    UserWarning
        If the picture must not be trusted, or the image is unlike the frames that the model was
        trained on.

    Raises
    ------
    ValueError
        If the image cannot be analysed, its pixel size is unknown, or it shows another material.

    Examples
    --------
    >>> found = stemzoo.denoise(image, stemzoo.load("denoise-wse2"))  # doctest: +SKIP
    >>> found.picture, found.deviation  # doctest: +SKIP
    """
    image = as_image(image).with_sampling(sampling)
    found = denoise_quietly(image, model, force=force, as_is=as_is, stacklevel=4)
    for doubt in found.doubts:
        warnings.warn(f"{image.path or 'image'}: not to be trusted: {doubt}", stacklevel=2)
    misfits = MisfitSummary("denoising")
    misfits.add(image, found.match)
    if (text := misfits.warning()) is not None:
        warnings.warn(text, stacklevel=2)
    return found


def denoise_quietly(
    image: Image,
    model: "DenoisingUNet",
    *,
    force: bool = False,
    as_is: bool = False,
    stacklevel: int = 3,
) -> Denoised:
    """Do as `denoise`, without a warning about doubts or other conditions.

    Parameters
    ----------
    image : Image
        With its pixel size, if that is known.
    model, force, as_is
        As in `denoise`.
    stacklevel : int
        Whose line a warning about the pixel size points at; 3 is the caller of this function.

    Returns
    -------
    Denoised

    Examples
    --------
    >>> denoise_quietly(Image(pixels, 0.2), model).trusted  # doctest: +SKIP
    True
    """
    name = image.path or "image"
    check_shape(image.data, name)
    check_stated(image)
    material, identified = MaterialCheck(), None
    if model.material is not None:
        identified = identify_middle(image)
        material = check_material(identified, model.material)
        if material.refusal is not None and not force:
            raise ValueError(_refusal(name, model, material.refusal))
    seen = find_crystal(image, model.material, found=identified, stacklevel=stacklevel)
    corrections = Corrections()
    if not as_is:
        seen, corrections = undo_scan(seen, model.material)
    picture, deviation = denoise_pixels(
        seen.image.data, model, seen.pixel_size.value, seen=seen, name=name
    )
    if seen.inverted:  # dark columns stay dark
        low, high = seen.image.data.min(), seen.image.data.max()
        picture = high - (picture - low)
    said = (*describe(seen), material.note)
    return Denoised(
        picture,
        deviation,
        seen.pixel_size,
        model.name,
        match=match_model(
            Image(crystal_part(seen.image.data, seen.mask), path=image.path),
            model,
            sampling=seen.pixel_size.value,
            lattice=seen.pixel_size.lattice,
        ),
        notes=tuple(note for note in said if note),
        doubts=(
            *find_doubts(seen, model.material),
            *(text for text in (material.refusal, material.doubt) if text),
        ),
        undone=corrections.describe(),
    )


def denoise_pixels(
    pixels: np.ndarray,
    model: "DenoisingUNet",
    sampling: float,
    *,
    seen: SeenCrystal | None = None,
    name: str | Path = "image",
) -> tuple[np.ndarray, np.ndarray]:
    """Take the noise out of an image whose pixel size is known, whatever it shows.

    Parameters
    ----------
    pixels : ndarray of shape (M, N)
        Image of finite values.
    model : DenoisingUNet
        A trained model.
    sampling : float
        Pixel size of the image [Å/px].
    seen : SeenCrystal, optional
        Where the crystal is, of which the scale of the intensities is taken.
    name : path or str
        The image, for messages.

    Returns
    -------
    picture, deviation : ndarray of float32, shape (M, N)
        As in `Denoised`.

    Examples
    --------
    >>> picture, deviation = denoise_pixels(image, model, 0.2)  # doctest: +SKIP
    """
    shape = resampled_shape(pixels.shape, sampling, model.sampling)
    needed = _PIXEL_BYTES * max(pixels.size, shape[0] * shape[1])
    check_resampling(name, pixels.shape, sampling, model.sampling, needed)
    values = resample(pixels, sampling, model.sampling)
    measured = None if seen is None else seen.measured(shape, model.sampling)
    mean, reach = scale_of_parts([values if measured is None else values[measured]])
    output = predict_tiled(model, rescale(values, scale=(mean, reach)))
    picture = _enlarged(output[..., 0], model.sampling, sampling, pixels.shape)
    deviation = _enlarged(output[..., 1], model.sampling, sampling, pixels.shape)
    return picture * reach + mean, np.maximum(deviation, 0) * reach


def _enlarged(
    values: np.ndarray, sampling: float, target: float, shape: tuple[int, int]
) -> np.ndarray:
    """Bring what the network returns to the input's pixels; its last rows may be repeated."""
    back = resample(values, sampling, target)
    fill = [(0, max(n - have, 0)) for n, have in zip(shape, back.shape, strict=True)]
    return np.pad(back, fill, mode="edge")[: shape[0], : shape[1]].astype(np.float32)


def _refusal(name: str | Path, model: "DenoisingUNet", reason: str) -> str:
    return (
        f"{name}: expected {model.material}, which {model.name} is for. Received: {reason}. Train "
        "weights for it: stemzoo train denoise --material NAME --out DIR. Else give the right "
        "pixel size (--pixel-size PM, sampling=), or go on all the same (--force, force=True)"
    )
