"""Around a run: its log, its progress bar, and the signals that end it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from colorizegan.training.checkpoint import write_atomic


def cut_log(path: Path, step: int) -> None:
    """Drop the lines of a log that come after `step`: the resumed run writes them again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text("utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError):
            break  # a line cut off by a crash; nothing after it can be older
    write_atomic(path, "".join(kept).encode())


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields `tick(done)`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


class StopSignals:
    """Turns SIGINT and SIGTERM into a flag that the loop reads between steps, so that no save is cut in half."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._previous[number] = signal.signal(number, self._note)
            except ValueError:  # not in the main thread: signals are someone else's business
                return

    def _note(self, number: int, _: Any) -> None:
        self.received = number

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def leave(self) -> None:
        """End as the signal asked: exit status 130 or 143."""
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(143)
