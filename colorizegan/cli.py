"""The command line: a thin shell. Data goes to standard output, everything else to standard error.

Heavy imports stand inside the commands, so that --help and --version answer at once.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Optional

import typer
from typer.core import TyperGroup

from colorizegan import __version__, cli_training
from colorizegan.console import Voice, log_lines, progress, put, require, say, show_results, shown
from colorizegan.errors import ColorizeGANError, ConfigError, InputError, UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from colorizegan.batch import Result, Settings
    from colorizegan.colorizer import Colorizer
    from colorizegan.jobs import Job
    from colorizegan.reader import Reader

__all__ = ["app", "main"]

FAILED, USAGE, NOTHING, INTERRUPTED, TERMINATED = 1, 2, 3, 130, 143  # 130 is Typer's own


class Commands(TyperGroup):
    """Turns every error into one line and an exit status, for the program and for tests alike."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run a command and exit with its status."""
        given = sys.argv[1:] if args is None else list(args)
        if given[:1] == ["--version"]:  # no option of Typer's: with one, it loads its type library even for --help
            put(__version__)
            sys.exit(0)
        try:
            status = super().main(given, prog_name or "colorizegan", complete_var, standalone_mode=False, **extra)
        except Exception as error:
            if "--debug" in given:
                traceback.print_exception(error)
            status = report(error)
        sys.exit(status if isinstance(status, int) else 0)


def report(error: Exception) -> int:
    """Say an error in one line; return the exit status."""
    if isinstance(error, ColorizeGANError):
        folded = error
    elif message := getattr(error, "format_message", None):  # what Typer says of wrong arguments, in any version
        folded = UsageError(str(message()).rstrip("."), remedy="see --help")
    else:
        what = f"unexpected {type(error).__name__}: {str(error)[:300]}"
        folded = ColorizeGANError(what, remedy="please report this, with the output of --debug")
    say(f"error: {folded}")
    return USAGE if isinstance(folded, UsageError | ConfigError) else FAILED


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines to standard output.")]
Model = Annotated[
    Optional[str],
    typer.Option("--model", metavar="MODEL", help="Model bundle: a name that `models` lists, a folder or a zip."),
]
Film = Literal["auto", "panchromatic", "orthochromatic", "blue"]
Format = Literal["jpeg", "png", "tiff", "webp", "avif", "bmp", "pnm"]


@app.callback(invoke_without_command=True, epilog="colorizegan --version prints the version.")
def start(context: typer.Context) -> None:
    """ColorizeGAN: colour for black-and-white photographs."""
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(USAGE)


@app.command()
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    debug: Debug = False,
) -> None:
    """Colorize photos. Originals are never touched; results that exist are left as they are."""
    from colorizegan.jobs import Job, file_target, make_plan, parse_shard

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
    if names == ["-"] and output is not None and not to_stdout:
        jobs, problems = [Job(sys.stdin.buffer.read(), file_target(output, format))], []
    elif names == ["-"]:
        jobs, problems = [Job(sys.stdin.buffer.read(), Path("-"))], []
    else:
        target = None if to_stdout else output
        plan = make_plan(names, target, listed=listed, suffix=suffix, format=format, shard=part)
        jobs, problems, home = plan.jobs, plan.problems, plan.home
        for problem in problems:
            say(f"error: {problem}")
        if not jobs and not problems and not plan.elsewhere:
            what = " ".join([*plan.empty, *([from_file] if from_file else [])])[:300] or None
            report(InputError("no photos found", path=what))
            raise typer.Exit(NOTHING)
        for empty in plan.empty:
            voice.note(f"{empty}: no photos found")
    if dry_run:
        list_jobs(jobs, overwrite, as_json=as_json)
        raise typer.Exit(FAILED if problems else 0)

    from colorizegan.batch import Settings
    from colorizegan.hints import parse_hint, read_hints
    from colorizegan.onephoto import Draw
    from colorizegan.steering import Look

    if hint and hints:
        raise UsageError("--hint and --hints do not go together", remedy="write all hints into the file")
    given = tuple(map(parse_hint, hint or [])) or (read_hints(hints) if hints else ())
    if given and len(jobs) != 1:
        raise UsageError(f"hints are of one photo, not of {len(jobs)}", remedy="name one, or keep them beside each")
    if pick is not None and (proposals is None or pick > proposals):
        raise UsageError(f"--pick {pick} needs --proposals {pick} or more")
    look = Look(saturation, size, temperature, emulsion, given, tone_down_unsure)
    settings = Settings(
        look, format, quality, overwrite, force, allow_truncated, strip, not no_hints,
        Draw(proposals, seed, pick) if proposals and pick else None,
    )  # fmt: skip
    wishes = Wishes(like, confidence, (proposals, seed) if proposals and not pick else None)
    if to_stdout:
        if len(jobs) != 1:
            raise UsageError(f"standard output takes one photo, not {len(jobs)}", remedy="give a folder as output")
        if confidence or wishes.sheet:
            raise UsageError("standard output carries the photo alone", remedy="give a file as output (-o)")
        write_stdout(jobs[0], model, settings, wishes, voice)
    elif run(jobs, model, settings, wishes, voice, home, part) or problems:
        raise typer.Exit(FAILED)


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What `colorize` is to do beyond the settings of each photo."""

    like: Path | None = None
    """A photo whose colours are taken over."""
    confidence: bool = False
    """Write pictures of how sure the colours are."""
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
    from colorizegan.sheets import sheet_path, write_sheet

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
            found = write_sheet(colorizer, photo, look, target, count=count, seed=seed)
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


def add_pictures(job: Job, colorizer: Colorizer, settings: Settings, reader: Reader) -> None:
    """Write how sure the colours of a photo are, beside its result."""
    from colorizegan.sheets import write_confidence

    write_confidence(colorizer, reader.read(job.source), settings.of(job.source).look, job.target)


def keep_hints(job: Job, settings: Settings, voice: Voice) -> None:
    """Write the hints that were given beside the photo, so that the next run finds them."""
    from colorizegan.hints import hints_path, write_hints

    if not settings.look.hints or isinstance(job.source, bytes):
        return
    path = hints_path(job.source)
    try:
        write_hints(path, settings.look.hints)
    except OSError as error:
        voice.note(f"{path}: the hints cannot be kept ({error.strerror}); the result holds them in its XMP")


def read_list(path: str, *, nul: bool) -> list[str]:
    """The names in a list file, or on standard input."""
    from colorizegan.jobs import split_list

    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({getattr(error, 'strerror', None) or error})", path=path) from None
    return split_list(raw, nul=nul)


def list_jobs(jobs: Sequence[Job], overwrite: bool, *, as_json: bool) -> None:
    """What a dry run says: one line for each job, to standard output."""
    for job in jobs:
        status = "skipped" if os.path.lexists(job.target) and not overwrite else "planned"
        if as_json:
            put(json.dumps({"input": shown(job.source), "output": str(job.target), "status": status}))
        else:
            put(f"{shown(job.source)} -> {job.target}" + ("  (done already)" if status == "skipped" else ""))
    if as_json:
        put(json.dumps({"summary": {"planned": len(jobs)}}))


def run(
    jobs: Sequence[Job],
    model: str | None,
    settings: Settings,
    wishes: Wishes,
    voice: Voice,
    home: Path | None,
    shard: tuple[int, int] | None,
) -> int:
    """Do the jobs and say what became of them; how many failed. The ledger goes into `home`."""
    from colorizegan.batch import needs_work, run_jobs, workers_for
    from colorizegan.colorizer import Colorizer
    from colorizegan.ledger import Ledger
    from colorizegan.reader import Reader

    workers, threads = workers_for(len(jobs))
    needed = needs_work(jobs, settings) or wishes.like is not None or wishes.sheet is not None
    # Its processes start while the model is loaded.
    with Reader(allow_truncated=settings.allow_truncated, ready=workers if needed else 0, threads=threads) as reader:
        # A bad model is one error, not one a photo.
        colorizer = Colorizer(model, threads=threads) if needed else None
        settings = wishes.settings(settings, colorizer)
        if wishes.sheet is not None and colorizer is not None:
            return show_proposals(jobs, colorizer, settings, reader, wishes, voice)
        ledger = None if home is None else Ledger(home, shard)
        results = run_jobs(jobs, colorizer, settings, ledger=ledger, workers=workers, reader=reader)
        done: list[Job] = []

        def watched() -> Iterator[Result]:
            for result in results:
                if result.status == "done":
                    done.append(result.job)
                    keep_hints(result.job, settings, voice)
                yield result

        failed = show_results(watched(), len(jobs), voice).failed
    if wishes.confidence and done and colorizer is not None:
        with Reader(allow_truncated=settings.allow_truncated) as reader:
            for job in done:
                add_pictures(job, colorizer, settings, reader)
    return failed


def write_stdout(job: Job, model: str | None, settings: Settings, wishes: Wishes, voice: Voice) -> None:
    """Colorize one photo to standard output."""
    from colorizegan.batch import colorize_stream
    from colorizegan.colorizer import Colorizer
    from colorizegan.predict import cpu_threads
    from colorizegan.reader import Reader

    with Reader(allow_truncated=settings.allow_truncated, ready=1, threads=cpu_threads()) as reader:
        colorizer = Colorizer(model)
        raw, remarks = colorize_stream(job.source, colorizer, wishes.settings(settings, colorizer), reader)
    for remark in remarks:
        voice.note(f"{shown(job.source)}: {remark}")
    sys.stdout.buffer.write(raw)
    sys.stdout.flush()
    keep_hints(job, settings, voice)


@app.command()
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
    try:
        from colorizegan.server import serve as serve_http
    except ModuleNotFoundError as error:
        require("serve", error)
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
            from colorizegan.webui import mount
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("colorizegan"):
            raise
        voice.note("without the web page, which needs more packages: pip install 'colorizegan[ui]'")
        return None
    return mount


@app.command()
def models(as_json: Json = False, debug: Debug = False) -> None:
    """List the models in this installation."""
    from colorizegan.bundle import list_bundles, open_bundle

    bundles = [(name, open_bundle(name)) for name in list_bundles()]
    for name, bundle in bundles:
        card = bundle.card
        if as_json:
            text = json.loads((bundle.onnx.parent / "card.json").read_text("utf-8"))
            put(json.dumps({"bundle": name, "path": str(bundle.path), "digest": bundle.digest, "card": text}))
            continue
        put(f"{name}  {card.name} {card.version} of {card.created}, {card.licence}")
        put(f"  {card.network.generator}, {card.network.parameters / 1e6:.1f} M parameters, {card.working_size} px")
        sources = ", ".join(f"{source.get('name')} ({source.get('count')})" for source in card.data)
        put(f"  trained on {sources or 'nothing that the card names'}")
        scores = [f"{key} {value:g}" for key, value in card.metrics.items() if isinstance(value, int | float)]
        put(f"  scores: {', '.join(scores[:8]) or 'none'}")
        put(f"  sha256 {bundle.digest}")
    if not bundles:
        say("no models in this installation; name a bundle with --model")


@app.command()
def doctor(model: Model = None, as_json: Json = False, debug: Debug = False) -> None:
    """Print versions, limits and devices, and colorize a test picture; status 1 where that fails."""
    from colorizegan.doctor import examine

    checkup = examine(model)
    if as_json:
        put(json.dumps(checkup.facts))
    else:
        for section, facts in checkup.facts.items():
            put(section)
            for key, value in facts.items():
                put(f"  {key}: {value}")
    if checkup.complaint:
        say(f"error: {checkup.complaint}")
        raise typer.Exit(FAILED)


@app.command()
def train(
    data: Annotated[
        Optional[list[str]],
        typer.Option(
            "--data",
            metavar="[LAYOUT:]PATH[@WEIGHT]",
            help="Colour photos: a folder, a shard, a known data set; repeat.",
        ),
    ] = None,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", metavar="RUN", help="The run's folder.")] = None,
    preset: Annotated[str, typer.Option(help="Settings to start from: default, pix2pix or tiny.")] = "default",
    config: Annotated[Optional[Path], typer.Option(metavar="FILE.toml", help="Settings that differ.")] = None,
    changes: Annotated[
        Optional[list[str]], typer.Option("--set", metavar="a.b=c", help="One setting that differs; repeat.")
    ] = None,
    cache: Annotated[
        Optional[Path], typer.Option(metavar="FOLDER", help="Where decoded photos are kept. [default: RUN/cache]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint in RUN.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what it would take: sizes, operations, memory, time.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Train a model on colour photos."""
    if output is None and not dry_run:
        raise UsageError("no folder for the run", remedy="give one with -o")
    try:
        from colorizegan.training.config import load_config
        from colorizegan.training.loop import train as train_network
    except ModuleNotFoundError as error:
        require("train", error)
    settings = load_config(preset, config, changes or [])
    if data:
        settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, sources=tuple(data)))
    if not settings.data.sources:
        raise UsageError("no photos to learn from", remedy="name a folder or tar shards with --data")
    if dry_run or output is None:
        cli_training.foretell(settings)
        return
    with log_lines():
        train_network(settings, output, resume=resume, cache=cache)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or one checkpoint.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="BUNDLE", help="The bundle's new folder.")],
    name: Annotated[str, typer.Option(help="The model's name in its card.")] = "custom",
    card: Annotated[
        Optional[Path], typer.Option(metavar="FILE.json", help="More entries for the card: licence, data, metrics.")
    ] = None,
    chroma: Annotated[float, typer.Option(min=0, max=4, help="Factor on the colours, kept in the bundle.")] = 1.0,
    correction: Annotated[
        float, typer.Option(min=0, max=1, help="1: faithful but duller colours; 0: vivid ones; kept in the bundle.")
    ] = 1.0,
    temperature: Annotated[
        Optional[float], typer.Option(min=0.05, max=2, help="T of the colour distribution's mean; less decides more.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Make a model bundle of a training run."""
    try:
        from colorizegan.training.export import export_bundle
    except ModuleNotFoundError as error:
        require("train", error)
    with log_lines():
        export_bundle(
            checkpoint,
            output,
            name=name,
            card_extra=card,
            chroma=chroma,
            correction=correction,
            temperature=temperature,
        )
    say(f"{checkpoint} -> {output}")


@app.command()
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    debug: Debug = False,
) -> None:
    """Measure models against baselines; the table goes to standard output."""
    try:
        from colorizegan.bench import run as bench
        from colorizegan.bench.entrants import parse_entrants
        from colorizegan.bench.human_server import open_human_test
        from colorizegan.bench.report import report_markdown
    except ModuleNotFoundError as error:
        require("bench", error)
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
            advance: list[Callable[[bool], None]] = []

            def show(done: int, total: int) -> None:
                if not advance:  # how many photos there are is only known now
                    visible = sys.stderr.isatty() and not quiet
                    advance.append(bar.enter_context(progress(total if visible else 0)))
                advance[0](True)

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


app.command()(cli_training.finetune)
app.add_typer(cli_training.data, name="data")


def main() -> None:
    """The program `colorizegan`."""
    # A request to end takes the way of Ctrl-C: temporary files are removed, and the status tells.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        app()
    except SystemExit as end:
        if end.code in (INTERRUPTED, TERMINATED):
            # Photos under way had their time; a decoder deep in a huge one must not hold up the end.
            sys.stderr.flush()
            os._exit(int(end.code))
        raise
