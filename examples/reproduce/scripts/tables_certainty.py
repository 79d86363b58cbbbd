"""Tables of how sure detections are."""

from table_blocks import block, results

from stemzoo.io.tables import table


@block
def certainty_f1() -> str:
    """Write F1 of the network, of the columns and of both, by condition."""
    rows = [
        (
            row["condition"],
            row["frames"],
            row["labelled"],
            *(f"{row[way]:.3f}" for way in ("network", "columns", "joint", "joint_as_many")),
        )
        for row in results("certainty")["f1"]
    ]
    head = ("condition", "frames", "labelled", "network", "columns", "both", "both, as many")
    return table(head, rows)


@block
def certainty_errors() -> str:
    """Write the calibration error of each class."""
    rows = [
        (name, facts["places"], f"{facts['error']:.3f}")
        for name, facts in results("certainty")["reliability"].items()
    ]
    return table(("class", "places of p >= 0.05", "calibration error"), rows)


@block
def certainty_of_images() -> str:
    """Write how well densities and the F1 of an image are told."""
    report = results("certainty")
    expected = report["expected_f1"]
    rows = [
        (
            f"frames whose interval of the density of {name} holds the drawn one",
            f"{facts['inside']:.1%} of {facts['frames']}",
        )
        for name, facts in report["density_coverage"].items()
    ]
    rows += [
        ("rank correlation of expected and true F1", f"{expected['rank_correlation']:.3f}"),
        ("mean absolute error of the expected F1", f"{expected['mean_absolute_error']:.3f}"),
        ("frames whose interval holds the true F1", f"{expected['within_interval']:.1%}"),
    ]
    for what in ("below_0.8", "above_0.9"):
        warned, of = expected[f"warned_of_{what}"]
        rows.append(
            (
                f"frames of a true F1 {what.replace('_', ' ')} that are warned of",
                f"{warned} of {of}",
            )
        )
    return table(("", f"of {expected['frames']} frames"), rows)
