"""The commands of a CycleGAN's card, run on small frames as users type them."""

import json

import pytest
from places import EXAMPLES

import stemzoo
from stemzoo.zoo.cards.commands import CardCommands
from stemzoo.zoo.cards.translation import translation_tables
from stemzoo.zoo.file_names import EVALUATION
from stemzoo.zoo.registry import find_weights, list_weights

SCRIPTS = EXAMPLES / "reproduce" / "scripts"


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        import measure_by_commands

        return measure_by_commands


def test_the_commands_of_a_card_make_its_figures(script, tmp_path):
    small = {"filters": 2, "depth": 2, "discriminator_filters": 2, "patch_size": 32}
    facts = {"material": "wse2", "session": "wse2-dayB", "sampling": 0.2062, "name": "mine"}
    stemzoo.save(stemzoo.CycleGANSTEM(**small, **facts), tmp_path / "mine")
    sizes = {"measured": 6, "generated": 3, "size": 192, "patch": 96, "classifier": False}
    commands = CardCommands(str(tmp_path / "mine"), "wse2", ["wse2-dayB"], **sizes)
    found = script.measure(commands)
    assert found["commands"] == commands.lines()
    assert found["images"] == {"measured": 6, "generated": 3, "simulated": 3}
    text = translation_tables({}, json.loads(json.dumps(found)))
    for line in commands.lines():
        assert line in text
    for metric in found["metrics"]:
        assert f"| {metric['name']} | {metric['generated']['value']:.3g}" in text
    paper = found["khan2023"][0]
    assert paper["name"] == "Fréchet distance (EfficientNet-Lite0, Khan 2023 protocol)"
    assert f"by the last command: {paper['generated']['value']:.3g}, simulations" in text


def test_a_command_that_fails_says_why(script):
    with pytest.raises(RuntimeError, match=r"--like no-such: exit code .*no-such"):
        script.run("stemzoo simulate --like no-such")


@pytest.mark.parametrize("name", [entry.name for entry in list_weights(task="translation")])
def test_the_figures_beside_weights_were_made_by_the_commands_of_today(name):
    entry = find_weights(name)
    sessions = entry.sessions or (entry.session,)
    found = json.loads((entry.folder / EVALUATION).read_text(encoding="utf-8"))
    assert found["commands"] == CardCommands(name, entry.material, sessions).lines()
