"""The command `serve`. A thin shell, as cli.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from colorizegan.cli.console import Voice, log_lines
from colorizegan.cli.options import Debug, Model

if TYPE_CHECKING:
    from fastapi import FastAPI

    from colorizegan.colorizer import Colorizer

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is every network of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 8000,
    model: Model = None,
    allow_host: Annotated[
        Optional[list[str]],
        typer.Option("--allow-host", metavar="NAME", help="A name that the server goes by; repeat."),
    ] = None,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="With the web page at /, where it is installed.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line for each request.")] = False,
    debug: Debug = False,
) -> None:
    """Colorize in a web page and over HTTP, until Ctrl-C or SIGTERM."""
    from colorizegan.serve.server import serve as serve_http

    voice = Voice(quiet=quiet)
    mount = page_of_server(voice) if page else None
    with ExitStack() as lines:
        if not quiet:
            lines.enter_context(log_lines())
        serve_http(
            model,
            host=host,
            port=port,
            hosts=allow_host or [],
            mount=mount,
            listening=lambda address: voice.note(f"open {address} in a browser; Ctrl-C ends it"),
        )


def page_of_server(voice: Voice) -> Callable[[FastAPI, Colorizer], Callable[[], None]] | None:
    """What puts the page into the service; None where Gradio is not installed."""
    try:
        with warnings.catch_warnings():  # of the libraries that Gradio brings
            warnings.simplefilter("ignore")
            from colorizegan.serve.webui import mount
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("colorizegan"):
            raise
        voice.note('without the web page, which needs more packages: pip install ".[ui]"')
        return None
    return mount
