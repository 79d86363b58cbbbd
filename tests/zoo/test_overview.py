from stemzoo.zoo.overview import tasks_by_material
from stemzoo.zoo.registry import WeightsEntry


def entry(name, task, material, wide=False):
    return WeightsEntry(
        name=name,
        repo_id=None,
        revision=None,
        task=task,
        material=material,
        session="any",
        licence="Apache-2.0",
        summary="",
        files=(),
        wide=wide,
    )


def test_a_material_has_a_row_and_a_task_a_column():
    entries = [
        entry("fcn-b", "detection", "wse2"),
        entry("fcn-c", "detection", "wse2", wide=True),
        entry("gan", "translation", "graphene"),
    ]
    heading, rows = tasks_by_material(entries)
    assert heading == ("MATERIAL", "DETECTION", "TRANSLATION")
    # The widest comes first, whatever its name.
    assert rows == [("graphene", "-", "gan"), ("wse2", "fcn-c and 1 more", "-")]
