"""The pages of measured figures say what the measured files say, and lead somewhere."""

import re

import pytest
from places import EXAMPLES, ROOT

REPRODUCE = EXAMPLES / "reproduce"
PAGES = sorted(REPRODUCE.glob("*.md"))
LINKS = [*PAGES, EXAMPLES / "README.md", EXAMPLES / "publish.md", ROOT / "README.md"]


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(REPRODUCE / "scripts")
    import write_tables

    return write_tables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_the_figures_of_the_measured_files(tables, page):
    text = page.read_text(encoding="utf-8")
    # As long as there is a block, a start has its end and its function.
    assert (
        text.count("<!-- table:") == text.count("<!-- end -->") == len(tables.BLOCK.findall(text))
    )
    assert tables.filled(text) == text, "python examples/reproduce/scripts/write_tables.py"


def test_each_table_is_on_one_page(tables):
    on_pages = [name for page in PAGES for name, _ in tables.BLOCK.findall(page.read_text("utf-8"))]
    assert sorted(on_pages) == sorted(tables.TABLES)


def test_a_page_is_written_anew_between_its_marks_only(tables):
    text = "Before\n<!-- table: recipes -->\nold\n<!-- end -->\nafter"
    found = tables.filled(text)
    assert found.startswith("Before\n<!-- table: recipes -->\n| recipe |")
    assert found.endswith("|\n<!-- end -->\nafter")


@pytest.mark.parametrize("page", LINKS, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_to_files(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def test_the_map_of_claims_is_a_page_long():
    assert len((REPRODUCE / "README.md").read_text(encoding="utf-8").splitlines()) <= 80
