"""The zoo's verbs: one function each, a thin door to one library function."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from stemzoo.cli.options import Json
from stemzoo.cli.terminal import Failures, each, print_table, say, start_keras, start_networks

app = typer.Typer()

_Name = Annotated[str, typer.Argument(metavar="NAME", help="See 'stemzoo list'.")]


@app.command("list")
def list_(
    material: Annotated[str | None, typer.Option(help="Only this material.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    as_json: Json = False,
) -> None:
    """List the weights of the zoo: by material and task, then each with a line."""
    from stemzoo.zoo.overview import tasks_by_material
    from stemzoo.zoo.registry import list_weights

    entries = list_weights(material=material, task=task)
    if as_json:
        keys = ("name", "task", "material", "session", "licence", "repo_id", "revision", "summary")
        rows = [{k: getattr(e, k) for k in keys} for e in entries]
        say(*json.dumps(rows, indent=1).split("\n"))
        return
    if not entries:
        known = list_weights()
        tasks, materials = ({getattr(e, key) for e in known} for key in ("task", "material"))
        say(
            f"no weights of task {task or 'any'} and material {material or 'any'}; there are tasks "
            f"{', '.join(sorted(tasks))} and materials {', '.join(sorted(materials))}. Train your "
            "own: 'stemzoo train --help'"
        )
        return
    print_table(*tasks_by_material(entries))
    say("")
    print_table(
        ("NAME", "TASK", "MATERIAL", "SESSION", "SUMMARY"),
        [(e.name, e.task, e.material, e.session, e.summary) for e in entries],
    )


@app.command()
def info(
    source: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the zoo, or a model folder.")
    ],
    as_json: Json = False,
) -> None:
    """Show what is known of weights; nothing is fetched."""
    from stemzoo.zoo.inventory import describe_weights

    found = describe_weights(source)
    if as_json:
        say(*json.dumps(found, indent=1).split("\n"))
        return
    for key, value in found.items():
        if key == "files":
            print_table(
                ("file", "bytes", "sha256"),
                [(f["name"], str(f["size"]), f["sha256"]) for f in value],
            )
        elif value not in (None, "", (), {}):
            text = value if isinstance(value, str) else json.dumps(value)
            say(f"{key}: {text}")


@app.command()
def cite(name: _Name) -> None:
    """Print BibTeX of what a use of weights should cite."""
    from stemzoo.zoo.cards.citations import bibtex_of
    from stemzoo.zoo.registry import find_weights

    say(*bibtex_of(find_weights(name)).split("\n"))


@app.command()
def download(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Names of the zoo, or hf://user/repository."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All weights of the zoo.")] = False,
    to: Annotated[
        Path | None, typer.Option(help="Folder for model folders; else they stay in the cache.")
    ] = None,
) -> None:
    """Bring weights to this machine and check them: for work without a network, or a mirror."""
    from stemzoo.workflows.weights import check_copies
    from stemzoo.zoo.inventory import copy_weights
    from stemzoo.zoo.registry import list_weights

    if bool(names) == everything:
        raise ValueError("expected NAME or --all. Received: " + ("both" if names else "neither"))
    wanted = list(dict.fromkeys(names or [])) or [entry.name for entry in list_weights()]
    check_copies(wanted, to)
    failures = Failures()
    each(wanted, lambda name: [f"{name}: {copy_weights(name, to)}"], failures)
    failures.end()


@app.command()
def save(
    source: Annotated[
        str, typer.Argument(metavar="WEIGHTS", help="Name of the zoo, or a model folder.")
    ],
    folder: Annotated[Path, typer.Argument(help="Model folder to write.")],
    half: Annotated[bool, typer.Option("--half", help="In half precision.")] = False,
) -> None:
    """Write a model folder anew: weights, golden output and provenance of this installation."""
    start_keras()
    from stemzoo.zoo import hub
    from stemzoo.zoo.model_folder import holds_model
    from stemzoo.zoo.whole_folder import is_vacant

    model = hub.load(source)
    if is_vacant(folder):
        hub.save(model, folder, half=half, conditions=model.conditions)
    elif not holds_model(folder, model, half=half):
        raise ValueError(f"expected an empty or new folder. Received: {folder}")
    say(f"model folder {folder}: try 'stemzoo verify {folder}'")


@app.command()
def export(
    source: Annotated[
        str, typer.Argument(metavar="WEIGHTS", help="Name of the zoo, or a model folder.")
    ],
    onnx: Annotated[
        bool, typer.Option("--onnx", help="For ONNX Runtime, without Keras and TensorFlow.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Model folder to write; else the model's own, or NAME-onnx."),
    ] = None,
) -> None:
    """Write weights for another runtime into a model folder; its answers are compared first."""
    if not onnx:
        raise ValueError("expected --onnx, the only format so far. Received: none")
    start_keras()
    from stemzoo.zoo.onnx_export import export_onnx

    folder, difference = export_onnx(source, out)
    say(
        f"model folder {folder} for ONNX Runtime: outputs differ from those of Keras by at most "
        f"{difference:.1e}"
    )


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Names of the zoo, hf://user/repository or model folders."
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="All that are on the Hub, fetched from there.")
    ] = False,
) -> None:
    """Compute hashes and golden outputs again; of all bundled weights if no name is given."""
    from stemzoo.zoo.registry import list_weights

    entries = list_weights()
    revisions = dict.fromkeys(names or [])
    if published:
        revisions.update({e.name: e.revision for e in entries if e.revision and e.repo_id})
    elif not names:
        revisions = {entry.name: None for entry in entries if entry.bundled}
    if not revisions:
        say("nothing is published yet")
        return
    start_networks()
    from stemzoo.zoo import hub

    results = []

    def verify_one(name: str) -> list[str]:
        results.append(hub.verify(name, revision=revisions[name]))
        return str(results[-1]).split("\n")

    failures = Failures()
    each(revisions, verify_one, failures)
    failures.end()
    if not all(result.passed for result in results):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Look at this installation: versions, device, manifest, cache, Hub."""
    from stemzoo.zoo.doctor import examine

    with suppress(ModuleNotFoundError):  # which is one of the things that are looked at
        start_networks()

    checks = examine()
    for check in checks:
        say(str(check))
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _ask(plan: str) -> bool:
    """Show what is about to go up, and ask; whoever is not at a terminal has to say so before."""
    if not sys.stdin.isatty():
        raise ValueError(
            "expected --yes, or a terminal to ask on. Received: neither. See --dry-run."
        )
    typer.echo(plan.replace("would ", "will "))
    return typer.confirm("Publish these files?")


@app.command()
def publish(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Model folder, or name of bundled weights.")
    ],
    repo: Annotated[str, typer.Option(metavar="USER/REPO", help="Repository on the Hub.")],
    name: Annotated[
        str | None, typer.Option(help="Name in the zoo; that of the folder if not given.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Readable with a token only.")] = False,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request on a repository.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, look and print, but write nothing.")
    ] = False,
    new_revision: Annotated[
        bool, typer.Option("--new-revision", help="Replace other weights of that name.")
    ] = False,
    with_samples: Annotated[
        bool, typer.Option("--with-samples", help="Also pictures that may show measured images.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before files go up.")] = False,
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest to write; that of the package if not given.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="SPDX identifier: CC-BY-4.0.")] = None,
    session: Annotated[str | None, typer.Option(help="What the day is called.")] = None,
    material: Annotated[str | None, typer.Option(help="Material, for instance wse2.")] = None,
    summary: Annotated[str | None, typer.Option(help="One line for people.")] = None,
) -> None:
    """Publish a model folder on the Hugging Face Hub and enter it into the manifest."""
    if not sys.stderr.isatty():
        # The client draws its bars for uploads into files, too.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    start_keras()
    from stemzoo.zoo.publishing import publish

    done = publish(
        folder,
        repo=repo,
        name=name,
        private=private,
        create_pr=create_pr,
        dry_run=dry_run,
        new_revision=new_revision,
        with_samples=with_samples,
        confirm=None if yes else _ask,
        manifest=manifest,
        licence=licence,
        session=session,
        material=material,
        summary=summary,
    )
    say(*str(done).split("\n"))
    if dry_run:
        say("", *done.card.split("\n"))
