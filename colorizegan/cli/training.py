"""The commands of training: train, export, convert, finetune, data inspect, data pack. Thin shells, as main.py."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from colorizegan.cli.console import log_lines, to_stderr, to_stdout
from colorizegan.cli.help import Command
from colorizegan.cli.options import Bundle, Card, Debug, Seed
from colorizegan.errors import UsageError
from colorizegan.progress import progress_bar

if TYPE_CHECKING:
    from colorizegan.training.config import Config

Sources = Annotated[
    list[str],
    Argument(metavar="PHOTOS...", help="Folders, shards, or LAYOUT:PATH with imagenet, places365, coco, list, shards."),
]

data = typer.Typer(help="Look at training photos, and pack them into shards.")


def train(
    data: Annotated[
        list[str] | None,
        Option(
            "--data",
            metavar="[LAYOUT:]PATH[@WEIGHT]",
            help="Colour photos: a folder, a shard, a known data set; repeat.",
        ),
    ] = None,
    output: Annotated[Path | None, Option("--output", "-o", metavar="RUN", help="The run's folder.")] = None,
    preset: Annotated[str, Option(help="Settings to start from: default, pix2pix, gan, zhang16 or tiny.")] = "default",
    config: Annotated[Path | None, Option(metavar="FILE.toml", help="Settings that differ.")] = None,
    changes: Annotated[
        list[str] | None, Option("--set", metavar="a.b=c", help="One setting that differs; repeat.")
    ] = None,
    cache: Annotated[
        Path | None, Option(metavar="FOLDER", help="Where decoded photos are kept. [default: RUN/cache]")
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on from the newest checkpoint in RUN.")] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", "-n", help="Only say what it would take: sizes, operations, memory, time.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Train a model on colour photos."""
    if output is None and not dry_run:
        raise UsageError("no folder for the run", remedy="give one with -o")
    from colorizegan.training.configure import load_config

    settings = load_config(preset, config, changes or [])
    if data:
        settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, sources=tuple(data)))
    if not settings.data.sources:
        raise UsageError("no photos to learn from", remedy="name a folder or tar shards with --data")
    if dry_run or output is None:
        foretell(settings)
        return
    from colorizegan.training.loop import train as train_network

    with log_lines():
        train_network(settings, output, resume=resume, cache=cache)


def export(
    checkpoint: Annotated[Path, Argument(metavar="RUN", help="A run's folder, or one checkpoint.")],
    output: Bundle,
    name: Annotated[str, Option(help="The model's name in its card.")] = "custom",
    card: Card = None,
    chroma: Annotated[float, Option(min=0, max=4, help="Factor on the colours, kept in the bundle.")] = 1.0,
    correction: Annotated[
        float | None, Option(min=0, max=1, help="1: faithful but duller colours; 0: vivid ones. [default: 1]")
    ] = None,
    temperature: Annotated[
        float | None, Option(min=0.05, max=2, help="T of the colour distribution's mean; less decides more.")
    ] = None,
    adjustment: Annotated[
        float | None, Option(min=0, max=0.5, help="More says rare colours more often. [default: 0]")
    ] = None,
    contrast: Annotated[
        float | None, Option(min=0, max=0.5, help="More makes strong colours stronger, weak ones weaker. [default: 0]")
    ] = None,
    file_mib: Annotated[
        int | None, Option(min=1, metavar="MIB", help="Most MiB of weights in a file. [default: one file]")
    ] = None,
    debug: Debug = False,
) -> None:
    """Make a model bundle of a training run, whatever its recipe."""
    from colorizegan.training.export import export_bundle

    wishes = {"correction": correction, "temperature": temperature, "adjustment": adjustment, "contrast": contrast}
    answer = {"chroma": chroma} | {wish: value for wish, value in wishes.items() if value is not None}
    with log_lines():
        export_bundle(checkpoint, output, name=name, card_extra=card, answer=answer, file_mib=file_mib)
    to_stderr(f"{checkpoint} -> {output}")


def convert(
    weights: Annotated[Path, Argument(metavar="FILE.pth", help="Published weights: Zhang 2016, 2017, pix2pix.")],
    output: Bundle,
    name: Annotated[str, Option(help="The model's name in its card. [default: the file's]")] = "",
    card: Card = None,
    debug: Debug = False,
) -> None:
    """Make a model bundle of another project's PyTorch weights."""
    from colorizegan.training.export.convert import convert as convert_weights

    with log_lines():
        convert_weights(weights, output, name=name, card_extra=card)
    to_stderr(f"{weights} -> {output}")


def finetune(
    photos: Sources,
    output: Annotated[Path, Option("--output", "-o", metavar="BUNDLE", help="The new bundle's folder.")],
    minutes: Annotated[float, Option(help="Time to train; the report comes on top.")] = 10.0,
    steps: Annotated[int | None, Option(min=1, help="Train for so many steps, in place of the minutes.")] = None,
    model: Annotated[
        str | None, Option(metavar="MODEL", help="Bundle to start from. [default: the shipped one]")
    ] = None,
    report: Annotated[
        Path | None, Option(metavar="FOLDER", help="Where the report goes. [default: BUNDLE-report]")
    ] = None,
    lr: Annotated[float, Option(help="Learning rate.")] = 5e-4,
    batch: Annotated[int, Option(min=1, help="Crops a step.")] = 16,
    seed: Seed = 0,
    always: Annotated[bool, Option("--always", help="Write the bundle also where nothing was gained.")] = False,
    debug: Debug = False,
) -> None:
    """Tune a model to your own colour photos (50 or more), and measure what that was worth."""
    from colorizegan.training.finetune import finetune as tune

    command = shlex.join(["colorizegan", *sys.argv[1:]])
    with log_lines():
        tuned = tune(
            tuple(photos), output, model=model, minutes=minutes, steps=steps, report=report, lr=lr, batch=batch,
            seed=seed, always=always, command=command,
        )  # fmt: skip
    to_stderr(f"{tuned.verdict}")
    page = tuned.report / "report.html"
    if tuned.bundle is None:
        to_stderr(f"nothing was gained, so no bundle is written; --always writes it. Report: {page}")
    else:
        to_stderr(f"-> {tuned.bundle}; report: {page}")


def foretell(config: Config) -> None:
    """What `train --dry-run` says."""
    with listed(list(config.data.sources)) as photos:
        to_stdout(f"{len(photos):,} photos, {sum(photo.size for photo in photos) / 2**20:,.1f} MiB encoded")
    from colorizegan.training.estimate import STEPS, estimate  # which takes seconds: the first line is there before

    with progress_bar("timing the steps of each stage", STEPS * len(config.stages)) as tick:
        found = estimate(config, progress=tick)
    for line in found.lines():
        to_stdout(line)


@data.command(cls=Command)
def inspect(
    photos: Sources,
    sheet: Annotated[
        Path | None, Option(metavar="FILE.png", help="Write a contact sheet: usable photos, then gray ones.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Write one JSON line to standard output.")] = False,
    debug: Debug = False,
) -> None:
    """Count photos, sizes and kinds, gray, broken and nearly equal ones."""
    from colorizegan.data.survey import survey

    with listed(photos) as found:
        result = survey(found)
    facts = result.facts()
    if as_json:
        to_stdout(json.dumps(facts))
    else:
        for name, value in facts.items():
            text = ", ".join(f"{kind} {n:,}" for kind, n in value.items()) if isinstance(value, dict) else value
            to_stdout(f"{name.replace('_', ' ')}: {f'{text:,}' if isinstance(text, int) else text}")
        for verdict in ("gray", "broken"):
            for key in result.named(verdict)[:10]:
                to_stdout(f"  {verdict}: {key}")
    if sheet is not None:
        result.write_sheet(sheet)


@data.command(cls=Command)
def pack(
    photos: Sources,
    output: Annotated[Path, Option("--output", "-o", metavar="FOLDER", help="Where the shards go.")],
    per_shard: Annotated[int, Option(min=1, help="Photos in a shard.")] = 1000,
    side: Annotated[
        int | None, Option(min=64, help="Reduce larger photos to this shorter side, px. [default: keep]")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write photos into tar shards, without the broken ones."""
    from colorizegan.data.shards import pack as write_shards

    with listed(photos) as found:
        shards, broken = write_shards(found, output, per_shard=per_shard, side=side)
    to_stderr(f"{len(found) - broken} photos in {len(shards)} shards -> {output}; {broken} broken")


@contextmanager
def listed(sources: list[str]) -> Iterator[list[Any]]:
    """The photos of the sources; what comes from a URL or a pipe is kept for as long as this is open."""
    from colorizegan.data.layouts import list_photos

    with TemporaryDirectory(prefix="colorizegan-") as downloads:
        yield list_photos(tuple(sources), Path(downloads))
