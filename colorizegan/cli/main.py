"""The command line: a thin shell. Data goes to standard output, everything else to standard error.

The commands with many options have files of their own. Heavy imports stand inside the commands, so that --help and
--version answer at once.
"""

import glob
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from colorizegan import __version__
from colorizegan.cli import colorize as cli_colorize
from colorizegan.cli import evaluate as cli_evaluate
from colorizegan.cli import models as cli_models
from colorizegan.cli import serve as cli_serve
from colorizegan.cli import training as cli_training
from colorizegan.cli import video as cli_video
from colorizegan.cli.console import to_stderr, to_stdout
from colorizegan.cli.help import WIDEST, Command, plain
from colorizegan.cli.options import FAILED, Debug, Json, Model
from colorizegan.errors import ColorizeGANError, ConfigError, MissingExtraError, UsageError, as_our_error
from colorizegan.photo.formats import PHOTO_SUFFIXES

USAGE, INTERRUPTED, TERMINATED = 2, 130, 143  # 130 is Typer's own
EXTRAS = {  # command -> the extra of pyproject.toml that it needs
    "serve": "serve",
    "train": "train",
    "export": "train",
    "convert": "train",
    "data": "train",
    "finetune": "train,bench",
    "evaluate": "bench",
    "video": "video",
}


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
            to_stdout(__version__)
            sys.exit(0)
        if given and given[0] not in self.commands and names_photos(given[0]):
            given.insert(0, "colorize")
        try:
            status = super().main(given, prog_name or "colorizegan", complete_var, standalone_mode=False, **extra)
        except Exception as error:
            if "--debug" in given:
                traceback.print_exception(error)
            status = report(error, given[0] if given else "")
        sys.exit(status if isinstance(status, int) else 0)


def names_photos(text: str) -> bool:
    """Whether an argument in place of a command means photos: `colorizegan PHOTO` is `colorizegan colorize PHOTO`."""
    if text.startswith("-"):
        return text == "-"
    return os.path.lexists(text) or glob.has_magic(text) or Path(text).suffix.lower() in PHOTO_SUFFIXES


def report(error: Exception, command: str) -> int:
    """Say the error of a command in one line; return the exit status."""
    if isinstance(error, ColorizeGANError):
        folded = error
    elif isinstance(error, ModuleNotFoundError) and not (error.name or "colorizegan").startswith("colorizegan"):
        what = f"this command needs {error.name}, which is not installed"
        folded = MissingExtraError(what, extra=EXTRAS.get(command, ""))
    elif message := getattr(error, "format_message", None):  # what Typer says of wrong arguments, in any version
        what, asks, meant = plain(str(message())).partition("; did you mean ")
        folded = UsageError(what, remedy=f"did you mean {meant}" if asks else "see --help")
    else:
        folded = as_our_error(error)
    to_stderr(f"error: {folded}")
    return USAGE if isinstance(folded, UsageError | ConfigError) else FAILED


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
)


@app.callback(
    invoke_without_command=True,
    epilog="colorizegan PHOTO is short for colorizegan colorize PHOTO. colorizegan --version prints the version.",
)
def start(context: typer.Context) -> None:
    """ColorizeGAN: colour for black-and-white photographs."""
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(USAGE)


def add(command: Callable[..., None], example: str) -> None:
    """Make a function a command, with an example below its help."""
    app.command(cls=Command, epilog=f"Example: colorizegan {example}")(command)


add(cli_colorize.colorize, "colorize album/ -o album-in-colour/ --saturation 1.2")
add(cli_video.video, "video film.mp4 -o film-in-colour.mp4")
add(cli_serve.serve, "serve --host 0.0.0.0 --port 8000")
app.add_typer(cli_models.models, name="models")


@app.command(cls=Command)
def doctor(model: Model = None, as_json: Json = False, debug: Debug = False) -> None:
    """Print versions, limits and devices, and colorize a test picture; status 1 where that fails."""
    from colorizegan.cli.doctor import examine

    found, complaint = examine(model)
    if as_json:
        to_stdout(json.dumps(found))
    else:
        for section, facts in found.items():
            to_stdout(section)
            for key, value in facts.items():
                to_stdout(f"  {key}: {value}")
    if complaint:
        to_stderr(f"error: {complaint}")
        raise typer.Exit(FAILED)


add(cli_training.train, "train --data PHOTOS/ -o runs/first")
add(cli_training.export, "export runs/first -o my-model")
add(cli_training.convert, "convert colorization_release_v2.pth -o zhang2016")
add(cli_evaluate.evaluate, "evaluate --data TEST/ --entrant mine=my-model -o report/")
add(cli_training.finetune, "finetune ALBUM/ -o my-model --minutes 20")
app.add_typer(cli_training.data, name="data")


def main() -> None:
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
