import os
import time

import pytest

from stemzoo.app.uploads import (
    safe_name,
    sweep_uploads,
    take_image,
    take_structure,
    take_upload,
)

MB = 1_000_000


@pytest.fixture
def here(tmp_path):
    (tmp_path / "uploads").mkdir()
    (tmp_path / "visit").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../../etc/passwd.tif", "passwd.tif"),
        ("..\\..\\windows\\system.tif", "system.tif"),
        ("--out=x.tif", "out_x.tif"),
        (".hidden.tif", "hidden.tif"),
        ("a[b]*?.tif", "a_b.tif"),
        ("<img src=x onerror=alert(1)>.tif", "img_src_x_onerror_alert_1.tif"),
        ("a;rm -rf $HOME.tif", "a_rm_-rf_HOME.tif"),
        ("Bild 3 (Kopie).TIF", "Bild_3_Kopie.tif"),
        ("a\0b.tif", "ab.tif"),
        ("x" * 300 + ".tif", "x" * 60 + ".tif"),
        ("视野.tif", "image.tif"),
    ],
)
def test_whatever_a_file_is_called_its_name_is_harmless(name, expected):
    assert safe_name(name, [".tif"]) == expected


@pytest.mark.parametrize("name", ["page.html", "run.py", "a.tif.exe", "weights", "x.svg"])
def test_other_kinds_are_refused_in_words(here, name):
    file = here / "uploads" / name
    file.write_bytes(b"1")
    with pytest.raises(ValueError, match=r"Expected a file ending in \.tif"):
        take_image(file, here / "visit", root=here / "uploads", largest=MB)


def test_a_file_is_moved_away_from_the_uploads(here):
    file = here / "uploads" / "scan.tif"
    file.write_bytes(b"1234")
    taken = take_image(file, here / "visit", root=here / "uploads", largest=MB)
    assert taken == here / "visit" / "scan.tif"
    assert taken.read_bytes() == b"1234"
    assert not file.exists()


def test_two_files_of_one_name_stay_two(here):
    for number in range(2):
        file = here / "uploads" / "scan.tif"
        file.write_bytes(bytes([number]))
        take_image(file, here / "visit", root=here / "uploads", largest=MB)
    names = sorted(path.name for path in (here / "visit").iterdir())
    assert names == ["scan-2.tif", "scan.tif"]


def test_a_file_of_the_server_is_not_taken(here):
    secret = here / "secret.tif"
    secret.write_bytes(b"secret")
    for path in (secret, here / "uploads" / ".." / "secret.tif"):
        with pytest.raises(ValueError, match="Expected an uploaded file"):
            take_image(path, here / "visit", root=here / "uploads", largest=MB)
    assert secret.exists()


def test_a_link_to_a_file_of_the_server_is_not_taken(here):
    secret = here / "secret.tif"
    secret.write_bytes(b"secret")
    for name, target in (("a.tif", secret), ("b.tif", here / "uploads" / "c.tif")):
        (here / "uploads" / "c.tif").write_bytes(b"1")
        link = here / "uploads" / name
        link.symlink_to(target)
        with pytest.raises(ValueError, match="Expected an uploaded file"):
            take_image(link, here / "visit", root=here / "uploads", largest=MB)
    assert not list((here / "visit").iterdir())


def test_too_large_and_empty_files_are_refused(here):
    file = here / "uploads" / "scan.tif"
    with file.open("wb") as stream:
        stream.truncate(3 * MB)
    with pytest.raises(ValueError, match="at most 2 MB. Received: 3 MB"):
        take_upload(file, "scan.tif", here / "visit", root=here / "uploads", largest=2 * MB)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="an empty file"):
        take_upload(file, "scan.tif", here / "visit", root=here / "uploads", largest=2 * MB)


def test_a_crystal_is_taken_by_its_own_kinds(here):
    file = here / "uploads" / "GaN.CIF"
    file.write_text("data_")
    taken = take_structure(file, here / "visit", root=here / "uploads")
    assert taken.name == "GaN.cif"


def test_uploads_that_nobody_takes_are_deleted(here):
    old, new = here / "uploads" / "old.tif", here / "uploads" / "new.tif"
    for path in (old, new):
        path.write_bytes(b"12345")
    os.utime(old, (time.time() - 7200,) * 2)
    assert sweep_uploads(here / "uploads", older=3600, most=MB) == 5
    assert not old.exists()
    assert new.exists()


def test_where_uploads_take_too_much_room_a_minute_is_old(here):
    file = here / "uploads" / "scan.tif"
    file.write_bytes(b"12345")
    os.utime(file, (time.time() - 90,) * 2)
    assert sweep_uploads(here / "uploads", older=3600, most=4) == 0
