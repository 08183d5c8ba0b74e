"""The help, and what is said of wrong arguments: groups, an example, the terminal's width, no jargon."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from command import call, command
from PIL import Image

from colorizegan.cli.help import plain
from colorizegan.cli.main import app

JARGON = re.compile(
    r"input should|value error|parse string|pydantic|validation|valid(ator| float| integer)|list\[|<=|>=|\brange\b"
    r"|<(str|int|float|path)|INTEGER|FLOAT|argument\(s\)|Invalid value|Usage:|Possible options",
    re.IGNORECASE,
)


def commands() -> list[list[str]]:
    """Every command and command of a group, as typed."""
    group: Any = typer.main.get_command(app)
    names = [[name] for name in group.commands]
    return names + [[n, sub] for n, one in group.commands.items() for sub in getattr(one, "commands", {})]


def help_of(command: list[str]) -> str:
    """What --help says, for a terminal as wide as COLUMNS says; CliRunner's is always 80 wide."""
    one: Any = typer.main.get_command(app)
    context = one.make_context("colorizegan", ["--help"], resilient_parsing=True)
    for name in command:
        one = one.commands[name]
        context = one.make_context(name, [], parent=context, resilient_parsing=True)
    return one.get_help(context)


def said(*args: str) -> str:
    """Standard error of a command that fails with status 2."""
    result = call(*args)
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_help_is_plain_and_as_wide_as_the_terminal(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (60, 100, 119):
        monkeypatch.setenv("COLUMNS", str(columns))
        text = help_of(command)
        lines = text.splitlines()
        assert max(map(len, lines)) <= columns
        assert not re.search(r"<(str|int|float|path|list)|INTEGER|FLOAT|x>=|<=x<=", text)
    assert max(map(len, lines)) > 80 or command != ["colorize"]  # it is made use of


def test_options_of_colorize_are_in_groups_with_an_example() -> None:
    text = call("colorize", "--help").stdout
    headings = re.findall(r"^([A-Z][^:\n]*):$", text, re.MULTILINE)
    assert len(headings) >= 4
    assert "Example: colorizegan colorize " in text
    assert re.search(r"^Colours:.*?--saturation NUMBER.*?^\S", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["colorize", "x.jpg", "--saturation", "much"], "--saturation: (must be a number|'much' is no number)"),
        (["colorize", "x.jpg", "--saturation", "5"], "--saturation: (must be 4 or less|5.0 is not between 0 and 4)"),
        (["colorize", "x.jpg", "--quality", "0"], "--quality: (must be 1 or more|0 is not between 1 and 100)"),
        (["colorize", "x.jpg", "--size", "1.5"], "--size: (must be a whole number|'1.5' is no whole number)"),
        (["colorize", "x.jpg", "--hint"], "--hint needs a value"),
        (["colorize", "x.jpg", "--emulsion", "sepia"], "--emulsion: 'sepia' is none of 'auto', 'panchromatic'"),
        (["colorize", "--nope"], "there is no option --nope"),
        (["doctor", "more"], "there is no place for more"),
        (["export"], "RUN is missing"),
        (["data"], "a command is missing"),
        (["paint"], "there is no command 'paint'; "),
        (["colorzie", "x.jpg"], r"there is no command 'colorzie'; did you mean '?colorize'?\? "),
        (["colorize", "x.jpg", "--saturaton", "2"], r"there is no option --saturaton; did you mean --saturation\? "),
        (["colorize", "x.jpg", "--xyzzy"], "there is no option --xyzzy; see --help "),
        (["colorize", "x.jpg", "--format", "jpge"], r"format 'jpge' is not .*, pnm; did you mean jpeg\? "),
        (["train", "--data", "x", "-o", "y", "--preset", "defualt"], r"no preset 'defualt'; .* mean default\? "),
        (["train", "--data", "x", "-o", "y", "--set", "network.atention=true"], r"no setting .* mean attention\? "),
        (["train", "--data", "x", "-o", "y", "--set", "seed=x"], "seed is 'x'; it must be a whole number"),
        (["train", "--data", "x", "-o", "y", "--set", "ema='x'"], "ema is 'x'; it must be a number"),
        (["train", "--data", "x", "-o", "y", "--set", "compile=3"], "compile is 3; it must be true or false"),
        (["train", "--data", "x", "-o", "y", "--set", "data=3"], "data is 3; it must be a table"),
        (["train", "--data", "x", "-o", "y", "--set", "stages=3"], "stages is 3; it must be a list"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_arguments_are_told_in_plain_words(args: list[str], text: str) -> None:
    if args[0] == "train":
        pytest.importorskip("torch")
    line = said(*args)
    assert line.count("\n") == 1
    assert re.match(f"error: {text}", line)  # older versions of Typer name the value
    assert not JARGON.search(line)


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_no_command_speaks_of_its_libraries(command: list[str]) -> None:
    """Each option with values that are wrong for most, taken apart and not carried out."""
    one: Any = typer.main.get_command(app)
    for name in command:
        one = one.commands[name]
    told = 0
    for parameter in one.params:
        for value in ("x", "-1e99", "1.5", ""):
            if parameter.param_type_name == "option":
                with contextlib.suppress(SystemExit):
                    try:
                        one.make_context(command[-1], [f"{parameter.opts[0]}={value}"])
                    except Exception as error:
                        message = plain(error.format_message())  # pyright: ignore[reportAttributeAccessIssue]
                        assert not JARGON.search(message), message
                        told += 1
    assert told or command in (["models"], ["data"])


def test_photos_in_place_of_a_command_are_colorized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (32, 32), 90).save("photo.png")
    (tmp_path / "train").mkdir()  # a command's name stays the command's
    for args in (["photo.png"], ["*.png"], ["./train"], ["."]):
        short, long = (call(*start, *args, "--dry-run") for start in ([], ["colorize"]))
        assert (short.exit_code, short.stdout, short.stderr) == (long.exit_code, long.stdout, long.stderr)
    assert call("photo.png", "--dry-run").stdout == "photo.png -> photo.colorized.png\n"
    assert "missing.jpg" in call("missing.jpg").stderr
    assert "no folder for the run" in said("train", "--data", "x")


def test_shells_complete() -> None:
    typed = {"_COLORIZEGAN_COMPLETE": "complete_bash", "COMP_WORDS": "colorizegan colorize --sat", "COMP_CWORD": "2"}
    assert command(env=os.environ | typed).stdout.split() == ["--saturation"]
    # It asks which shell it was started from.
    shown = ["bash", "-c", f"{shlex.quote(sys.executable)} -m colorizegan --show-completion; true"]
    assert "_COLORIZEGAN_COMPLETE" in subprocess.run(shown, capture_output=True, text=True, check=True).stdout
