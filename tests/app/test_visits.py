import time

import pytest

from stemzoo.app.limits import Limits
from stemzoo.app.visits import Visits


def test_each_session_has_a_visit_and_a_token_of_its_own(visits):
    anna, ben = visits.of("anna"), visits.of("ben")
    assert anna is visits.of("anna")
    assert anna.folder != ben.folder
    assert visits.by_token(anna.token) is anna
    assert visits.by_token(ben.token) is ben
    assert visits.by_token("") is None
    assert visits.by_token("ß") is None


def test_a_session_without_a_name_is_refused(visits):
    with pytest.raises(ValueError, match="Load it once more"):
        visits.of(None)


def test_at_the_end_of_a_visit_its_files_are_deleted(visits):
    anna = visits.of("anna")
    (anna.folder / "images" / "scan.tif").write_bytes(b"1")
    visits.leave("anna")
    assert not anna.folder.exists()
    assert visits.by_token(anna.token) is None
    assert anna.ended


def test_who_comes_back_in_time_finds_all(tmp_path):
    now = [0.0]
    known = Visits(tmp_path, Limits(return_seconds=0.05), lambda: now[0])
    anna = known.of("anna")
    now[0] = 1.0
    known.leave("anna")
    now[0] = 2.0
    assert known.of("anna") is anna


def test_a_visit_whose_image_is_being_looked_at_ends_when_that_is_done(tmp_path):
    known = Visits(tmp_path, Limits(return_seconds=0.02))
    anna = known.of("anna")
    with anna.at_work():
        known.leave("anna")
        time.sleep(0.1)  # five times as long as a visitor may be away
        assert not anna.ended
    until = time.monotonic() + 20
    while not anna.ended and time.monotonic() < until:
        time.sleep(0.02)
    assert anna.ended


def test_of_too_many_visits_the_longest_idle_ends(tmp_path):
    now = [0.0]
    known = Visits(tmp_path, Limits(visits=2), lambda: now[0])
    first = known.of("first")
    for k, name in enumerate(["second", "first", "third"], 1):
        now[0] = k
        known.of(name)
    assert known.of("first") is first
    assert not first.ended
    assert len([path for path in tmp_path.iterdir()]) == 2


def test_an_idle_visit_ends_when_the_next_comes(tmp_path):
    now = [0.0]
    known = Visits(tmp_path, Limits(idle_minutes=1), lambda: now[0])
    anna = known.of("anna")
    now[0] = 61.0
    known.of("ben")
    assert anna.ended


def test_messages_do_not_say_where_files_lie(visit):
    said = visit.words(f"{visit.folder}/images/scan.tif: damaged, see {visit.results}/scan.csv")
    assert said == "scan.tif: damaged, see scan.csv"
