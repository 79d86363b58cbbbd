"""The weights of the zoo at a glance: which material has a model for which task."""

from collections.abc import Sequence

from stemzoo.zoo.registry import WeightsEntry

_FIRST = "detection"  # what most come for


def tasks_by_material(
    entries: Sequence[WeightsEntry],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Arrange weights as a table of materials and tasks.

    Parameters
    ----------
    entries : sequence of WeightsEntry
        Weights.

    Returns
    -------
    heading : tuple of str
        ``"MATERIAL"`` and the tasks.
    rows : list of tuple of str
        A material each: the name of its most widely trained weights for each task, and how many
        more there are; ``"-"`` where there are none.

    Examples
    --------
    >>> from stemzoo.zoo.registry import list_weights
    >>> heading, rows = tasks_by_material(list_weights(task="detection", material="wse2"))
    >>> heading, rows[0][0], rows[0][1].split()[0]
    (('MATERIAL', 'DETECTION'), 'wse2', 'fcn-wse2')
    """
    tasks = sorted({entry.task for entry in entries}, key=lambda task: (task != _FIRST, task))
    rows = []
    for material in sorted({entry.material for entry in entries}):
        cells = [material]
        for task in tasks:
            found = [e for e in entries if (e.material, e.task) == (material, task)]
            names = [e.name for e in sorted(found, key=lambda e: (not e.wide, e.name))]
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            cells.append(f"{names[0]}{more}" if names else "-")
        rows.append(tuple(cells))
    return ("MATERIAL", *(task.upper() for task in tasks)), rows
