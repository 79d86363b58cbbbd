import json

import pytest
from ase import io
from imagecodecs import png_decode
from known_structures import bulk_molybdenite, gallium_nitride


@pytest.fixture
def nitride(here):
    io.write(here / "gan.cif", gallium_nitride())
    return "gan.cif"


def test_a_crystal_is_told_in_words(run, nitride):
    done = run("structure", nitride, "--zone-axis", "1,1,0")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "gan-110: GaN [110], rectangular, repeats each 318.9 pm along the beam"
    # a sqrt(3) / 2 and c.
    assert lines[1].startswith("cell 276.2 x 518.6 pm at 90 degrees")
    assert "2 Ga (1.00), 2 N (0.08)" in done.out
    assert "nearest two columns 112 pm apart: told apart" in done.out
    assert "  ga_vacancy           0.035   0.00  one Ga missing" in lines
    assert "left out, as they change less than a tenth" in done.out
    assert "n_vacancy" in lines[-2]
    assert "give --thickness" in lines[-1]


def test_the_picture_and_the_defects_are_written(run, nitride, here):
    done = run(
        *("structure", nitride, "--zone-axis", "1,1,0", "--show", "gan.png"),
        *("--defects", "gan.json"),
    )
    assert done.out.splitlines()[-2] == "picture: gan.png"
    picture = png_decode((here / "gan.png").read_bytes())
    # Vermilion discs of gallium, purple ones of nitrogen.
    for colour in ((213, 94, 0), (204, 121, 167)):
        assert (picture[..., :3] == colour).all(axis=-1).sum() > 500
    defects = json.loads((here / "gan.json").read_text())["defects"]
    assert defects["ga_vacancy"] == 0.035
    assert "n_vacancy" not in defects


def test_json_holds_all_of_it(run, nitride):
    report = json.loads(run("structure", nitride, "--zone-axis", "1,1,0", "--json").out)
    assert report["symmetry"] == 2
    assert [column["atoms"] for column in report["columns"]] == [["Ga"], ["Ga"], ["N"], ["N"]]
    hidden = [d["name"] for d in report["defects"] if not d["visible"]]
    assert hidden == ["n_vacancy"]


def test_layers_are_cut_out(run, here):
    io.write(here / "bulk.cif", bulk_molybdenite())
    assert run("structure", "bulk.cif", "--layers", 1).out.startswith("mos2: MoS2, hexagonal, a la")


def test_a_material_of_the_table_is_shown_too(run, here):
    assert run("structure", "graphene").out.startswith("graphene: C, hexagonal, a layer\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.cif",), "nowhere.cif: no such file or folder"),
        (("wse9",), "wse9: expected a structure file"),
        (("gan.cif", "--zone-axis", "1,1"), "--zone-axis takes three whole numbers"),
        (("gan.cif", "--zone-axis", "0,0,0"), "gan.cif: A zone axis is three whole numbers"),
        (("gan.cif", "--layers", 1), "gan.cif: Expected layers, with gaps"),
    ],
)
def test_what_cannot_be_is_one_line(run, nitride, arguments, words):
    done = run("structure", *arguments)
    assert done.code == 2
    assert done.err.startswith(f"stemzoo: {words}")
    assert done.err.count("\n") == 1
