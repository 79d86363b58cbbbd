"""Start the page with ``python -m stemzoo.app``."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from stemzoo.app.limits import Limits


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until it is stopped; return the exit code."""
    known = Limits()
    parser = argparse.ArgumentParser(prog="stemzoo app", description="Open the page for browsers.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--upload-mb", type=int, default=known.upload_mb, help="largest file")
    parser.add_argument("--visits", type=int, default=known.visits, help="visitors at a time")
    parser.add_argument("--minutes", type=float, default=known.training_minutes)
    parser.add_argument(
        "--return-seconds",
        type=float,
        default=known.return_seconds,
        help="after so long without a connection a visit and its files are gone",
    )
    parser.add_argument("--root-path", default="", help="path below which a proxy shows it")
    told = parser.parse_args(arguments)
    if find_spec("gradio") is None:
        print(
            "stemzoo: the page expects the package gradio. Received: it is not installed. Run: pip "
            "install 'stemzoo[app]'",
            file=sys.stderr,
        )
        return 2
    import uvicorn

    from stemzoo.app.server import open_server

    limits = Limits(
        upload_mb=told.upload_mb,
        visits=told.visits,
        training_minutes=told.minutes,
        return_seconds=told.return_seconds,
    )
    # So that folders are deleted, whoever ends the page.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open_server(limits, root_path=told.root_path) as server:
        print(
            f"stemzoo: the page is at http://{told.host}:{told.port} (Ctrl+C ends it)", flush=True
        )
        try:
            uvicorn.run(
                server,
                host=told.host,
                port=told.port,
                log_level="warning",
                timeout_graceful_shutdown=3,
            )
        except KeyboardInterrupt:
            pass
        finally:
            # Who asks twice must not interrupt the deleting.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
