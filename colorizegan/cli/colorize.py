"""The command `colorize`: photos and folders in, photos in colour out. A thin shell, as main.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorizegan.batch.plan import shown
from colorizegan.cli import options as shared
from colorizegan.cli.console import Reporter, list_jobs, show_plan, show_results, to_stderr, to_stdout
from colorizegan.cli.options import FAILED, PHOTOS, machine, photos, results, steering
from colorizegan.errors import InputError, UsageError
from colorizegan.photo.formats import WRITABLE, written_format

if TYPE_CHECKING:
    from colorizegan.batch.job import Result
    from colorizegan.batch.plan import Plan
    from colorizegan.batch.run import RunSettings
    from colorizegan.steer.hints import Hint


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

    reporter, names, places = Reporter(as_json, quiet, debug), inputs or [], None
    written, part = None if format is None else written_format(format), None if shard is None else parse_shard(shard)

    # --- which photo becomes which file ---
    has_list = nul or from_file is not None
    check_inputs(names, has_list, ray)
    streamed = is_streamed(names, output, listing=as_json or dry_run)
    target = None if streamed else output
    listed = read_list("-" if from_file is None else from_file, nul=nul) if has_list else iter(())
    if ray is not None:
        from colorizegan.scale.sources import check_alone, plan_anywhere

        check_alone(names, shard, proposals, hint, hints)
        plan, places = plan_anywhere(names, output, listed=listed, suffix=suffix, format=written)
    elif names == ["-"]:
        result = Path("-") if target is None else file_target(target, written)
        plan = Plan([Job(sys.stdin.buffer.read(), result)])
    else:
        plan = make_plan(names, target, listed=listed, suffix=suffix, format=written, shard=part)
    show_plan(plan, reporter, "photos", from_file or "")

    # --- what is asked of each ---
    from colorizegan.batch.run import RunSettings, run_plan, run_sheets
    from colorizegan.batch.sheets import drawn_before
    from colorizegan.colorize_file import FileOptions, ProposalChoice
    from colorizegan.steer.look import Look

    given = given_hints(hint, hints, len(plan.jobs))
    if pick is not None and proposals is None:  # of those on the sheet that was written before
        proposals, seed = drawn_before([job.target for job in plan.jobs], pick)
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
    settings = RunSettings(options, model, device, like, overwrite, workers)
    only_show = proposals is not None and pick is None

    # --- photos to results, and what became of them ---
    if dry_run:
        from colorizegan.batch.dry_run import dry_run_of_plan, dry_run_of_sheets

        if only_show:
            planned = dry_run_of_sheets(plan.jobs, settings, count=proposals or 0, seed=seed)
        elif ray is None:
            planned = dry_run_of_plan(plan, settings)
        else:
            from colorizegan.scale.ray_data import dry_run_on_ray

            planned = dry_run_on_ray(plan, places, settings)
        raise typer.Exit(0 if list_jobs(planned, plan, as_json=as_json, places=places) else FAILED)
    if streamed:
        if confidence or only_show:
            raise UsageError("standard output carries the photo alone", remedy="give a file as output (-o)")
        stream(plan, settings, reporter)
        failed = 0
    elif only_show:
        sheets = run_sheets(plan.jobs, settings, count=proposals or 0, seed=seed)
        failed = show_sheets(sheets, proposals or 0, reporter)
    else:
        if ray is None:
            running = run_plan(plan, settings, part)
        else:
            from colorizegan.scale.cluster import EITHER
            from colorizegan.scale.ray_data import run_on_ray

            running = run_on_ray(plan, places, settings, address=ray or EITHER)
        with running as found:
            failed = show_results(found, len(plan.jobs), reporter, plan.left_out)["failed"]
    if failed or plan.problems:
        raise typer.Exit(FAILED)


def check_inputs(names: list[str], has_list: bool, ray: str | None) -> None:
    """UsageError where there is nothing to colorize, or standard input beside something else."""
    if not names and not has_list:
        if ray:  # which may be the input, as an address comes right after --ray
            from colorizegan.scale.cluster import check_address

            check_address(ray)
        raise UsageError("no input", remedy="name a photo or a folder, or see --help")
    if "-" in names and (len(names) > 1 or has_list):
        raise UsageError("standard input (-) goes with no other input")


def is_streamed(names: list[str], output: str | None, *, listing: bool) -> bool:
    """Whether the result goes to standard output; UsageError where it cannot."""
    streamed = output == "-" or (output is None and names == ["-"])
    if streamed and listing:
        raise UsageError("standard output cannot carry both a photo and a listing", remedy="give a file as output")
    if streamed and sys.stdout.isatty():
        raise UsageError("a photo does not belong on a terminal", remedy="give a file as output (-o)")
    return streamed


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
    except ValueError as error:
        remedy = "name photos without --from-file"
        raise InputError(f"is no list of names: {error}", path=path, remedy=remedy) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path) from None


def given_hints(texts: list[str] | None, file: Path | None, photos: int) -> tuple[Hint, ...]:
    """The hints of --hint and --hints."""
    from colorizegan.steer.hints import parse_hint, read_hints

    if texts and file:
        raise UsageError("--hint and --hints do not go together", remedy="write all hints into the file")
    given = tuple(map(parse_hint, texts or [])) or (read_hints(file) if file else ())
    if given and photos != 1:
        raise UsageError(f"hints are of one photo, not of {photos}", remedy="name one, or keep them beside each")
    return given


def stream(plan: Plan, settings: RunSettings, reporter: Reporter) -> None:
    """Colorize the only photo of a plan to standard output."""
    from colorizegan.batch.run import colorize_to_stream

    if len(plan.jobs) != 1:
        raise UsageError(f"standard output takes one photo, not {len(plan.jobs)}", remedy="give a folder as output")
    (job,) = plan.jobs
    for remark in colorize_to_stream(job.source, sys.stdout.buffer, settings):
        reporter.note(f"{shown(job.source)}: {remark}")


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
