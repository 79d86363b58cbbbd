"""What a crystal looks like to a microscope, in words and as JSON."""

from typing import Any

from stemzoo.analysis.structure_match import told_apart
from stemzoo.simulate.materials import Material
from stemzoo.simulate.proposed_defects import propose_defects

# Columns nearer than the information limit of an aberration-corrected microscope are one [Å].
_LIMIT = 1.0
_FAINT = 0.1  # of the strongest column


def structure_report(material: Material) -> dict[str, Any]:
    """Return what a crystal looks like along the beam, as JSON can hold it; lengths in pm.

    Parameters
    ----------
    material : Material
        The crystal.

    Returns
    -------
    dict
    """
    a, b, c = material.cell
    return {
        "name": material.name,
        "formula": material.formula,
        "cell_pm": [round(100 * edge, 2) for edge in (a, b, c)],
        "angle_degrees": round(material.angle, 3),
        "symmetry": material.symmetry,
        "spacing_pm": round(100 * material.spacing, 2),
        "nearest_columns_pm": round(100 * material.column_spacing, 2),
        "repeats_along_beam": not material.layered,
        "columns": [
            {"x": round(x, 5), "y": round(y, 5), "atoms": atoms}
            for (x, y), atoms in material.columns.items()
        ],
        "told_apart": list(told_apart(material)[2]) if material.symmetry == 2 else None,
        "defects": [
            {
                "name": defect.name,
                "probability": defect.probability,
                "what": defect.words,
                "contrast": round(defect.contrast, 3),
                "visible": defect.is_visible,
            }
            for defect in propose_defects(material)
        ],
    }


def describe_structure(material: Material) -> list[str]:
    """Say what a crystal looks like along the beam, and which defects it may have.

    Parameters
    ----------
    material : Material
        The crystal.

    Returns
    -------
    list of str
        One line each.
    """
    a, b, c = material.cell
    kinds = {6: "hexagonal", 4: "square", 2: "rectangular" if material.angle == 90 else "oblique"}
    if material.symmetry == 2 and abs(a / b - 1) < 0.004:
        hexagonal = abs(abs(material.angle - 90) - 30) < 0.2
        kinds[2] = "hexagonal, with columns off its centres" if hexagonal else "rhombic"
    along = "a layer" if material.layered else f"repeats each {100 * c:.1f} pm along the beam"
    lines = [
        f"{material.name}: {material.formula}, {kinds[material.symmetry]}, {along}",
        f"cell {100 * a:.1f} x {100 * b:.1f} pm at {material.angle:.4g} degrees; innermost planes "
        f"of an image {100 * material.spacing:.1f} pm apart",
    ]
    lines += _columns(material)
    lines.append("defects (probability per column, intensity of the column with it):")
    lines += [
        f"  {d.name:<20} {d.probability:<6g} {d.contrast:5.2f}  {d.words}"
        for d in propose_defects(material)
        if d.is_visible
    ]
    if hidden := [d.name for d in propose_defects(material) if not d.is_visible]:
        lines.append(
            f"  left out, as they change less than a tenth of the strongest column: "
            f"{', '.join(hidden)}"
        )
    if not material.layered:
        lines.append(
            "note: intensities are those of one cell along the beam; in a thicker crystal a single "
            "atom changes less: give --thickness in Å to see how much"
        )
    return lines


def _columns(material: Material) -> list[str]:
    """Say which columns there are, and whether a detector can tell them apart."""
    _, strengths, kinds = told_apart(material)
    relative = strengths / strengths.max()
    names: dict[str, tuple[int, float]] = {}
    for kind, strength in zip(kinds, relative, strict=True):
        count, _ = names.get(kind, (0, 0.0))
        names[kind] = count + 1, float(strength)
    text = ", ".join(f"{count} {kind} ({level:.2f})" for kind, (count, level) in names.items())
    near = material.column_spacing
    lines = [f"columns of a cell, by their heaviest element (relative intensity): {text}"]
    if near < _LIMIT:
        lines.append(
            f"NOT ALL ARE TOLD APART: the nearest two columns are {100 * near:.0f} pm apart, less "
            f"than the information limit of about {100 * _LIMIT:.0f} pm; such a pair is seen as one"
        )
    else:
        lines.append(
            f"nearest two columns {100 * near:.0f} pm apart: told apart by a microscope with an "
            f"information limit of {100 * near:.0f} pm or finer (about {100 * _LIMIT:.0f} pm is "
            "usual)"
        )
    faint = [kind for kind, (_, level) in names.items() if level < _FAINT]
    if faint:
        lines.append(
            f"hardly seen beside the others: {', '.join(faint)} (less than a tenth of the "
            "strongest)"
        )
    return lines
