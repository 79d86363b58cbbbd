"""Verbs on images: translate, match, evaluate, simulate."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.image_lines import ImageLines
from stemzoo.cli.options import (
    Cluster,
    FailFast,
    Frame,
    Frames,
    Json,
    LackingPixelSize,
    ManyImages,
    Recursive,
    Resume,
    SumFrames,
    one_of_frames,
)
from stemzoo.cli.structure import (
    DefectsFile,
    Layers,
    StructureFile,
    Thickness,
    ZoneAxis,
    open_structure,
)
from stemzoo.cli.terminal import (
    Failures,
    angstrom,
    print_table,
    say,
    start_keras,
    start_networks,
    warn,
)

if TYPE_CHECKING:
    from stemzoo.inference.comparison import Match

app = typer.Typer()


@app.command()
def translate(
    images: ManyImages,
    weights: Annotated[str, typer.Option(help="Name of the zoo, or a model folder.")],
    direction: Annotated[
        str, typer.Option(help="sim-to-exp, or exp-to-sim (takes noise away, and atoms).")
    ] = "sim-to-exp",
    pixel_size: LackingPixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("translated"),
    frame: Frame = None,
    sum_frames: SumFrames = False,
    frames: Frames = None,
    recursive: Recursive = False,
    noise: Annotated[
        float | None,
        typer.Option(min=0, help="Noise that goes in; else as in training, 0 for none."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of this noise.")] = 0,
    resume: Resume = False,
    fail_fast: FailFast = False,
    cluster: Cluster = None,
) -> None:
    """Make simulations look like a session's images, or the reverse."""
    from stemzoo.inference.advice import MisfitSummary
    from stemzoo.inference.translation import NO_EVIDENCE
    from stemzoo.workflows.cluster import check_cluster
    from stemzoo.workflows.image_task import plan_session
    from stemzoo.workflows.run_record import RunRecord
    from stemzoo.workflows.sources import find_sources, has_folders
    from stemzoo.workflows.translate_task import TranslateOptions, TranslateTask
    from stemzoo.workflows.translation import MeasuredImages

    check_cluster(cluster)
    one_of_frames(frames, frame, sum_frames)
    options = TranslateOptions(direction, angstrom(pixel_size), frame, sum_frames, noise, seed)
    record = RunRecord.read(out)
    sources = find_sources(
        images, recursive=recursive, frames=frames, out=out, written=record.written()
    )
    task = TranslateTask(options, weights)
    plan_session(task, sources, out)
    denoise = direction == "exp-to-sim"
    summary = MisfitSummary("translation") if denoise else MeasuredImages()
    many = frames is not None or resume or has_folders(images, sources)
    door = ImageLines(out, fail_fast, resume=resume, many=many)
    with door.ended(record):
        door.work(sources, task, record, summary, cluster=cluster)
        warn(NO_EVIDENCE if denoise and door.done else None)
        warn(summary.warning())


@app.command()
def match(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...", help="Image files of one session, a folder, or a quoted pattern."
        ),
    ],
    material: Annotated[str | None, typer.Option(help="Only weights for this material.")] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            metavar="PM",
            help="Pixel size (pm); else from the files' metadata, else measured from the lattice.",
        ),
    ] = None,
    frame: Frame = None,
    sum_frames: SumFrames = False,
    frames: Frames = None,
    recursive: Recursive = False,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Rank the weights of the zoo by how well they fit images, and say what to do next.

    EXPECTED F1 is what detect promises of these images, with the detectors that can tell.
    """
    from stemzoo.inference.advice import advise
    from stemzoo.workflows.cluster import open_engine
    from stemzoo.workflows.matching import match_files
    from stemzoo.workflows.sources import find_sources

    failures = Failures()
    one_of_frames(frames, frame, sum_frames)
    sources = find_sources(images, recursive=recursive, frames=frames)
    start_networks()
    with open_engine(cluster) as spread:
        ranked = match_files(
            sources,
            material=material,
            sampling=angstrom(pixel_size),
            frame=frame,
            sum_frames=sum_frames,
            failed=failures.add,
            spread=spread,
        )
    compared = [source for source in sources if source not in failures.items]
    if not compared:
        failures.end()
    advice = advise(ranked, list(dict.fromkeys(source.path for source in compared)))
    if as_json:
        from stemzoo.inference.advice import match_facts

        rows = [
            {"weights": m.weights, "session": m.session, "material": m.material, "fits": m.fits}
            | match_facts(m)
            | {"expected_f1": None if m.expected is None else asdict(m.expected.f1)}
            for m in ranked
        ]
        content = {
            "images": [str(source) for source in compared],
            "matches": rows,
            "advice": advice,
        }
        say(*json.dumps(content, indent=1).split("\n"))
        failures.end()
        return
    head = ("WEIGHTS", "SESSION", "EXPECTED F1", "DISTANCE", "P", "FITS", "DIFFERS")
    print_table(head, _ranking(ranked))
    say(advice)
    failures.end()


def _ranking(ranked: list["Match"]) -> list[tuple[str, ...]]:
    """Return the cells of the table of weights."""
    return [
        (
            m.weights,
            m.session,
            "" if m.expected is None else f"{m.expected.f1.value:.2f}",
            f"{m.distance:.2f}",
            f"{m.p_value:.2g}",
            "yes" if m.fits else "no",
            m.reason,
        )
        for m in ranked
    ]


@app.command()
def evaluate(
    real: Annotated[str, typer.Argument(metavar="REAL", help="Folder or pattern of images.")],
    fake: Annotated[str, typer.Argument(metavar="FAKE", help="Folder or pattern of images.")],
    material: Annotated[
        str, typer.Option(help="Material, for figures that need the lattice.")
    ] = "wse2",
    simulated: Annotated[
        str | None, typer.Option(help="Folder or pattern of raw simulations, for the ceiling.")
    ] = None,
    pixel_size: LackingPixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("evaluation"),
    extractor: Annotated[
        str, typer.Option(help="efficientnet-lite0, or inception-v3 (needs internet once).")
    ] = "efficientnet-lite0",
    protocol: Annotated[str, typer.Option(help="standard, or khan2023.")] = "standard",
    patch: Annotated[int, typer.Option(min=32, help="Edge of the compared patches (px).")] = 256,
    classifier: Annotated[
        bool, typer.Option(help="Train a network to tell them apart (the slow part).")
    ] = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare generated with measured images: table, JSON and one page with pictures."""
    from stemzoo.workflows.evaluation import evaluate_files

    start_keras()
    failures = Failures()
    found = evaluate_files(
        real,
        fake,
        out,
        simulated=simulated,
        material=material,
        sampling=angstrom(pixel_size),
        extractor=extractor,
        protocol=protocol,
        patch=patch,
        classifier=classifier,
        seed=seed,
        failed=failures.add,
    )
    if as_json:
        say(*json.dumps(found.to_dict(), indent=1).split("\n"))
        failures.end()
        return
    print_table(("FIGURE", "GENERATED", "FLOOR", "CEILING"), found.rows())
    say(f"{out / 'evaluation.html'}, {out / 'evaluation.json'}")
    failures.end()


@app.command()
def simulate(
    material: Annotated[str | None, typer.Option(help="Material, for instance wse2.")] = None,
    session: Annotated[
        str | None, typer.Option(help="Microscope session, for instance wse2-dayB.")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="What these weights were trained on; of a CycleGAN, what it translates.",
        ),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of frames.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the frames.")] = Path("simulated"),
    size: Annotated[int, typer.Option(min=64, help="Edge of a frame (px).")] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same frames.")] = 0,
    scene: Annotated[
        str | None,
        typer.Option(
            help="What frames show beside a perfect crystal: edge, hole, margin (of vacuum), "
            "amorphous, bilayer, grains, twin, antiphase (domains), adsorbates; or what a file "
            "holds: zeros, nan, rotated, databar, scalebar, inverted, spark."
        ),
    ] = None,
    structure: StructureFile = None,
    zone_axis: ZoneAxis = "0,0,1",
    layers: Layers = None,
    thickness: Thickness = None,
    defects: DefectsFile = None,
) -> None:
    """Simulate labelled frames: TIFF, table of defects and class mask for each."""
    from rich.console import Console
    from rich.progress import Progress

    from stemzoo.simulate.dataset import simulate_session
    from stemzoo.simulate.named_scenes import find_scene
    from stemzoo.simulate.named_sessions import choose_session
    from stemzoo.simulate.wide_sessions import structure_sessions
    from stemzoo.workflows.frames import plan_frames, write_frame
    from stemzoo.workflows.outputs import make_folder, written_whole
    from stemzoo.workflows.weights import session_like

    own = open_structure(structure, zone_axis, layers, thickness, defects)
    if own and (session or material):
        raise ValueError("--structure takes no --session and no --material. Received: one of them")
    if like is not None and (own or session is not None or material is not None):
        raise ValueError(
            "--like says what to simulate: leave out --session, --material, --structure"
        )
    if own:
        chosen = structure_sessions(*own)[0]
    else:
        chosen = choose_session(session, material) if like is None else session_like(like)
    name = chosen.name
    if scene is not None:
        find_scene(scene)  # refused before a folder is made
        name = f"{chosen.name}_{scene}"
    plans = plan_frames(name, seed, n, out)
    make_folder(out)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"simulating {chosen.name}", total=n)
        frames = simulate_session(chosen, n, (size, size), seed=seed, scene=scene)
        for i, frame in enumerate(frames):
            with written_whole(out) as folder:
                write_frame(frame, folder, plans[i].source.name, seed=seed, index=i)
            progress.advance(task)
    say(f"{n} frames of {chosen.name} in {out}")
