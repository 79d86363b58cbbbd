"""Table of what limits detectors under heavy contamination."""

from table_blocks import block, results

from stemzoo.io.tables import table

WAYS = ("network", "columns", "columns, knots 3", "network, haze known", "columns, haze known")


@block
def contamination() -> str:
    """F1 of single vacancies of each witness, with haze and without."""
    rows = []
    for one in results("contamination")["rows"]:
        best, detect = one["best_f1"], one["detect"]
        said = [
            "-" if words["expected_f1"] is None else f"{words['expected_f1']:.2f}"
            for words in detect["said"]
        ]
        rows.append(
            (
                f"{one['material']}, {one['haze']:g}" + (", grain" if one["grain"] else ""),
                one["labelled"],
                *(f"{best[way]:.2f}" for way in WAYS),
                f"{max(best['network, no noise'], best['columns, no noise']):.2f}",
                f"**{detect['f1']:.2f}**",
                ", ".join(said),
            )
        )
    head = ("crystal, haze", "labelled", "network", "columns", "finer knots")
    known = ("network, haze known", "columns, haze known", "no noise")
    return table((*head, *known, "`detect`", "expected"), rows)
