"""New images of one session: that they can be used is checked first, and each is measured once."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from stemzoo.adaptation.agreement import HoldOut
from stemzoo.adaptation.appearance import Appearance, find_appearance
from stemzoo.adaptation.dopants import find_dopants
from stemzoo.adaptation.filtered_simulator import FRAME_SIZE, FilteredSimulator
from stemzoo.adaptation.image_checks import prepare_images
from stemzoo.adaptation.mastery import expected_errors
from stemzoo.adaptation.shown_defects import missing_defects
from stemzoo.analysis.lattice import find_rotation
from stemzoo.analysis.scan_errors import ScanErrors, all_scan_errors
from stemzoo.inference.expectation import Expectation
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.io import Image
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.sessions import AcquisitionSession

# Edge of the patches that images are compared by where there is no CycleGAN [px].
PATCH = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ExperimentalSession:
    """New images of one session, and what is measured on them.

    Everything is measured when it is first asked for, and once: `fit_adapt` and `renew_detector`
    that are given one session share it.

    Parameters
    ----------
    images : tuple of ndarray of shape (M, N)
        Checked, at the pixel size of the model.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size of the model, and now of the images [Å/px].
    patch : int
        Edge of the patches that the model is trained on [px].
    held_out : HoldOut
        Patches of the images that are not learnt from, and the rest.
    known_errors : tuple of ScanErrors or None
        Of images that show their lattice only without them, as the check tells; none of those in
        which they were undone.
    names : tuple of str
        File, or number, of each image.
    undone : tuple of tuple of str
        What the scan did to each image and was undone before anything was measured, as
        `stemzoo.detect` does it, and how strong it was.
    given : tuple of ndarray of shape (M, N)
        The images before that: by them a folder knows its run.
    seen : tuple of SeenCrystal or None
        Each image at its own pixel size as `stemzoo.detect` shows it to a detector; none without a
        lattice.
    defects : mapping of str to float
        Defects that frames are to show beside those of the material's session, and which part of
        the sites has them.

    Examples
    --------
    >>> session = ExperimentalSession.measure(  # doctest: +SKIP
    ...     images, model.material, model.sampling, model.patch_size
    ... )
    >>> adapted = stemzoo.fit_adapt(model, session, for_detector=True)  # doctest: +SKIP
    >>> detector = stemzoo.renew_detector(parent, adapted, session)  # doctest: +SKIP
    """

    images: tuple[np.ndarray, ...]
    material: str
    sampling: float
    patch: int
    held_out: HoldOut
    known_errors: tuple[ScanErrors | None, ...] = field(repr=False)
    names: tuple[str, ...] = ()
    undone: tuple[tuple[str, ...], ...] = ()
    given: tuple[np.ndarray, ...] = field(default=(), repr=False)
    seen: tuple[SeenCrystal | None, ...] = field(default=(), repr=False)
    defects: Mapping[str, float] = field(default_factory=dict)
    _simulator: list[FilteredSimulator] = field(default_factory=list, init=False, repr=False)
    _expected: list[tuple[Any, dict[str, Expectation]]] = field(
        default_factory=list, init=False, repr=False
    )

    @classmethod
    def measure(
        cls,
        images: Sequence[np.ndarray | Image],
        material: str,
        sampling: float,
        patch: int,
        *,
        own: float | None = None,
    ) -> "ExperimentalSession":
        """Check images, bring them to the pixel size of a model and divide them.

        Parameters
        ----------
        images : sequence of ndarray of shape (M, N), or of Image
            New images; one by itself needs no sequence.
        material : str
            Entry of `MATERIALS`, of which they should be.
        sampling : float
            Pixel size of the model [Å/px].
        patch : int
            Edge of the patches that the model is trained on [px].
        own : float, optional
            Pixel size of the images [Å/px]. Else that of each `Image`; else the model's.

        Returns
        -------
        ExperimentalSession
            Of those that show the material's lattice.

        Raises
        ------
        ValueError
            If there is none; if one is blank, too small or not finite; if none shows the lattice or
            is large enough to be divided; if pixel sizes differ by more than 5 %.

        Warns
        -----
        UserWarning
            For saturated images, and those without a lattice.
        """
        prepared = prepare_images(images, material, sampling, patch, own=own)
        values = tuple(image.values for image in prepared)
        return cls(
            values,
            material,
            sampling,
            patch,
            HoldOut.split(values, patch),
            known_errors=tuple(image.errors for image in prepared),
            names=tuple(image.name for image in prepared),
            undone=tuple(image.undone for image in prepared),
            given=tuple(image.given for image in prepared),
            seen=tuple(image.seen for image in prepared),
        )

    @classmethod
    def of(
        cls, images: "Sequence[np.ndarray | Image] | ExperimentalSession", model: Any, **options
    ) -> "ExperimentalSession":
        """Return the session that is given, or measure images for a model.

        Parameters
        ----------
        images : sequence of ndarray of shape (M, N), or of Image; or ExperimentalSession
            New images, or what was measured on them for the same model.
        model : CycleGANSTEM or DefectFCN
            Gives material, pixel size and patches; a detector the material alone.
        **options
            As in `measure`, for images.

        Returns
        -------
        ExperimentalSession

        Raises
        ------
        ValueError
            If the images cannot be used, or the session is for another model.
        """
        alone = not hasattr(model, "patch_size")
        size = (ZOO_SAMPLING, PATCH) if alone else (model.sampling, model.patch_size)
        expected = (model.material, *size)
        if not isinstance(images, ExperimentalSession):
            return cls.measure(images, *expected, **options)
        received = (images.material, images.sampling, images.patch)
        if alone:  # whatever CycleGAN it was measured for
            expected = (model.material, *received[1:])
        if received != expected:
            raise ValueError(
                f"Expected a session measured for {model.name} (material, pixel size, patch: "
                f"{expected}); measure the images for this model. Received: {received}"
            )
        return images

    def showing(self, classes: Sequence[str]) -> "ExperimentalSession":
        """Return a session whose frames show all classes of a detector.

        Parameters
        ----------
        classes : sequence of str
            Of the detector.

        Returns
        -------
        ExperimentalSession
            The same one where they do.

        Raises
        ------
        ValueError
            If no defect that is known of the material is of a class.
        """
        more = missing_defects(self.material, classes, self.sampling, self.defects)
        return replace(self, defects={**self.defects, **more}) if more else self

    def expected(self, detector: Any) -> dict[str, Expectation]:
        """Tell what to expect of a detector in these images, see `expected_errors`; once.

        Parameters
        ----------
        detector : DefectFCN
            A detector.

        Returns
        -------
        dict of str to Expectation
            By class.
        """
        for known, found in self._expected:
            if known is detector:
                return found
        self._expected.append((detector, expected_errors(self.seen, detector)))
        return self._expected[-1][1]

    @property
    def corrections(self) -> dict[str, tuple[str, ...]]:
        """What was undone in each image that had something to undo, by its name."""
        pairs = zip(self.names, self.undone, strict=True)
        return {name: undone for name, undone in pairs if undone}

    @cached_property
    def scan_errors(self) -> tuple[ScanErrors, ...]:
        """Errors of the scan of each image."""
        unknown = [
            image
            for image, errors in zip(self.images, self.known_errors, strict=True)
            if errors is None
        ]
        measured = iter(all_scan_errors(unknown, find_material(self.material), self.sampling))
        return tuple(next(measured) if known is None else known for known in self.known_errors)

    @cached_property
    def rotation(self) -> tuple[float, float] | None:
        """Mean and spread of the lattices' orientation [degrees], see `find_rotation`."""
        pairs = zip(self.scan_errors, self.images, strict=True)
        straight = [errors.undo(image) for errors, image in pairs]
        return find_rotation(straight, self.material, self.sampling)

    @cached_property
    def dopants(self) -> dict[str, float]:
        """Fraction of the metal's sites with a dopant, by the defect's name."""
        return find_dopants(self.images, self.material, self.sampling)

    @cached_property
    def appearances(self) -> tuple[Appearance, ...]:
        """What filters simulations to look like the images, of those that show it well."""
        crystal = find_material(self.material)

        def appearance(image: np.ndarray) -> Appearance | None:
            try:
                return find_appearance(image, crystal, self.sampling)
            except ValueError as error:
                log.info("appearance not found: %s", error)
                return None

        with ThreadPoolExecutor(2) as pool:
            measured = list(pool.map(appearance, self.held_out.training))
        return with_known_errors([look for look in measured if look is not None])

    def clean_session(self) -> AcquisitionSession:
        """Return clean simulations that lie, sway and are doped as the images are.

        Returns
        -------
        AcquisitionSession
            See `domain_session`. Lines are shifted as in the images, as a CycleGAN could learn to
            shift them only by moving columns away from their labels.
        """
        shifts: tuple = ()
        if any(errors.line_shifts for errors in self.scan_errors):
            # Images that do not sway are part of the session, too.
            shifts = tuple(
                errors.line_shifts or (0.0,) * len(image)
                for errors, image in zip(self.scan_errors, self.images, strict=True)
            )
        return replace(self._doped(self.rotation), line_shifts=shifts)

    def filtered_simulator(self, seed: int, frame_size: int = FRAME_SIZE) -> FilteredSimulator:
        """Return a simulator of frames that look like the images.

        Parameters
        ----------
        seed : int
            Seed of the frames that are compared with the images.
        frame_size : int
            Edge of its frames [px].

        Returns
        -------
        FilteredSimulator
            That of the first call, whatever seed and size later ones have: it is measured once.
        """
        if not self._simulator:
            simulator = FilteredSimulator(self.appearances, self._doped(None), frame_size)
            self._simulator.append(simulator.compared_with(self.held_out, seed))
        return self._simulator[0]

    def _doped(self, rotation: tuple[float, float] | None) -> AcquisitionSession:
        clean = domain_session(self.material, self.sampling, rotation)
        return replace(clean, defects={**clean.defects, **self.defects, **self.dopants})


def with_known_errors(appearances: Sequence[Appearance]) -> tuple[Appearance, ...]:
    """Leave out images without scan errors where most have some: theirs were not found.

    Errors that are not undone would pass for noise and a weaker contrast transfer.

    Parameters
    ----------
    appearances : sequence of Appearance
        Of the images of one session.

    Returns
    -------
    tuple of Appearance
    """
    known = [look for look in appearances if look.errors != ScanErrors()]
    return tuple(known if 2 * len(known) > len(appearances) else appearances)
