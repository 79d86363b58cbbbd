"""The command that says which weights fit images: a thin door to `stemzoo.match`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stemzoo.terminal import print_table

app = typer.Typer()


@app.command()
def match(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Image files of one session.")
    ],
    material: Annotated[str | None, typer.Option(help="Only weights for this material.")] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            metavar="PM",
            help="Pixel size (pm); else from the files' metadata, else measured from the lattice.",
        ),
    ] = None,
    frame: Annotated[int | None, typer.Option(help="Frame of a stack to take, from 0.")] = None,
    sum_frames: Annotated[
        bool, typer.Option("--sum-frames", help="Sum the frames of a stack.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
):
    """Rank the weights of the zoo by how well they fit images, and say what to do next."""
    from stemzoo.batch import match_files
    from stemzoo.inference.advice import advise

    sampling = None if pixel_size is None else pixel_size / 100
    ranked = match_files(
        images, material=material, sampling=sampling, frame=frame, sum_frames=sum_frames
    )
    advice = advise(ranked, images)
    if as_json:
        from stemzoo.inference.advice import match_facts

        rows = [
            {"weights": m.weights, "session": m.session, "material": m.material, "fits": m.fits}
            | match_facts(m)
            for m in ranked
        ]
        content = {"images": [str(path) for path in images], "matches": rows, "advice": advice}
        typer.echo(json.dumps(content, indent=1))
        return
    print_table(
        ("WEIGHTS", "SESSION", "DISTANCE", "P", "FITS", "DIFFERS"),
        [
            (
                m.weights,
                m.session,
                f"{m.distance:.2f}",
                f"{m.p_value:.2g}",
                "yes" if m.fits else "no",
                m.reason,
            )
            for m in ranked
        ],
    )
    typer.echo(advice)
