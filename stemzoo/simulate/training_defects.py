"""Which point defects, and how many, a detector of a material is trained on."""

from types import MappingProxyType

# Frequent enough in every frame to learn from, single vacancies the most frequent.
_VACANCY = 0.035
_RARE = 0.004


def _dichalcogenide(
    metal: str, chalcogen: str, other: str, heavier: str | None
) -> dict[str, float]:
    """Defects of 1H-MX2; `other` is a second metal, `heavier` a chalcogen in place of one X.

    Without a heavier chalcogen the metal is lighter than X, and does not stand out in its place.
    """
    defects = {
        f"{chalcogen}_vacancy": _VACANCY,
        f"{chalcogen}_divacancy": _RARE,
        f"{metal}_vacancy": _RARE,
        f"v_on_{metal}": 0.012,
        f"{other}_on_{metal}": _RARE,
    }
    if heavier is not None:
        defects |= {
            f"{chalcogen}_on_{metal}": 0.002,
            f"{metal}_on_{chalcogen}": 0.002,
            f"{metal}2_on_{chalcogen}": 0.001,
            f"{heavier}_on_{chalcogen}": 0.002,
        }
    return {**defects, f"{metal}_adatom": 0.001}


# By material. Dopants: vanadium, and the metal or chalcogen of the sister compounds, as alloys and
# implanted layers have them; silicon, which graphene and boron nitride catch in the microscope
# (Zhou et al., Phys. Rev. Lett. 109, 206803 (2012)); lanthanum and niobium, which dope perovskites,
# and lead in place of barium, from which lanthanum does not differ.
TRAINING_DEFECTS = MappingProxyType(
    {
        "wse2": _dichalcogenide("w", "se", "mo", "te"),
        "mos2": _dichalcogenide("mo", "s", "w", "se"),
        "ws2": _dichalcogenide("w", "s", "mo", "se"),
        "mose2": _dichalcogenide("mo", "se", "w", "te"),
        "mote2": _dichalcogenide("mo", "te", "w", None),
        "nbse2": _dichalcogenide("nb", "se", "ta", "te"),
        "graphene": {"c_vacancy": 0.015, "si_on_c": 0.004, "si_on_c2": 0.003},
        "hbn": {"b_vacancy": 0.015, "n_vacancy": 0.015, "si_on_b": 0.003, "si_on_n": 0.003},
        "srtio3": {"sr_vacancy": 0.03, "ti_vacancy": 0.03, "la_on_sr": 0.008, "nb_on_ti": 0.008},
        "wte2": {"te_vacancy": _VACANCY, "w_vacancy": 0.01, "mo_on_w": _RARE, "w_adatom": 0.001},
        "si-110": {"si_vacancy": _VACANCY, "ge_on_si": 0.008},
        "gan-110": {"ga_vacancy": _VACANCY, "in_on_ga": 0.008, "al_on_ga": _RARE},
        "batio3": {"ba_vacancy": 0.03, "ti_vacancy": 0.03, "pb_on_ba": 0.008, "nb_on_ti": 0.008},
    }
)
