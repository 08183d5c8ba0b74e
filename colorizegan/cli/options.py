"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

FAILED = 1  # the status of a command of which some part failed

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Model = Annotated[
    Optional[str],
    typer.Option(
        "--model",
        metavar="MODEL",
        help="A name of `models`, a bundle, an .onnx file; or A+B.",
    ),
]
