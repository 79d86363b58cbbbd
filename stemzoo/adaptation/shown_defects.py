"""Which defects simulated frames must show for a detector to see each of its classes."""

from collections.abc import Iterator, Mapping, Sequence

from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import Material, find_material
from stemzoo.simulate.named_sessions import SESSIONS

# Part of the sites: single vacancies are frequent, others as in the zoo's sessions.
_VACANCIES, _OTHERS = 0.02, 0.005
# What may sit on the site of another atom, light ones first.
_GUESTS = ("b", "c", "o", "si", "v", "mo", "w")


def missing_defects(
    material: str, classes: Sequence[str], sampling: float, known: Mapping[str, float] = {}
) -> dict[str, float]:
    """Name a defect of each class that clean simulations of a material do not show.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.
    classes : sequence of str
        Of a detector.
    sampling : float
        Pixel size of the simulations [Å/px].
    known : mapping of str to float
        Defects that are shown beside those of `domain_session`.

    Returns
    -------
    dict of str to float
        Part of the sites with it, by the name of the defect: as in a named session of the material,
        if one shows that class. Empty where nothing is missing.

    Raises
    ------
    ValueError
        If no defect of a class is known.

    Examples
    --------
    >>> missing_defects("mos2", ("s_vacancy", "s_divacancy", "metal_dark"), 0.2074)
    {'s_divacancy': 0.005}
    """
    crystal = find_material(material)
    shown = {**domain_session(crystal.name, sampling).defects, **known}
    seen = {defect_class(crystal, name) for name in shown}
    more: dict[str, float] = {}
    for label in (name for name in classes if name not in seen):
        found = next(
            (pair for pair in _proposed(crystal, label) if _is_of(crystal, pair[0], label)), None
        )
        if found is None:
            raise ValueError(
                f"Expected a detector whose classes simulated {material} can show, to train it on. "
                f"Received: the class {label}, of which no defect is known; name another detector"
            )
        more[found[0]] = found[1]
    return more


def _proposed(crystal: Material, label: str) -> Iterator[tuple[str, float]]:
    """Yield defects that may be of a class, and which part of the sites has them."""
    for session in SESSIONS.values():
        if session.material == crystal.name:
            yield from sorted(session.defects.items(), key=lambda item: -item[1])
    yield label, _VACANCIES if label.endswith("_vacancy") else _OTHERS
    hosts = [site.symbol.lower() for site in crystal.sites]
    for host in dict.fromkeys(hosts):
        yield f"{host}_vacancy", _VACANCIES
    for host in dict.fromkeys(hosts):
        for guest in dict.fromkeys((*hosts, *_GUESTS)):
            yield f"{guest}_on_{host}", _OTHERS


def _is_of(crystal: Material, defect: str, label: str) -> bool:
    try:
        return defect_class(crystal, defect) == label
    except ValueError:  # no defect of this crystal
        return False
