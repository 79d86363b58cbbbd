"""Pixel size from what an image file says about itself."""

import math
import re
import unicodedata
from collections.abc import Mapping
from xml.etree import ElementTree

# The range of atomic resolution [Å/px]; print resolutions (72, 96, 300 dpi) lie far outside.
PLAUSIBLE = (0.01, 5.0)
# Where networks can be used: beyond, a pixel holds more than a column [Å/px].
NETWORK_RANGE = (0.01, 1.0)
# Where a lattice is looked for if no pixel size is stated: scans are no finer, and in coarser ones
# the second reflections of graphene, at 1.23 Å, lie beyond the Nyquist limit [Å/px].
LATTICE_RANGE = (0.03, 0.6)

# Keys as left by _unit_key; values in Å.
_UNITS = {
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-2),
    **dict.fromkeys(("å", "a", "ang", "angstrom", "ångström"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e1),
    **dict.fromkeys(("μm", "um", "micron", "micrometer", "micrometre"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e7),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e8),
    **dict.fromkeys(("m", "meter", "metre"), 1e10),
    **dict.fromkeys(("inch", "in"), 2.54e8),
}

_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 270, 282, 283, 296

_GMS_X_UNIT, _GMS_Y_UNIT, _GMS_X_SCALE, _GMS_Y_SCALE = 65003, 65004, 65009, 65010

TIFF_TAGS = (
    *(_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT),
    *(_GMS_X_UNIT, _GMS_Y_UNIT, _GMS_X_SCALE, _GMS_Y_SCALE),
)


def to_angstrom(value, unit) -> float | None:
    r"""Convert a length to Å.

    Parameters
    ----------
    value : float or str
        Length in `unit`.
    unit : str
        A unit of length as microscope programs and ImageJ write it: "pm", "nm", "Å", "micron",
        "\u00B5m", "n_m", ...

    Returns
    -------
    float or None
        Length [Å]; None for an unknown unit or anything but a positive finite number.

    Examples
    --------
    >>> to_angstrom(0.02, "nm")
    0.2
    """
    try:
        length = float(value) * _UNITS[_unit_key(str(unit))]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return length if math.isfinite(length) and length > 0 else None


def _unit_key(unit: str) -> str:
    # ImageJ escapes non-ASCII letters; EMD files write "[n_m]"; NFKC merges the two micro signs
    # and the two Å.
    unit = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), unit)
    unit = unicodedata.normalize("NFKC", unit).strip(" []\t\r\n\0").replace("_", "").lower()
    return unit if unit in _UNITS else unit.removesuffix("s")


def square_sampling(x: float | None, y: float | None, name) -> float | None:
    """Return one pixel size for both axes.

    Parameters
    ----------
    x, y : float or None
        Pixel width and height [Å/px]; None where unknown.
    name : str or Path
        The file, for the message.

    Returns
    -------
    float or None
        Pixel size [Å/px]; None when nothing is known or it is not one of atomic resolution.

    Raises
    ------
    ValueError
        If width and height differ by more than 1 %.

    Examples
    --------
    >>> square_sampling(0.2, None, "image.tif")
    0.2
    """
    known = [value for value in (x, y) if value is not None]
    if not any(map(_plausible, known)):
        return None
    if max(known) - min(known) > 0.01 * max(known):
        raise ValueError(
            f"{name}: expected square pixels. Received: {x:.4g} Å wide and {y:.4g} Å high. "
            "Resample the image to square pixels, or correct its pixel size in Fiji "
            "(Image > Properties)."
        )
    return sum(known) / len(known)


def tiff_pixel_size(tags: Mapping[int, object]) -> tuple[float | None, float | None, str | None]:
    r"""Return the pixel size of a TIFF page and where it was found.

    OME-XML, the ImageJ description, the tags of Gatan's GMS and the resolution tags are asked in
    this order, and the first answer that is plausible for atomic resolution is taken.

    Parameters
    ----------
    tags : mapping of int to object
        Values by tag code; those of `TIFF_TAGS` are looked at.

    Returns
    -------
    x, y : float or None
        Pixel width and height [Å/px]; None where unknown.
    source : str or None
        "OME-XML", "ImageJ", "GMS TIFF tags" or "TIFF resolution tag".

    Examples
    --------
    >>> tiff_pixel_size({270: "ImageJ=1.53\nunit=nm", 282: (50, 1), 283: (50, 1)})
    (0.2, 0.2, 'ImageJ')
    """
    for source, read in (
        ("OME-XML", _ome),
        ("ImageJ", _imagej),
        ("GMS TIFF tags", _gms),
        ("TIFF resolution tag", _baseline),
    ):
        x, y = read(tags)
        if _plausible(x) or _plausible(y):
            return x, y, source
    return None, None, None


def imagej_fields(description) -> dict[str, str]:
    r"""Return the `key=value` lines of an ImageJ description; empty if it is not ImageJ's.

    Examples
    --------
    >>> imagej_fields("ImageJ=1.53\nunit=nm")
    {'ImageJ': '1.53', 'unit': 'nm'}
    """
    if not isinstance(description, str) or not description.startswith(("ImageJ=", "SCIFIO=")):
        return {}
    pairs = (line.partition("=") for line in description.splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _plausible(value: float | None) -> bool:
    return value is not None and PLAUSIBLE[0] <= value <= PLAUSIBLE[1]


def _ome(tags):
    description = tags.get(_DESCRIPTION)
    if not isinstance(description, str) or "<OME" not in description[:2000]:
        return None, None
    try:
        root = ElementTree.fromstring(description.strip())
    except (ElementTree.ParseError, ValueError):
        return None, None
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None, None
    # The OME schema's default unit is µm.
    return tuple(
        to_angstrom(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "XY"
    )


def _imagej(tags):
    fields = imagej_fields(tags.get(_DESCRIPTION))
    unit = fields.get("unit", "")
    return (
        to_angstrom(_inverse(tags.get(_X_RESOLUTION)), unit),
        to_angstrom(_inverse(tags.get(_Y_RESOLUTION)), fields.get("yunit", unit)),
    )


def _gms(tags):
    # GMS also stores a field of view in its own tag directory (tag 65027). It is not used: in WSe2
    # frames of known lattice it was 1.7 times the true one.
    return (
        to_angstrom(tags.get(_GMS_X_SCALE), tags.get(_GMS_X_UNIT)),
        to_angstrom(tags.get(_GMS_Y_SCALE), tags.get(_GMS_Y_UNIT)),
    )


def _baseline(tags):
    unit = {1: "", 3: "cm"}.get(tags.get(_RESOLUTION_UNIT), "inch")
    return (
        to_angstrom(_inverse(tags.get(_X_RESOLUTION)), unit),
        to_angstrom(_inverse(tags.get(_Y_RESOLUTION)), unit),
    )


def _inverse(resolution) -> float | None:
    """Return length units per pixel from a TIFF rational (pixels, length units)."""
    try:
        pixels, lengths = resolution
        return lengths / pixels
    except (TypeError, ValueError, ZeroDivisionError):
        return None
