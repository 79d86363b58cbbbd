"""Table of defects that were followed through simulated time series."""

from table_blocks import block, results

from stemzoo.io.tables import table


@block
def tracking() -> str:
    """Errors of identities, of jumps and of the drift, by session."""
    rows = []
    for one in results("tracking")["sessions"]:
        jumps = f"{one['jumps_found']} of {one['jumps']}, {one['false_jumps']} false"
        rows.append(
            (
                f"`{one['session']}`",
                one["frames"],
                f"{one['recall']:.2f}",
                f"{one['false_a_frame']:.1f}",
                f"{one['wrong_links']} of {one['links']}",
                jumps,
                f"{one['appeared_found']} of {one['appeared']}",
                f"{one['largest_drift_error_px']:.2f}",
                one["ambiguous"],
            )
        )
    head = (
        *("session", "frames", "recall", "false ones a frame", "wrong links", "jumps"),
        *("appearances", "largest error of the drift [px]", "ambiguous frames"),
    )
    return table(head, rows)


@block
def alignment() -> str:
    """F1 of one frame, of the sum and of the aligned mean of stacks that drift."""
    rows = []
    for one in results("alignment")["stacks"]:
        refused = one["aligned"] is None
        rows.append(
            (
                f"{100 * one['efficiency'] / 0.3:.0f} %",  # of the mean efficiency of day A
                f"{one['drift_px']:.1f}",
                f"{one['one']:.2f}",
                f"{one['summed']:.2f}",
                "refused" if refused else f"{one['aligned']:.2f}",
                "" if refused else f"{one['used']} of 10, {one['error_px']:.1f} px",
            )
        )
    head = (
        *("electrons a frame, of day A's", "drift a frame [px]", "F1 in one frame", "in the sum"),
        *("in the aligned mean", "frames used, largest error"),
    )
    return table(head, rows)
