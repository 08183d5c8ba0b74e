"""The command as tests run it: in this process, or in one of its own; and what a run has left behind."""

import contextlib
import hashlib
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from colorizegan.cli.main import app

COMMAND = [sys.executable, "-m", "colorizegan"]


def call(*args: object, stdin: bytes = b"") -> Result:
    """Run the command in this process; a fault of ours is raised."""
    result = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def the_error(result: Any) -> str:
    """The one line of a command that has failed."""
    status = getattr(result, "returncode", None) or getattr(result, "exit_code", None)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert status, result.stderr
    assert len(lines) == 1, result.stderr
    return lines[0]


def python(*args: object, status: int | None = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run this interpreter to its end, which must be of this status."""
    given = {"capture_output": True, "text": True, "timeout": 300} | options
    done: subprocess.CompletedProcess[str] = subprocess.run([sys.executable, *map(str, args)], check=False, **given)
    assert status is None or done.returncode == status, done.stderr
    return done


def command(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as `python` does."""
    return python("-m", "colorizegan", *args, **options)


def start(*args: object) -> subprocess.Popen[str]:
    """The command under way in a process of its own; what it says can be read."""
    return subprocess.Popen([*COMMAND, *map(str, args)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def waits(true: Callable[[], object]) -> bool:
    """Whether something becomes true before the patience of three minutes is over: the machine may be busy."""
    end = time.monotonic() + 180
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(found)


def is_running(process: int) -> bool:
    """Whether a process of this id runs: one that has ended, and that nobody has asked about yet, does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def on_a_terminal(*args: object, **environment: str) -> str:
    """What this interpreter writes with these arguments to a terminal."""
    leader, follower = pty.openpty()
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": follower, "stderr": follower}
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    process = subprocess.Popen([sys.executable, *map(str, args)], env=env, **streams)
    os.close(follower)
    text = b""
    with contextlib.suppress(OSError):  # Linux: the other end was closed
        while chunk := os.read(leader, 4096):
            text += chunk
    os.close(leader)
    assert process.wait() == 0
    return text.decode()


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder by its name, hidden ones too, with its SHA-256; all but ledgers and links."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.suffix != ".jsonl"
    }


def json_lines(source: Path | str | bytes) -> list[Any]:
    """What JSON lines hold, of a file or of an output."""
    text = source.read_bytes() if isinstance(source, Path) else source
    return [json.loads(line) for line in text.splitlines()]
