"""The command `colorize`: photos and folders in, photos in colour out. A thin shell, as main.py."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorizegan.batch.plan import shown
from colorizegan.cli import options as shared
from colorizegan.cli.console import Reporter, show_results, to_stderr, to_stdout, words_of_left_out, words_of_libraries
from colorizegan.cli.options import FAILED, NOTHING, PHOTOS, machine, photos, results, steering
from colorizegan.errors import InputError, UsageError
from colorizegan.photo.formats import WRITABLE, written_format

if TYPE_CHECKING:
    from colorizegan.batch.job import Result
    from colorizegan.batch.plan import Plan


def colorize(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IN...", help="Photos, folders, quoted patterns, or - for standard input.", rich_help_panel=PHOTOS
        ),
    ] = None,
    output: Annotated[
        str | None, results("--output", "-o", metavar="OUT", help="A folder; for one photo also a file or -.")
    ] = None,
    suffix: Annotated[
        str | None, results(help="Before the extension. [default: .colorized beside the photo, none in OUT]")
    ] = None,
    format: Annotated[
        str | None,
        results(
            metavar="FORMAT",
            help=f"Format to write: {', '.join(WRITABLE)}. [default: that of OUT, or the photo's own]",
            autocompletion=lambda: list(WRITABLE),
        ),
    ] = None,
    quality: Annotated[int, results(min=1, max=100, help="Of JPEG, WebP and AVIF.")] = 95,
    saturation: shared.Saturation = 1.0,
    size: shared.Size = None,
    warmth: shared.Warmth = 0.0,
    temperature: shared.Temperature = None,
    emulsion: shared.Emulsion = "auto",
    hint: Annotated[
        list[str] | None,
        steering("--hint", metavar="X,Y,#RRGGBB", help="The colour of a point; repeat. Kept beside the photo."),
    ] = None,
    hints: Annotated[Path | None, steering(metavar="FILE", help="Hints from a JSON file.")] = None,
    no_hints: Annotated[
        bool, steering("--no-hints", help="Ignore the hints that are kept beside photos (photo.jpg.hints.json).")
    ] = False,
    proposals: Annotated[
        int | None, steering(min=1, max=12, help="Draw so many colourings; without --pick, only show them.")
    ] = None,
    seed: Annotated[int, steering(min=0, help="Of the proposals.")] = 0,
    pick: Annotated[
        int | None,
        steering(
            min=1, help="Colorize with this proposal, from 1 on; alone, of the sheet that lies beside the result."
        ),
    ] = None,
    confidence: Annotated[
        bool, steering("--confidence", help="Also write pictures of how sure the colours are.")
    ] = False,
    tone_down_unsure: shared.ToneDownUnsure = False,
    like: shared.Like = None,
    model: shared.Model = None,
    overwrite: shared.Overwrite = False,
    force: shared.Force = False,
    allow_truncated: Annotated[
        bool, photos("--allow-truncated", help="Colorize what is left of files that end too early.")
    ] = False,
    strip: Annotated[bool, results("--strip", help="Leave EXIF, XMP, IPTC and comments out.")] = False,
    from_file: Annotated[
        str | None,
        photos(
            "--from-file",
            metavar="LIST",
            help="Read names from a file, one a line, or from a column of a .parquet file; - is standard input.",
        ),
    ] = None,
    nul: Annotated[bool, photos("-0", help="Names in LIST (or standard input) end with NUL, not a line.")] = False,
    shard: Annotated[
        str | None, machine(metavar="I/N", help="Only part I of N, to share the work between N machines.")
    ] = None,
    ray: Annotated[
        str | None,
        machine(
            metavar="[ADDRESS]",
            help="Work on a Ray cluster: HOST:PORT, auto (the running one) or local (a new one); without ADDRESS the "
            "running one, else a new one. IN and OUT may be URLs (s3://...).",
        ),
    ] = None,
    device: shared.Device = "cpu",
    workers: Annotated[
        int | None,
        machine("--jobs", "-j", min=1, max=512, metavar="N", help="Photos under way at once. [default: by the CPUs]"),
    ] = None,
    dry_run: shared.DryRun = False,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    debug: shared.Debug = False,
) -> None:
    """Colorize photos. Originals are never touched; results that exist are left as they are."""
    from colorizegan.batch.jobs import Job
    from colorizegan.batch.plan import Plan, file_target, make_plan, parse_shard

    written = None if format is None else written_format(format)
    reporter = Reporter(as_json, quiet, debug)
    names = inputs or []
    has_list = nul or from_file is not None
    listed = read_list("-" if from_file is None else from_file, nul=nul) if has_list else iter(())
    if not names and not has_list:
        if ray:  # which may be the input, as an address comes right after --ray
            from colorizegan.scale.cluster import check_address

            check_address(ray)
        raise UsageError("no input", remedy="name a photo or a folder, or see --help")
    if "-" in names and (len(names) > 1 or has_list):
        raise UsageError("standard input (-) goes with no other input")
    streamed = output == "-" or (output is None and names == ["-"])
    if streamed and (as_json or dry_run):
        raise UsageError("standard output cannot carry both a photo and a listing", remedy="give a file as output")
    if streamed and sys.stdout.isatty():
        raise UsageError("a photo does not belong on a terminal", remedy="give a file as output (-o)")

    part = None if shard is None else parse_shard(shard)
    places = None
    if ray is not None:
        from colorizegan.scale.sources import check_alone, plan_anywhere

        check_alone(names, shard, proposals, hint, hints)
        plan, places = plan_anywhere(names, output, listed=listed, suffix=suffix, format=written)
    elif names == ["-"]:
        target = file_target(output, written) if output is not None and not streamed else Path("-")
        plan = Plan([Job(sys.stdin.buffer.read(), target)])
    else:
        target = None if streamed else output
        plan = make_plan(names, target, listed=listed, suffix=suffix, format=written, shard=part)
    jobs = plan.jobs
    for problem in plan.problems:
        to_stderr(f"error: {problem}")
    if plan.libraries:
        reporter.note(words_of_libraries(plan.libraries))
    if not jobs and not plan.problems and not plan.other_shards:
        what = " ".join([*plan.empty, *([from_file] if from_file else [])])[:300] or None
        to_stderr(f"error: {InputError('no photos found', path=what)}")
        if plan.left_out:
            reporter.note(words_of_left_out(plan.left_out))
        raise typer.Exit(NOTHING)
    for empty in plan.empty:
        reporter.note(f"{empty}: no photos found")
    if dry_run:
        list_jobs(plan, overwrite, as_json=as_json)
        raise typer.Exit(FAILED if plan.problems else 0)

    from colorizegan.batch.run import colorize_to_stream, run_plan, run_sheets
    from colorizegan.batch.sheets import drawn_before
    from colorizegan.colorize_file import FileOptions, ProposalChoice
    from colorizegan.steer.hints import parse_hint, read_hints
    from colorizegan.steer.look import Look

    if hint and hints:
        raise UsageError("--hint and --hints do not go together", remedy="write all hints into the file")
    given = tuple(map(parse_hint, hint or [])) or (read_hints(hints) if hints else ())
    if given and len(jobs) != 1:
        raise UsageError(f"hints are of one photo, not of {len(jobs)}", remedy="name one, or keep them beside each")
    if pick is not None and proposals is None:  # of those on the sheet that was written before
        proposals, seed = drawn_before([job.target for job in jobs], pick)
    if pick is not None and (proposals is None or pick > proposals):
        raise UsageError(f"--pick {pick} needs --proposals {pick} or more")
    options = FileOptions(
        Look(
            saturation=saturation, size=size, temperature=temperature, emulsion=emulsion, hints=given,
            tone_down_unsure=tone_down_unsure, warmth=warmth,
        ),
        format=written, quality=quality, strip=strip, force=force, allow_truncated=allow_truncated,
        use_saved_hints=not no_hints, confidence=confidence,
        proposal=ProposalChoice(proposals, seed, pick) if proposals and pick else None,
    )  # fmt: skip
    only_show = proposals is not None and pick is None
    if streamed:
        if len(jobs) != 1:
            raise UsageError(f"standard output takes one photo, not {len(jobs)}", remedy="give a folder as output")
        if confidence or only_show:
            raise UsageError("standard output carries the photo alone", remedy="give a file as output (-o)")
        (job,) = jobs
        for remark in colorize_to_stream(job.source, sys.stdout.buffer, model, options, like=like, device=device):
            reporter.note(f"{shown(job.source)}: {remark}")
        return
    if only_show:
        sheets = run_sheets(
            jobs, model, options, count=proposals or 0, seed=seed, like=like, overwrite=overwrite, device=device
        )
        failed = show_sheets(sheets, proposals or 0, reporter)
    else:
        if places is None or ray is None:
            running = run_plan(
                plan, model, options, like=like, overwrite=overwrite, shard=part, device=device, workers=workers
            )
        else:
            from colorizegan.scale.cluster import EITHER
            from colorizegan.scale.ray_data import run_on_ray

            running = run_on_ray(
                plan, places, model, options, address=ray or EITHER, like=like, overwrite=overwrite, device=device,
                workers=workers,
            )  # fmt: skip
        with running as results:
            failed = show_results(results, len(jobs), reporter, plan.left_out)["failed"]
    if failed or plan.problems:
        raise typer.Exit(FAILED)


def show_sheets(results: Iterable[Result], count: int, reporter: Reporter) -> int:
    """Say what became of the sheets of proposals; how many failed."""
    failed = 0
    for result in results:
        source, target = shown(result.job.source), str(result.job.target)
        if result.status == "failed":
            to_stderr(f"error: {result.reason}")
            failed += 1
        elif result.status == "skipped":
            reporter.note(f"{target}: {result.reason}")
        elif reporter.as_json:
            facts = [{"likelihood": round(p.likelihood, 4), "hints": list(map(str, p.hints))} for p in result.proposals]
            to_stdout(json.dumps({"input": source, "sheet": target, "proposals": facts}))
        else:
            reporter.note(f"{source} -> {target}  ({len(result.proposals)} of {count}; --pick writes one)")
    return failed


def read_list(path: str, *, nul: bool) -> Iterator[str]:
    """The names in a list file, or on standard input, read while they are asked for."""
    from colorizegan.data.name_list import split_list

    if path.endswith(".parquet"):
        from colorizegan.scale.sources import read_parquet

        yield from read_parquet(path)
        return
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
            yield from split_list(file, nul=nul)
    except UnicodeDecodeError as error:
        what = f"is no list of names that can be read: it is not in {error.encoding.upper()}, as its first bytes say"
        raise InputError(what, path=path, remedy="save it as UTF-8") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({getattr(error, 'strerror', None) or error})", path=path) from None


def list_jobs(plan: Plan, overwrite: bool, *, as_json: bool) -> None:
    """What a dry run says: one line for each job, to standard output."""
    for job in plan.jobs:
        status = "skipped" if os.path.lexists(job.target) and not overwrite else "planned"
        if as_json:
            to_stdout(json.dumps({"input": shown(job.source), "output": str(job.target), "status": status}))
        else:
            to_stdout(f"{shown(job.source)} -> {job.target}" + ("  (done already)" if status == "skipped" else ""))
    if as_json:
        to_stdout(json.dumps({"summary": {"planned": len(plan.jobs), "left_out": plan.left_out}}))
    elif plan.left_out:
        to_stderr(words_of_left_out(plan.left_out))
