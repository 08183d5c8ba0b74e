"""The command `evaluate`. A thin shell, as main.py."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from colorizegan.cli.console import Reporter, to_stdout
from colorizegan.cli.options import Debug, Quiet, Seed
from colorizegan.errors import UsageError


def evaluate(
    data: Annotated[str | None, Option("--data", metavar="PATH", help="Folder or tar of the test photos.")] = None,
    protocol: Annotated[
        str, Option(metavar="NAME|FILE.json", help="Which photos, and how they are cut.")
    ] = "folder-256",
    entrants: Annotated[
        list[str] | None,
        Option("--entrant", metavar="NAME=PATH", help="Bundle, .onnx file or folder of results; repeat."),
    ] = None,
    output: Annotated[Path | None, Option("--output", "-o", metavar="FOLDER", help="Where the report goes.")] = None,
    names: Annotated[Path | None, Option("--list", metavar="FILE", help="Names of the photos, one a line.")] = None,
    count: Annotated[int | None, Option(min=1, help="Only the first so many photos.")] = None,
    regions: Annotated[
        Path | None, Option(metavar="FILE.tsv", help="Where sky, vegetation, water and skin are.")
    ] = None,
    squeezenet: Annotated[
        Path | None, Option(metavar="FILE", help="Weights of SqueezeNet 1.0, for feature distances.")
    ] = None,
    inception: Annotated[Path | None, Option(metavar="FILE", help="Weights of the Inception network, for FID.")] = None,
    stability: Annotated[int, Option(min=0, help="Photos to test with at other sizes, as JPEG and with grain.")] = 40,
    write_inputs: Annotated[
        Path | None, Option("--write-inputs", metavar="FOLDER", help="Only write the gray pictures, for other tools.")
    ] = None,
    human: Annotated[
        Path | None, Option(metavar="PAGE.html", help="Only write a page that asks people which photo is real.")
    ] = None,
    trials: Annotated[int, Option(min=1, help="With --human: pairs of photos for each person.")] = 40,
    answers: Annotated[
        list[Path] | None, Option(metavar="FILE.jsonl", help="Only read what people answered on such a page; repeat.")
    ] = None,
    workers: Annotated[int | None, Option(min=1, help="Photos under way at once.")] = None,
    seed: Seed = 0,
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
        result = bench.evaluate(
            protocol, data, rivals, output,
            names=names, count=count, regions=regions, squeezenet=squeezenet, inception=inception, stable=stability,
            seed=seed, workers=workers, command=shlex.join(["colorizegan", *sys.argv[1:]]), progress=not quiet,
        )  # fmt: skip
        to_stdout(report_markdown(result))
