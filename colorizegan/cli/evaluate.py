"""The command `evaluate`. A thin shell, as cli.py."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Optional

import typer

from colorizegan.cli.console import Voice, put, say
from colorizegan.cli.options import Debug, Quiet
from colorizegan.errors import UsageError
from colorizegan.progress import Tick, progress_bar

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045


def evaluate(
    data: Annotated[str, typer.Option("--data", metavar="PATH", help="Folder or tar of the test photos.")],
    protocol: Annotated[str, typer.Option(help="Which photos, and how they are cut.")] = "folder-256",
    entrants: Annotated[
        Optional[list[str]],
        typer.Option("--entrant", metavar="NAME=PATH", help="Bundle, .onnx file or folder of results; repeat."),
    ] = None,
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", metavar="FOLDER", help="Where the report goes.")
    ] = None,
    names: Annotated[
        Optional[Path], typer.Option("--list", metavar="FILE", help="Names of the photos, one a line.")
    ] = None,
    count: Annotated[Optional[int], typer.Option(min=1, help="Only the first so many photos.")] = None,
    regions: Annotated[
        Optional[Path], typer.Option(metavar="FILE.tsv", help="Where sky, vegetation, water and skin are.")
    ] = None,
    squeezenet: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Weights of SqueezeNet 1.0, for feature distances.")
    ] = None,
    inception: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Weights of the Inception network, for FID.")
    ] = None,
    stability: Annotated[
        int, typer.Option(min=0, help="Photos to test with at other sizes, as JPEG and with grain.")
    ] = 40,
    write_inputs: Annotated[
        Optional[Path],
        typer.Option("--write-inputs", metavar="FOLDER", help="Only write the gray pictures, for other tools."),
    ] = None,
    human: Annotated[bool, typer.Option("--human", help="Ask people which photo is real, on a page.")] = False,
    answers: Annotated[
        Optional[Path], typer.Option(metavar="FILE.jsonl", help="With --human: where their answers are kept.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="With --human: pairs of photos for each person.")] = 40,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --human: 0 is any free one.")] = 0,
    workers: Annotated[Optional[int], typer.Option(min=1, help="Photos under way at once.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn at random.")] = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure models against baselines; the table goes to standard output."""
    from colorizegan.bench import evaluate as bench
    from colorizegan.bench.entrants import parse_entrants
    from colorizegan.bench.human_server import open_human_test
    from colorizegan.bench.report import report_markdown

    voice = Voice(quiet=quiet)
    rivals = parse_entrants(entrants or [])
    if write_inputs is not None:
        written = bench.write_inputs(protocol, data, write_inputs, names=names, count=count)
        voice.note(f"{written} pictures -> {write_inputs}")
    elif human:
        if answers is None:
            raise UsageError("no file for the answers", remedy="give one with --answers FILE.jsonl")
        test = open_human_test(protocol, data, rivals, answers, names=names, trials=trials, seed=seed, port=port)
        say(f"open {test.address} in a browser; Ctrl-C ends the test")
        test.serve()
        put(test.table())
    else:
        with ExitStack() as bar:
            ticks: list[Tick] = []

            def show(done: int, total: int) -> None:
                if not ticks:  # how many photos there are is only known now
                    ticks.append(bar.enter_context(progress_bar("", total, shown=not quiet)))
                ticks[0](done)

            result = bench.evaluate(
                protocol,
                data,
                rivals,
                output,
                names=names,
                count=count,
                regions=regions,
                squeezenet=squeezenet,
                inception=inception,
                stable=stability,
                seed=seed,
                workers=workers,
                command=shlex.join(["colorizegan", *sys.argv[1:]]),
                progress=show,
            )
        put(report_markdown(result))
