"""The server of the page: its address, its folder, and nothing from elsewhere."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemzoo.app import results
from stemzoo.app.guard import Guard
from stemzoo.app.limits import Limits
from stemzoo.app.looking import Bench
from stemzoo.app.uploads import sweep_uploads
from stemzoo.app.view import viewer_file
from stemzoo.app.visits import Visits

# Seconds after which an upload that nobody has taken is deleted.
_FORGOTTEN = 3600.0
# What Gradio and the client of the Hub would ask elsewhere for.
_OFFLINE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_MCP_SERVER": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "STEMZOO_OFFLINE": "1",
}


@contextmanager
def open_server(limits: Limits, *, root_path: str = "") -> Iterator[Any]:
    """Make the server in a folder of its own, which is deleted at its end.

    Parameters
    ----------
    limits : Limits
        What visitors may take.
    root_path : str
        Below which path a proxy shows it.

    Yields
    ------
    Guard
        An ASGI application.
    """
    with tempfile.TemporaryDirectory(prefix="stemzoo-") as name:
        folder = Path(name).resolve()
        uploads = folder / "uploads"
        uploads.mkdir()
        # Gradio reads these when it is imported.
        os.environ.update(_OFFLINE, GRADIO_TEMP_DIR=str(uploads))
        visits = Visits(folder / "visits", limits)
        try:
            yield _application(Bench(uploads, limits), visits, limits, root_path)
        finally:
            visits.end_all()


def _application(bench: Bench, visits: Visits, limits: Limits, root_path: str) -> Guard:
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse, Response

    from stemzoo.app.page import explain
    from stemzoo.app.wiring import build_page

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @server.get("/results/{token}/{stem}/{kind}")
    def result(token: str, stem: str, kind: str, least: float = 0.0) -> Response:
        # Nothing that is asked for becomes a path: all are looked up among what there is.
        visit = visits.by_token(token)
        image = (
            next((one for one in visit.images if one.path.stem == stem), None) if visit else None
        )
        if visit is None or image is None:
            return PlainTextResponse("not found", 404)
        try:
            if kind in image.pictures:
                made = results.picture(visit, image, kind)
                headers = {"Cache-Control": "private, max-age=3600"}
                return Response(made.content, media_type=made.kind, headers=headers)
            if kind not in results.RESULTS:
                return PlainTextResponse("not found", 404)
            made = results.RESULTS[kind](visit, image, least)
        except Exception as error:
            return PlainTextResponse(explain(visit, error), 409)
        headers = {
            "Content-Disposition": f'attachment; filename="{made.name}"',
            "Cache-Control": "no-store",
        }
        return Response(made.content, media_type=made.kind, headers=headers)

    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    mono = ["ui-monospace", "Consolas", "monospace"]
    blocks = build_page(bench, visits)
    # What Gradio remembers of each who comes.
    blocks.state_session_capacity = 10 * limits.visits
    gr.mount_gradio_app(
        server,
        blocks,
        path="/",
        # Fonts of the computer: nothing is loaded for them.
        theme=gr.themes.Base(font=fonts, font_mono=mono, primary_hue="blue"),
        css=viewer_file("page.css"),
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=limits.upload_mb * 1_000_000,
        allowed_paths=[],
        root_path=root_path or None,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    # Gradio sees that a file was uploaded only of a page that was launched.
    blocks.has_launched = True
    most = 1_000_000 * limits.uploads_mb

    def has_room() -> bool:
        return sweep_uploads(bench.uploads, older=_FORGOTTEN, most=most) <= most

    # What comes with a file in its request is little.
    return Guard(server, 1_000_000 * (limits.upload_mb + 1), has_room)
