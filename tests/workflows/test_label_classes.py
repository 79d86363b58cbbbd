from pathlib import Path

import numpy as np
import pytest

from stemzoo.io.label_files import Labels
from stemzoo.workflows.label_classes import ClassMap, known_classes, ordered


def labels(*classes):
    return Labels(np.zeros((len(classes), 2)), classes)


def test_a_map_is_pairs_or_one_class_or_a_file(tmp_path):
    pairs = {"V_Se": "se_vacancy", "other": "ignore"}
    assert ClassMap.read("V_Se=se_vacancy, other=ignore").names == pairs
    assert ClassMap.read("se_vacancy").names == {"": "se_vacancy"}
    assert ClassMap.read(None).names == {}
    for text in ("own,class\nV_Se,se_vacancy\nother,ignore\n", "V_Se;se_vacancy\nother;ignore\n"):
        (tmp_path / "map.csv").write_text(text)
        assert ClassMap.read(str(tmp_path / "map.csv")).names == pairs


@pytest.mark.parametrize("text", ["a=b=c", "V_Se=Se vacancy", "a=", "no_file.csv"])
def test_what_is_no_map_is_one_line(text):
    with pytest.raises(ValueError, match="V_Se=se_vacancy,other=ignore"):
        ClassMap.read(text)


def test_classes_are_mapped_and_known_ones_stay():
    found = ClassMap({"V_Se": "se_vacancy", "odd": "mine", "2": "ignore"})
    given = labels("v_se", "V_Se", "Bright", "odd", "2", "uncertain")
    assert found.applied(given, Path("a.csv"), known_classes("wse2")).classes == (
        *("se_vacancy", "se_vacancy", "bright", "mine", "ignore", "ignore"),
    )


def test_an_unknown_class_says_what_to_write():
    with pytest.raises(ValueError, match="--classes V_Se=CLASS,x=CLASS, where.* se_vacancy"):
        ClassMap({}).applied(labels("V_Se", "x", "bright"), Path("a.csv"), known_classes("wse2"))
    # A vacancy of selenium is none of MoS2.
    with pytest.raises(ValueError, match="a.csv: .*'se_vacancy'.* s_vacancy, s_divacancy"):
        ClassMap({}).applied(labels("se_vacancy"), Path("a.csv"), known_classes("mos2"))
    with pytest.raises(ValueError, match="names no classes. Say it with --classes s_vacancy"):
        ClassMap({}).applied(labels(""), Path("a.csv"), known_classes("mos2"))


def test_classes_have_an_order():
    assert known_classes("graphene")[0] == "c_vacancy"
    assert ordered({"zz", "aa", "bright", "s_vacancy"}, "mos2") == (
        *("s_vacancy", "bright", "aa", "zz"),
    )
