"""Tables of detectors on real images whose labels rest on a fit of all columns."""

from table_blocks import block, results

from stemzoo.io.tables import table


@block
def real_labels() -> str:
    """Count the labels of each image."""
    rows = []
    for image, facts in results("real_labels")["labels"].items():
        counts = dict(facts["labelled"])
        unsure = counts.pop("uncertain", 0)
        shown = ", ".join(f"{count} `{name}`" for name, count in counts.items()) or "none"
        expected = facts.get("expected_vacancies", "-")
        rows.append((image, facts.get("columns", "-"), shown, unsure, expected))
    head = ("image", "columns", "labelled", "uncertain", "vacancies by the mixture")
    return table(head, rows)


@block
def real_scores() -> str:
    """Precision, recall and F1 of each class."""
    rows = []
    for name, report in results("real_labels")["weights"].items():
        for row in report["scores"]:
            figures = (_figure(row[figure]) for figure in ("precision", "recall", "f1"))
            rows.append((f"`{name}`", f"`{row['class']}`", row["labelled"], *figures))
    return table(("weights", "class", "labelled", "precision", "recall", "F1"), rows)


@block
def real_probabilities() -> str:
    """Vacancies that were marked, against the probabilities of their columns."""
    rows = []
    for name, report in results("real_labels")["weights"].items():
        for image, part in report["by_probability"].items():
            keys = ("marked", "expected_true", "best_of_as_many", "expected_in_image")
            rows.append((f"`{name}`", image, *(part[key] for key in keys)))
    head = ("weights", "image", "marked", "true of these", "of as many darkest", "in the image")
    return table(head, rows)


def _figure(part: dict | None) -> str:
    return f"{part['value']:.2f} ({part['low']:.2f} to {part['high']:.2f})" if part else "-"
