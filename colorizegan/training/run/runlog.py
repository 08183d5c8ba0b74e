"""Around a run: its log, its progress bar, and the signals that end it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric.loggers import TensorBoardLogger
from PIL import Image

from colorizegan.errors import CheckpointError
from colorizegan.files import try_lock, write_atomic
from colorizegan.training.run.state import RunState

_locks: set[int] = set()  # descriptors of folders that this process writes


def _let_go() -> None:
    """In a forked child: loaders of photos outlive a run that is killed, by seconds, and would hold on to its lock."""
    while _locks:
        os.close(_locks.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """While it is open no other run writes to the folder; the lock ends with the process, however that ends."""
    if os.name == "nt":  # folders cannot be opened
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    _locks.add(handle)
    try:
        if try_lock(handle) is False:
            what = "is written by another run right now"
            raise CheckpointError(what, path=folder, remedy="wait until it has ended, or stop it")
        yield
    finally:
        _locks.discard(handle)
        os.close(handle)


class RunLog:
    """`log.jsonl` and, if asked for, the same for TensorBoard."""

    def __init__(self, folder: Path, step: int, tensorboard: bool) -> None:
        """`step`: the last one that was kept; what an interrupted run wrote of later ones is taken back."""
        self._path = folder / "log.jsonl"
        cut_log(self._path, step)
        self._file = self._path.open("a", encoding="utf-8")
        self._board = None
        if tensorboard:
            # TensorBoard forgets what earlier files of the folder say of steps from `purge_step` on.
            self._board = TensorBoardLogger(folder, name="tensorboard", version="", purge_step=step + 1)

    def record(self, event: str, state: RunState, values: dict[str, Any]) -> None:
        """One line: an event with its place in the run and its values."""
        head = {"event": event, "stage": state.stage, "step": state.step, "images": state.images}
        self._file.write(json.dumps(head | values) + "\n")
        self._file.flush()
        if self._board is not None:
            numbers = {f"{event}/{name}": value for name, value in values.items() if isinstance(value, int | float)}
            self._board.log_metrics(numbers, state.step)

    def picture(self, path: Path, step: int) -> None:
        """The picture of a file, for TensorBoard."""
        if self._board is not None:
            with Image.open(path) as image:
                self._board.experiment.add_image("samples", np.asarray(image), step, dataformats="HWC")

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._board is not None:
            self._board.finalize("success")


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


class StopSignals:
    """Turns SIGINT and SIGTERM into a flag that the loop reads between steps, so that no save is cut in half."""

    def __init__(self) -> None:
        self.received: int | None = None  # by this process
        self.agreed: int | None = None  # by all: what came after they asked each other waits for the next step
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
        if self.agreed == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(143)
