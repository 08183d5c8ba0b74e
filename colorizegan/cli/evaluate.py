"""The command `evaluate`. A thin shell, as cli.py."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Optional

import typer

from colorizegan.cli.console import Reporter, to_stdout
from colorizegan.cli.options import Debug, Quiet
from colorizegan.errors import UsageError
from colorizegan.progress import Tick, progress_bar

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045


def evaluate(
    data: Annotated[
        Optional[str], typer.Option("--data", metavar="PATH", help="Folder or tar of the test photos.")
    ] = None,
    protocol: Annotated[
        str, typer.Option(metavar="NAME|FILE.json", help="Which photos, and how they are cut.")
    ] = "folder-256",
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
    human: Annotated[
        Optional[Path],
        typer.Option(metavar="PAGE.html", help="Only write a page that asks people which photo is real."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="With --human: pairs of photos for each person.")] = 40,
    answers: Annotated[
        Optional[list[Path]],
        typer.Option(metavar="FILE.jsonl", help="Only read what people answered on such a page; repeat."),
    ] = None,
    workers: Annotated[Optional[int], typer.Option(min=1, help="Photos under way at once.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn at random.")] = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure models against baselines; the table goes to standard output."""
    from colorizegan.bench import evaluate as bench
    from colorizegan.bench.entrants import parse_entrants
    from colorizegan.bench.human import read_answers, table, write_human_test
    from colorizegan.bench.report import report_markdown

    reporter = Reporter(quiet=quiet)
    if answers:
        to_stdout(table(read_answers(answers)))
        return
    if data is None:
        raise UsageError("no test photos", remedy="name a folder or a tar with --data")
    rivals = parse_entrants(entrants or [])
    if write_inputs is not None:
        written = bench.write_inputs(protocol, data, write_inputs, names=names, count=count)
        reporter.note(f"{written} pictures -> {write_inputs}")
    elif human is not None:
        pairs = write_human_test(protocol, data, rivals, human, names=names, trials=trials, seed=seed)
        reporter.note(f"{pairs} pairs -> {human}: open it in a browser; it gives a file for --answers")
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
        to_stdout(report_markdown(result))
