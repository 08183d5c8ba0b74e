"""The command `serve`. A thin shell, as cli.py."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Optional

import typer

from colorizegan.cli.console import Reporter, log_lines
from colorizegan.cli.options import Debug, Model

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is every network of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 8000,
    model: Model = None,
    allow_host: Annotated[
        Optional[list[str]],
        typer.Option("--allow-host", metavar="NAME", help="One more name that the server goes by, `*` is any; repeat."),
    ] = None,
    allow_frame: Annotated[
        Optional[list[str]],
        typer.Option("--allow-frame", metavar="SITE", help="A site that may show the page in a frame; repeat."),
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="With the web page at /.")] = True,
    video: Annotated[bool, typer.Option("--video", help="Take films too; needs the extra video.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line for each request.")] = False,
    debug: Debug = False,
) -> None:
    """Colorize in a web page and over HTTP, until Ctrl-C or SIGTERM."""
    from colorizegan.serve.server import serve as serve_http

    reporter = Reporter(quiet=quiet)
    with ExitStack() as lines:
        if not quiet:
            lines.enter_context(log_lines())
        serve_http(
            model,
            host=host,
            port=port,
            hosts=allow_host or [],
            frames=allow_frame or [],
            page=page,
            video=video,
            listening=lambda found: reporter.note(f"open {' or '.join(found)} in a browser; Ctrl-C ends it"),
        )
