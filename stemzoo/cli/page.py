"""The verb that opens the page for browsers, in a process of its own."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

app = typer.Typer()


@app.command("app")
def open_page(
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 for other computers.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    upload_mb: Annotated[int, typer.Option(min=1, help="Largest file (MB).")] = 200,
    visits: Annotated[int, typer.Option(min=1, help="Visitors at a time.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.2, help="Longest training.")] = 30.0,
) -> None:
    """Open a page for browsers: drop an image, correct with clicks, adapt, take the report."""
    if find_spec("gradio") is None:
        raise ModuleNotFoundError(
            "app expects the package gradio. Received: it is not installed. Run: pip install "
            "'stemzoo[app]'",
            name="gradio",
        )
    options = {
        "--host": host,
        "--port": port,
        "--upload-mb": upload_mb,
        "--visits": visits,
        "--minutes": minutes,
    }
    words = [str(word) for option in options.items() for word in option]
    with subprocess.Popen([sys.executable, "-m", "stemzoo.app", *words]) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The page was told, too, and deletes its files.
            code = process.wait()
    raise typer.Exit(code)
