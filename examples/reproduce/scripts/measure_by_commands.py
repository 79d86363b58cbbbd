"""Measure CycleGANs by the commands that users type: what their cards say first.

    python scripts/measure_by_commands.py [NAME...] [--measured 24] [--generated 12] [--size 1024]
        [--seed 9000] [--out results/by_commands.json] [--enter]

NAME is a CycleGAN of the zoo; all of them where none is named. Each command runs in this process as
it stands on the card, in a temporary folder: `simulate --like`, `translate`, `simulate --session`,
`evaluate`. The JSON file keeps what was measured of others. With `--enter` the figures go beside
the weights (``evaluation.json``), and manifest and cards are written anew. About 90 s of one core
each.
"""

import argparse
import contextlib
import json
import shlex
import tempfile
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from stemzoo import io
from stemzoo.cli.app import app
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.workflows.weights import describe_weights
from stemzoo.zoo.cards.card import write_cards
from stemzoo.zoo.cards.commands import PAPER_REPORT, REPORT, CardCommands
from stemzoo.zoo.file_names import EVALUATION
from stemzoo.zoo.hub import register
from stemzoo.zoo.registry import find_weights, list_weights, manifest_path


def run(command: str) -> float:
    """Run one command as the terminal does; returns the CPU time that it took [s].

    Raises
    ------
    RuntimeError
        If its exit code is not 0; with what it printed.
    """
    program, *arguments = shlex.split(command)
    if program != "stemzoo":
        raise RuntimeError(f"Expected a command of stemzoo. Received: {command}")
    begun = time.process_time()
    done = CliRunner().invoke(app, arguments)
    if done.exit_code:
        raise RuntimeError(f"{command}: exit code {done.exit_code}. {done.output}{done.exception}")
    return time.process_time() - begun


def measure(commands: CardCommands) -> dict[str, Any]:
    """Run the commands of a card in a folder of their own; return what `evaluate` wrote."""
    lines = commands.lines()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        seconds = [run(line) for line in lines]
        found, paper = (
            json.loads(Path(report, EVALUATION).read_text(encoding="utf-8"))
            for report in (REPORT, PAPER_REPORT)
        )
    known = describe_weights(commands.weights)
    return {
        "weights": known["name"],
        "session": known["config"]["session"],
        "size": commands.size,
        "commands": lines,
        "cpu_seconds": [round(one, 1) for one in seconds],
        **{key: found[key] for key in ("stemzoo", "seed", "metrics", "descriptions", "images")},
        # Its other figures know nothing of the protocol.
        "khan2023": paper["metrics"][:1],
    }


def enter(found: dict[str, Any]) -> None:
    """Write figures beside bundled weights, and into the manifest."""
    entry = find_weights(found["weights"])
    kept = {key: value for key, value in found.items() if key != "cpu_seconds"}
    io.write_json(entry.folder / EVALUATION, kept)
    register(entry.folder, **entry.facts)


def main() -> None:
    """Measure the CycleGANs that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--measured", type=int, default=24)
    parser.add_argument("--generated", type=int, default=12)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--out", type=Path, default=Path("results/by_commands.json"))
    parser.add_argument("--enter", action="store_true", help="write cards and manifest, too")
    options = parser.parse_args()
    known = {entry.name: entry for entry in list_weights(task="translation") if entry.bundled}
    report = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    for name in options.names or known:
        entry = known[name]
        sessions = [one for one in entry.sessions or (entry.session,) if one in SESSIONS]
        sizes = {key: getattr(options, key) for key in ("measured", "generated", "size", "seed")}
        report[name] = measure(CardCommands(name, entry.material, sessions, **sizes))
        io.write_json(options.out, report)
        for metric in [*report[name]["metrics"], *report[name]["khan2023"]]:
            three = (metric[key]["value"] for key in ("generated", "floor", "ceiling"))
            print(f"{name}: {metric['name']}: {', '.join(f'{value:.4g}' for value in three)}")
        print(f"{name}: CPU seconds {report[name]['cpu_seconds']}", flush=True)
        if options.enter:
            enter(report[name])
    if options.enter:
        write_cards(manifest_path().parent / "model_cards")


if __name__ == "__main__":
    main()
