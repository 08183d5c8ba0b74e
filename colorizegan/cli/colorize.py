"""The command `colorize`: photos and folders in, photos in colour beside them or elsewhere. A thin shell, as cli.py."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from colorizegan.batch.plan import shown
from colorizegan.cli.console import Voice, put, say, show_results, words_of_left_out
from colorizegan.cli.options import FAILED, Debug, Json, Model, Quiet
from colorizegan.errors import ColorizeGANError, InputError, OutputError, UsageError

if TYPE_CHECKING:
    from colorizegan.batch.job import Result
    from colorizegan.batch.plan import Job
    from colorizegan.colorize_file import Settings
    from colorizegan.colorizer import Colorizer
    from colorizegan.photo.reader import Reader

NOTHING = 3  # the status where there was no photo

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045
Film = Literal["auto", "panchromatic", "orthochromatic", "blue"]
Format = Literal["jpeg", "png", "tiff", "webp", "avif", "bmp", "pnm"]


def colorize(
    inputs: Annotated[
        Optional[list[str]],
        typer.Argument(metavar="IN...", help="Photos, folders, quoted patterns, or - for standard input."),
    ] = None,
    output: Annotated[
        Optional[str], typer.Option("--output", "-o", metavar="OUT", help="A folder; for one photo also a file or -.")
    ] = None,
    suffix: Annotated[
        Optional[str], typer.Option(help="Before the extension. [default: .colorized beside the photo, none in OUT]")
    ] = None,
    format: Annotated[
        Optional[Format], typer.Option(help="Format to write. [default: that of OUT, or the photo's own]")
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and WebP.")] = 95,
    saturation: Annotated[float, typer.Option(min=0, max=4, help="Strength of the colours; 0 is gray.")] = 1.0,
    size: Annotated[
        Optional[int],
        typer.Option(min=16, max=4096, help="Shorter side of the network's input, px. [default: the model's own]"),
    ] = None,
    temperature: Annotated[
        Optional[float],
        typer.Option(min=0.05, max=2, help="Low: the likeliest colours, vivid; high: dull. [default: the model's own]"),
    ] = None,
    emulsion: Annotated[Film, typer.Option(help="The film of the photo.")] = "auto",
    hint: Annotated[
        Optional[list[str]],
        typer.Option("--hint", metavar="X,Y,#RRGGBB", help="The colour of a point; repeat. Kept beside the photo."),
    ] = None,
    hints: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Hints from a JSON file.")] = None,
    no_hints: Annotated[
        bool, typer.Option("--no-hints", help="Ignore the hints that are kept beside photos (photo.jpg.hints.json).")
    ] = False,
    proposals: Annotated[
        Optional[int], typer.Option(min=1, max=12, help="Draw so many colourings; without --pick, only show them.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the proposals.")] = 0,
    pick: Annotated[Optional[int], typer.Option(min=1, help="Colorize with this proposal, from 1 on.")] = None,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Also write pictures of how sure the colours are.")
    ] = False,
    tone_down_unsure: Annotated[
        bool, typer.Option("--tone-down-unsure", help="Less colour where the network is unsure.")
    ] = False,
    like: Annotated[
        Optional[Path], typer.Option(metavar="REF", help="Take over the colours of this photo where the same is seen.")
    ] = None,
    model: Model = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write results anew that exist.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Colorize photos too that are in colour already.")] = False,
    allow_truncated: Annotated[
        bool, typer.Option("--allow-truncated", help="Colorize what is left of files that end too early.")
    ] = False,
    strip: Annotated[bool, typer.Option("--strip", help="Leave private metadata out.")] = False,
    from_file: Annotated[
        Optional[str],
        typer.Option("--from-file", metavar="LIST", help="Read names from a file, one a line; - is standard input."),
    ] = None,
    nul: Annotated[
        bool, typer.Option("-0", help="Names in LIST (or standard input) end with NUL, not a line.")
    ] = False,
    shard: Annotated[
        Optional[str], typer.Option(metavar="I/N", help="Only part I of N, to share the work between N machines.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only list what would be written.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Colorize photos. Originals are never touched; results that exist are left as they are."""
    from colorizegan.batch.plan import Job, file_target, make_plan, parse_shard

    voice = Voice(as_json, quiet, debug)
    names = inputs or []
    listed = read_list("-" if from_file is None else from_file, nul=nul) if nul or from_file is not None else []
    if not names and not nul and from_file is None:
        raise UsageError("no input", remedy="name a photo or a folder, or see --help")
    if "-" in names and (len(names) > 1 or listed):
        raise UsageError("standard input (-) goes with no other input")
    to_stdout = output == "-" or (output is None and names == ["-"])
    if to_stdout and (as_json or dry_run):
        raise UsageError("standard output cannot carry both a photo and a listing", remedy="give a file as output")
    if to_stdout and sys.stdout.isatty():
        raise UsageError("a photo does not belong on a terminal", remedy="give a file as output (-o)")

    part = None if shard is None else parse_shard(shard)
    home: Path | None = None
    left_out: dict[str, int] = {}
    if names == ["-"] and output is not None and not to_stdout:
        jobs, problems = [Job(sys.stdin.buffer.read(), file_target(output, format))], []
    elif names == ["-"]:
        jobs, problems = [Job(sys.stdin.buffer.read(), Path("-"))], []
    else:
        target = None if to_stdout else output
        plan = make_plan(names, target, listed=listed, suffix=suffix, format=format, shard=part)
        jobs, problems, home, left_out = plan.jobs, plan.problems, plan.home, plan.left_out
        for problem in problems:
            say(f"error: {problem}")
        if not jobs and not problems and not plan.elsewhere:
            what = " ".join([*plan.empty, *([from_file] if from_file else [])])[:300] or None
            say(f"error: {InputError('no photos found', path=what)}")
            if left_out:
                voice.note(words_of_left_out(left_out))
            raise typer.Exit(NOTHING)
        for empty in plan.empty:
            voice.note(f"{empty}: no photos found")
    if dry_run:
        list_jobs(jobs, overwrite, left_out, as_json=as_json)
        raise typer.Exit(FAILED if problems else 0)

    from colorizegan.colorize_file import Draw, Settings
    from colorizegan.steer.hints import parse_hint, read_hints
    from colorizegan.steer.look import Look

    if hint and hints:
        raise UsageError("--hint and --hints do not go together", remedy="write all hints into the file")
    given = tuple(map(parse_hint, hint or [])) or (read_hints(hints) if hints else ())
    if given and len(jobs) != 1:
        raise UsageError(f"hints are of one photo, not of {len(jobs)}", remedy="name one, or keep them beside each")
    if pick is not None and (proposals is None or pick > proposals):
        raise UsageError(f"--pick {pick} needs --proposals {pick} or more")
    look = Look(
        saturation=saturation, size=size, temperature=temperature, emulsion=emulsion, hints=given,
        tone_down_unsure=tone_down_unsure,
    )  # fmt: skip
    settings = Settings(
        look, format, quality, overwrite, force, allow_truncated, strip, not no_hints,
        Draw(proposals, seed, pick) if proposals and pick else None, confidence,
    )  # fmt: skip
    wishes = Wishes(like, (proposals, seed) if proposals and not pick else None)
    if to_stdout:
        if len(jobs) != 1:
            raise UsageError(f"standard output takes one photo, not {len(jobs)}", remedy="give a folder as output")
        if confidence or wishes.sheet:
            raise UsageError("standard output carries the photo alone", remedy="give a file as output (-o)")
        write_stdout(jobs[0], model, settings, wishes, voice)
    elif run(jobs, model, settings, wishes, voice, home, part, left_out) or problems:
        raise typer.Exit(FAILED)


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What `colorize` is to do beyond the settings of each photo."""

    like: Path | None = None
    """A photo whose colours are taken over."""
    sheet: tuple[int, int] | None = None
    """Count and seed of proposals to show, instead of colorizing."""

    def settings(self, settings: Settings, colorizer: Colorizer | None) -> Settings:
        """The settings with the colours of the reference."""
        if self.like is None or colorizer is None:
            return settings
        look = dataclasses.replace(settings.look, like=colorizer.palette(self.like))
        return dataclasses.replace(settings, look=look)


def show_proposals(
    jobs: Sequence[Job], colorizer: Colorizer, settings: Settings, reader: Reader, wishes: Wishes, voice: Voice
) -> int:
    """Write the sheet of each photo's proposals; how many failed."""
    from colorizegan.batch.sheets import sheet_path, write_sheet

    failed = 0
    assert wishes.sheet is not None
    count, seed = wishes.sheet
    for job in jobs:
        target = sheet_path(job.target)
        try:
            if os.path.lexists(target) and not settings.overwrite:
                voice.note(f"{target}: done already; --overwrite does it again")
                continue
            photo = reader.read(job.source)
            look = settings.of(job.source).look
            found = write_sheet(colorizer, photo, look, target, count=count, seed=seed, overwrite=settings.overwrite)
        except ColorizeGANError as error:
            error.path = error.path or shown(job.source)
            say(f"error: {error}")
            failed += 1
            continue
        facts = [{"likelihood": round(one.likelihood, 4), "hints": list(map(str, one.hints))} for one in found]
        if voice.as_json:
            put(json.dumps({"input": shown(job.source), "sheet": str(target), "proposals": facts}))
        else:
            voice.note(f"{shown(job.source)} -> {target}  ({len(found)} of {count}; --pick writes one)")
    return failed


def keep_hints(job: Job, settings: Settings, voice: Voice) -> None:
    """Write the hints that were given beside the photo, so that the next run finds them."""
    from colorizegan.steer.hints import hints_path, write_hints

    if not settings.look.hints or isinstance(job.source, bytes):
        return
    path = hints_path(job.source)
    try:
        write_hints(path, settings.look.points)
    except OutputError as error:
        voice.note(f"{path}: the hints are not kept, as the file {error.reason}; the result holds them in its XMP")


def read_list(path: str, *, nul: bool) -> list[str]:
    """The names in a list file, or on standard input."""
    from colorizegan.batch.plan import split_list

    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({getattr(error, 'strerror', None) or error})", path=path) from None
    return split_list(raw, nul=nul)


def list_jobs(jobs: Sequence[Job], overwrite: bool, left_out: Mapping[str, int], *, as_json: bool) -> None:
    """What a dry run says: one line for each job, to standard output."""
    for job in jobs:
        status = "skipped" if os.path.lexists(job.target) and not overwrite else "planned"
        if as_json:
            put(json.dumps({"input": shown(job.source), "output": str(job.target), "status": status}))
        else:
            put(f"{shown(job.source)} -> {job.target}" + ("  (done already)" if status == "skipped" else ""))
    if as_json:
        put(json.dumps({"summary": {"planned": len(jobs), "left_out": left_out}}))
    elif left_out:
        say(words_of_left_out(left_out))


def run(
    jobs: Sequence[Job],
    model: str | None,
    settings: Settings,
    wishes: Wishes,
    voice: Voice,
    home: Path | None,
    shard: tuple[int, int] | None,
    left_out: Mapping[str, int],
) -> int:
    """Do the jobs and say what became of them; how many failed. The ledger goes into `home`."""
    from colorizegan.batch.ledger import Ledger
    from colorizegan.batch.run import needs_work, run_jobs, workers_for
    from colorizegan.colorizer import Colorizer
    from colorizegan.photo.reader import Reader

    workers, threads = workers_for(len(jobs))
    needed = needs_work(jobs, settings) or wishes.like is not None or wishes.sheet is not None
    # Its processes start while the model is loaded.
    with Reader(allow_truncated=settings.allow_truncated, ready=workers if needed else 0, threads=threads) as reader:
        # A bad model is one error, not one a photo.
        colorizer = Colorizer(model, threads=threads) if needed else None
        settings = wishes.settings(settings, colorizer)
        if colorizer is not None:  # what the model cannot do is one error too
            settings.look.check_model(colorizer.network.card)
            if settings.confidence:
                colorizer.network.card.need_distribution("say how sure it is")
        if wishes.sheet is not None and colorizer is not None:
            return show_proposals(jobs, colorizer, settings, reader, wishes, voice)
        ledger = None if home is None else Ledger(home, shard)
        results = run_jobs(jobs, colorizer, settings, ledger=ledger, workers=workers, reader=reader)

        def watched() -> Iterator[Result]:
            for result in results:
                if result.status == "done":
                    keep_hints(result.job, settings, voice)
                yield result

        with closing(results):  # a signal may come while a result is shown: photos under way are ended all the same
            failed = show_results(watched(), len(jobs), voice, left_out).failed
    return failed


def write_stdout(job: Job, model: str | None, settings: Settings, wishes: Wishes, voice: Voice) -> None:
    """Colorize one photo to standard output."""
    from colorizegan.batch.run import colorize_stream
    from colorizegan.colorizer import Colorizer
    from colorizegan.machine import cpu_threads
    from colorizegan.photo.reader import Reader

    with Reader(allow_truncated=settings.allow_truncated, ready=1, threads=cpu_threads()) as reader:
        colorizer = Colorizer(model)
        raw, remarks = colorize_stream(job.source, colorizer, wishes.settings(settings, colorizer), reader)
    for remark in remarks:
        voice.note(f"{shown(job.source)}: {remark}")
    sys.stdout.buffer.write(raw)
    sys.stdout.flush()
    keep_hints(job, settings, voice)
