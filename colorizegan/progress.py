"""The one progress bar, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int) -> Iterator[Callable[[bool], None]]:
    """A bar on standard error with rate and time left, and the function that moves it on; no bar where total is 0.

    The function is told whether there was work to do: what is skipped counts for nothing in the rate.
    """
    if total == 0:
        yield lambda worked: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:  # NO_COLOR is Rich's to heed
        task, start, done, skipped = bar.add_task("", total=total, rate=""), time.perf_counter(), 0, 0

        def advance(worked: bool) -> None:
            nonlocal done, skipped
            done, skipped = done + worked, skipped + (not worked)
            rate = f"{done / (time.perf_counter() - start):.1f}/s" if done else ""
            bar.update(task, completed=done + skipped, rate=rate)

        yield advance


@contextmanager
def progress_bar(label: str, total: int, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields `tick(done)`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not (shown and sys.stderr.isatty())) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)
