import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from stemzoo.simulate import Atoms, Microscope, read_xyz

FOLDER = Path(__file__).parent / "reference"


@dataclass(frozen=True, eq=False)
class Case:
    """A run of the reference program in this package's terms."""

    params: dict
    arrays: dict
    shape: tuple
    sampling: tuple
    cross_sections: dict
    atoms: Atoms | None
    variants: list

    def microscope(self, **changes):
        """Optics of the case; `changes` are parameters as the program takes them."""
        p = {**self.params, **changes}
        millimetres = {**p["aberrations_mm"], "C30": p["Cs3_mm"], "C50": p["Cs5_mm"]}
        aberrations = {name: value * 1e7 for name, value in millimetres.items()}
        return Microscope(
            energy=p["kV"] * 1e3,
            semiangle_cutoff=p["aperture_mrad"],
            inner=p["detector_mrad"][0],
            outer=p["detector_mrad"][1],
            aberrations={**aberrations, "C10": -p["df_A"]},
            source_size=p["source_FWHM_A"],
            focal_spread=p["defocus_spread_FWHM_A"],
        )


@pytest.fixture(scope="session")
def reference():
    """Load a case of the reference outputs by name."""
    table = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))

    def load(name):
        entry = table[name]
        with np.load(FOLDER / f"{name}.npz") as file:
            arrays = {key: file[key] for key in file}
        xyz = FOLDER / f"{name}.xyz"
        cells = entry["params"].get("ncell", (1, 1, 1))
        dx, dy = entry["pixel_A"]
        return Case(
            params=entry["params"],
            arrays=arrays,
            shape=(entry["params"]["ny"], entry["params"]["nx"]),
            sampling=(dy, dx),
            cross_sections={int(Z): s for Z, s in entry.get("cross_sections_A2", {}).items()},
            atoms=read_xyz(xyz).repeat(*cells) if xyz.exists() else None,
            variants=entry.get("variants", []),
        )

    return load


@pytest.fixture(scope="session")
def reference_cross_sections():
    """Tables of cross sections [Å²] by setting and atomic number."""
    text = (FOLDER / "x_cross_sections.json").read_text(encoding="utf-8")
    tables = json.loads(text)["tables"]
    return {key: {int(Z): s for Z, s in table.items()} for key, table in tables.items()}
