"""Tables of the detectors for other crystals than WSe2."""

from table_blocks import block, metrics, results

from stemzoo.io.tables import table
from stemzoo.zoo.registry import list_weights


def detectors_of_materials() -> list[str]:
    """Names of the widely trained detectors."""
    return [entry.name for entry in list_weights(task="detection") if entry.wide]


@block
def crystals() -> str:
    """F1 by class of each detector but the default one, on its three simulated test sets."""
    rows = []
    for name in detectors_of_materials():
        if name == "fcn-wse2":
            continue
        for part in metrics(name)["test_sets"]:
            scores = ", ".join(
                f"{label} {found['f1']:.2f} ({found['labelled']})"
                for label, found in part["classes"].items()
            )
            rows.append((f"`{name}`", part["session"], scores))
    return table(("weights", "frames", "F1 (labelled)"), rows)


@block
def locked_crystals() -> str:
    """F1 of the most frequent vacancy in frames of the second simulator."""
    found = results("locked_crystals")["weights"]
    names = list(found)
    rows = []
    for k, first in enumerate(found[names[0]]):
        cells = []
        for name in names:
            one = found[name][k]
            outside = f", {one['outside']} outside" if one["outside"] else ""
            warned = " (not trusted)" if one["not_trusted"] else ""
            cells.append("refused" if one["refused"] else f"{one['f1']:.2f}{outside}{warned}")
        rows.append((first["condition"], *cells))
    return table(("condition", *(f"`{name}`" for name in names)), rows)


@block
def columns_alone() -> str:
    """F1 of single vacancies by the detector and by the best cut through columns' intensities."""
    rows = []
    for one in results("columns_alone"):
        found = next(
            part["classes"]
            for part in metrics(f"fcn-{one['material']}")["test_sets"]
            if part["session"] == one["session"]
        )
        label = next(name for name in found if name.endswith("_vacancy"))
        rows.append(
            (
                one["session"],
                f"{found[label]['f1']:.2f}",
                f"{one['f1']:.2f}",
                f"{one['vacancy']:.2f}",
                f"{one['spread']:.2f}",
            )
        )
    head = ("frames", "detector", "columns alone", "a vacancy's column", "spread of intact ones")
    return table(head, rows)


@block
def nitrogen() -> str:
    """F1 of nitrogen in graphene by the best cut through the columns, by dose and conditions."""
    found = results("nitrogen")
    doses = sorted({one["dose"] for one in found})
    rows = []
    for name in dict.fromkeys(one["conditions"] for one in found):
        by_dose = {one["dose"]: one["f1"] for one in found if one["conditions"] == name}
        rows.append((name, *(f"{by_dose[dose]:.2f}" for dose in doses)))
    return table(("conditions", *(f"{dose:,.0f}" for dose in doses)), rows)
