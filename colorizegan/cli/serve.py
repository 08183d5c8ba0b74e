"""The command `serve`. A thin shell, as main.py."""

from contextlib import ExitStack
from typing import Annotated

from typer import Option

from colorizegan.cli.console import Reporter, log_lines
from colorizegan.cli.options import Debug, Model


def serve(
    host: Annotated[str, Option(help="Where to listen; 0.0.0.0 is every network of this machine.")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="0 is any free one.")] = 8000,
    model: Model = None,
    allow_host: Annotated[
        list[str] | None,
        Option("--allow-host", metavar="NAME", help="One more name that the server goes by, `*` is any; repeat."),
    ] = None,
    allow_frame: Annotated[
        list[str] | None,
        Option("--allow-frame", metavar="SITE", help="A site that may show the page in a frame; repeat."),
    ] = None,
    page: Annotated[bool, Option("--page/--no-page", help="With the web page at /.")] = True,
    video: Annotated[bool, Option("--video", help="Take films too; needs the extra video.")] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="No line for each request.")] = False,
    debug: Debug = False,
) -> None:
    """Colorize in a web page and over HTTP, until Ctrl-C or SIGTERM."""
    from colorizegan.serve.middleware import Site
    from colorizegan.serve.server import serve as serve_http

    reporter = Reporter(quiet=quiet)
    with ExitStack() as lines:
        if not quiet:
            lines.enter_context(log_lines())
        site = Site(host, port, tuple(allow_host or ()), tuple(allow_frame or ()), page)
        serve_http(
            model,
            site,
            video=video,
            listening=lambda found: reporter.note(f"open {' or '.join(found)} in a browser; Ctrl-C ends it"),
        )
