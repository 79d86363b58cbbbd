"""The commands on cards: what they are made of, and that each of them exists."""

import contextlib
import re
import shlex

import pytest
import typer
from places import CARDS, ROOT

from stemzoo.cli.app import app
from stemzoo.zoo.cards.commands import CardCommands

PAGES = sorted(CARDS.glob("*.md"))
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# An argument is missing; the class has moved between versions of Typer.
(MISSING,) = (kind for kind in typer.BadParameter.__subclasses__() if "Missing" in kind.__name__)
INLINE = re.compile(r"`((?:stemzoo|python) [^`\n]+)`")


def parse(command):
    """Have the command line read a command, without doing anything."""
    program, verb, *arguments = shlex.split(command)
    assert program == "stemzoo"
    group = typer.main.get_command(app)
    found = group.get_command(group.context_class(group), verb)
    assert found is not None, f"{command}: no such verb"
    found.make_context(verb, arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_command_of_a_card_is_one_that_the_program_takes(page):
    text = page.read_text(encoding="utf-8")
    blocks = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    assert blocks
    for command in blocks:
        parse(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_command_in_the_text_of_a_card_exists(page):
    for command in INLINE.findall(page.read_text(encoding="utf-8")):
        program, what, *_ = shlex.split(command)
        if program == "python":
            assert (ROOT / what).is_file(), command
            continue
        # In the text a command may name no images.
        with contextlib.suppress(MISSING):
            parse(command)


def test_a_wrong_command_is_found():
    with pytest.raises(Exception, match="--lke"):
        parse("stemzoo simulate --lke cyclegan-wse2-dayB")
    with pytest.raises(AssertionError, match="no such verb"):
        parse("stemzoo simulat --like cyclegan-wse2-dayB")


def test_frames_of_several_sessions_are_compared_together():
    lines = CardCommands("gan", "wse2", ["wse2-dayA", "wse2-dayB"], measured=24).lines()
    assert [line for line in lines if "--session" in line] == [
        f"stemzoo simulate --session wse2-day{day} -n 12 --size 1024 --seed 9000 --out day"
        for day in "AB"
    ]
    # New frames: those to compare with and those to translate have different seeds.
    assert "--seed 9001" in lines[0]


def test_options_that_are_as_users_have_them_are_not_on_the_card():
    made = CardCommands("gan", "wse2", ["wse2-dayB"])
    assert not any("--patch" in line for line in made.lines())
    assert "classifier" not in made.lines()[-2]
    quick = CardCommands("gan", "wse2", ["wse2-dayB"], patch=64, classifier=False).lines()
    assert all("--patch 64" in line and "--no-classifier" in line for line in quick[-2:])
