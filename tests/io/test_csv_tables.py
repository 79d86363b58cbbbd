import numpy as np
import pytest

from stemzoo.io import read_csv, write_csv


def test_csv_comes_back_with_header_and_types(tmp_path):
    path = tmp_path / "a.csv"
    rows = [(1, np.float32(0.5), "se, vacancy", None), (2, np.nan, 'a "b"\nc', 3.5)]
    write_csv(path, ["n", "row_px", "kind", "height"], rows, header=["stemzoo", "", "two\nlines"])
    header, columns = read_csv(path)
    assert header == ["stemzoo", "", r"two\nlines"]
    assert list(columns) == ["n", "row_px", "kind", "height"]
    np.testing.assert_array_equal(columns["n"], [1.0, 2.0])
    np.testing.assert_array_equal(columns["row_px"], [0.5, np.nan])
    np.testing.assert_array_equal(columns["height"], [np.nan, 3.5])
    assert columns["kind"].tolist() == ["se, vacancy", 'a "b"\nc']
    assert path.read_text().startswith("# stemzoo\n# \n# two\\nlines\nn,row_px,kind,height\n1,0.5,")


def test_a_header_holds_nothing_that_a_terminal_acts_on(tmp_path):
    names = ["a\x1b[2J.tif", "b\rc", "d\n# weights: others", "\u202etxt", "Å µ", "\udcff"]
    write_csv(tmp_path / "a.csv", ["x"], [(1,)], header=[f"in {name}" for name in names])
    shown = [
        r"a\x1b[2J.tif",
        r"b\rc",
        r"d\n# weights: others",
        r"\u202etxt",
        "Å µ",
        r"\udcff",
    ]
    assert read_csv(tmp_path / "a.csv")[0] == [f"in {name}" for name in shown]
    assert all(line.isprintable() for line in (tmp_path / "a.csv").read_text().split("\n"))


def test_csv_numbers_come_back_exactly(tmp_path):
    values = np.random.default_rng(1).normal(size=50)
    write_csv(tmp_path / "a.csv", ["x"], values[:, None])
    np.testing.assert_array_equal(read_csv(tmp_path / "a.csv")[1]["x"], values)


def test_csv_without_rows_keeps_its_columns(tmp_path):
    write_csv(tmp_path / "a.csv", ["x", "y"], [])
    header, columns = read_csv(tmp_path / "a.csv")
    assert header == []
    assert {name: len(column) for name, column in columns.items()} == {"x": 0, "y": 0}


def test_csv_does_not_take_names_with_underscores_for_numbers(tmp_path):
    write_csv(tmp_path / "a.csv", ["frame"], [("1389_1",), ("1389_2",)])
    assert read_csv(tmp_path / "a.csv")[1]["frame"].tolist() == ["1389_1", "1389_2"]


@pytest.mark.parametrize("columns", [[], ["x", "x"], ["#x"], ["x", ""]])
def test_csv_refuses_ambiguous_columns(tmp_path, columns):
    with pytest.raises(ValueError, match="expected different column names"):
        write_csv(tmp_path / "a.csv", columns, [])


def test_csv_refuses_rows_of_another_length_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="expected 2 cells .* Received: 1 in row 1"):
        write_csv(tmp_path / "a.csv", ["x", "y"], [(1, 2), (3,)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"# only a header\n", b"x,y\n1\n", b"x,x\n1,2\n", b"\xff\xfe", b'x\n"open\n']
)
def test_csv_that_is_no_table_is_a_value_error(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.csv: expected .* Received: "):
        read_csv(tmp_path / "a.csv")


def test_csv_from_excel_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes("\ufeff# Å\r\nx,y\r\n1,a\r\n".encode())
    header, columns = read_csv(tmp_path / "a.csv")
    assert header == ["Å"]
    assert columns["x"] == [1.0]


def test_a_table_that_is_not_there_is_told_in_words(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a.csv: expected a table. Received: no such file"):
        read_csv(tmp_path / "a.csv")
