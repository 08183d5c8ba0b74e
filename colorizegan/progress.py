"""The one progress bar, on standard error."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")


class Tick(Protocol):
    """Moves a progress bar on."""

    def __call__(self, done: int, skipped: int = 0) -> None:
        """So many are through, of which so many were skipped, which count for nothing in the rate."""


@contextmanager
def progress_bar(label: str, total: int | None, shown: bool = True) -> Iterator[Tick]:
    """A bar with rate and time left while the block lasts, on a terminal and if `shown`; nothing elsewhere.

    total: None where it is not known how many there are.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda done, skipped=0: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    texts = [TextColumn("{task.description}")] if label else []
    columns = (*texts, BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:  # NO_COLOR is Rich's to heed
        task, start = bar.add_task(label, total=total, rate=""), time.perf_counter()

        def tick(done: int, skipped: int = 0) -> None:
            worked = done - skipped
            rate = f"{worked / (time.perf_counter() - start):.1f}/s" if worked else ""
            bar.update(task, completed=done, rate=rate)

        yield tick


def with_bar(items: Iterable[T], label: str, total: int | None, shown: bool = True) -> Iterator[T]:
    """The items, one after the other, with a bar as of `progress_bar`."""
    with progress_bar(label, total, shown) as tick:
        for done, item in enumerate(items, 1):
            yield item
            tick(done)
