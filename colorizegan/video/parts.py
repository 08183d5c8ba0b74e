"""A film under way: its encoded parts in a hidden folder beside the result, so that nothing finished is done again.

A part's record is written after the part itself has its name, so a record never promises a part that is not there.
It says where to go on: at the first frame of a shot, with what is remembered of the shots before, so that the rest
becomes what it would have become without the stop.
"""

import io
import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from colorizegan.errors import OutputError
from colorizegan.files import atomic_file, name_tag, try_lock, write_atomic
from colorizegan.video.consistency import Remembered, Shot
from colorizegan.video.joining import Part

SCHEMA = 1
RECORD = re.compile(r"(\d{8})\.json")


@dataclass(frozen=True)
class Start:
    """Where to go on."""

    frames: int = 0
    """That are done."""
    shot: Shot = Shot(0, ())  # noqa: RUF009 (frozen)
    """Of the next frame."""
    pts: int | None = None
    """Of the shot's first frame; None at the beginning."""


class PartFolder:
    """The folder of the parts of one result, for one run at a time; close it in the end.

    facts: what shapes the result; parts that were made with other facts are thrown away. OutputError where another run
    makes the same result, or something else is in the way.
    """

    def __init__(self, target: Path, facts: Mapping[str, Any]) -> None:
        self.path = folder_of(target)
        self.parts: list[Part] = []
        self.start: Start | None = Start()
        """None where all frames are done."""
        wanted = json.dumps({"schema": SCHEMA, **facts}, sort_keys=True)
        if os.path.lexists(self.path) and not stat.S_ISDIR(os.lstat(self.path).st_mode):
            raise OutputError("is in the way and is no folder", path=self.path, remedy="remove it")
        self.lock = locked_folder(self.path, target)
        try:
            if _read(self.path / "film.json") != wanted:
                for old in self.path.iterdir():
                    old.unlink()
                write_atomic(self.path / "film.json", wanted.encode())
            else:
                self.find()
        except BaseException:
            self.close()
            raise

    def find(self) -> None:
        """Take up what is there."""
        for name in sorted(path.name for path in self.path.iterdir() if RECORD.fullmatch(path.name)):
            raw = _read(self.path / name)
            first = int(name[:8])
            path = self.path / f"{first:08d}.mkv"
            try:
                table = json.loads(raw or "")
                times = tuple((int(pts), int(duration)) for pts, duration in table["times"])
                done = first + len(times)
                assert self.start is not None
                if first != self.start.frames or path.stat().st_size != table["size"]:
                    return
                after = table["next"]
                start = None if after is None else Start(done, self.shot(after["shot"]), int(after["pts"]))
                part = Part(path, times, int(table["delay"]))
            except (ValueError, KeyError, TypeError, OSError, AssertionError):
                return
            self.parts.append(part)
            self.start = start

    def part(self, first: int) -> AbstractContextManager[BinaryIO]:
        """A file for the part that begins with frame `first`."""
        return atomic_file(self.path / f"{first:08d}.mkv")

    def record(self, first: int, times: list[tuple[int, int]], delay: int, following: tuple[Shot, int] | None) -> None:
        """Note a part that has its name, from frame `first` on; times and delay: see `Part`.

        following: the shot of the next frame, and the pts of its first frame; None at the end of the film.
        """
        path = self.path / f"{first:08d}.mkv"
        after = None
        if following is not None:
            shot, pts = following
            self.keep(shot)
            after = {"shot": shot.first, "pts": pts}
        table = {"times": times, "delay": delay, "size": path.stat().st_size, "next": after}
        write_atomic(self.path / f"{first:08d}.json", json.dumps(table).encode())
        self.parts.append(Part(path, tuple(times), delay))

    def keep(self, shot: Shot) -> None:
        """Write down what is remembered at the beginning of a shot; what earlier ones remembered is not needed."""
        name = f"shot-{shot.first:08d}.npz"
        if (self.path / name).exists():
            return
        arrays: dict[str, Any] = {}
        for i, one in enumerate(shot.memory):
            arrays |= {f"picture{i}": one.picture, f"tally{i}": one.tally, f"strength{i}": np.array(one.strength)}
        raw = io.BytesIO()
        np.savez(raw, **arrays)
        write_atomic(self.path / name, raw.getvalue())

    def shot(self, first: int) -> Shot:
        """A shot with what was remembered at its beginning."""
        with np.load(self.path / f"shot-{first:08d}.npz", allow_pickle=False) as arrays:
            memory = tuple(
                Remembered(
                    arrays[f"picture{i}"], arrays[f"tally{i}"],
                    (float(arrays[f"strength{i}"][0]), float(arrays[f"strength{i}"][1])),
                )
                for i in range(len(arrays.files) // 3)
            )  # fmt: skip
        return Shot(int(first), memory)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path)

    def close(self) -> None:
        """Let other runs have the folder; it goes where it holds no part."""
        if self.lock is not None:
            if not self.parts:
                shutil.rmtree(self.path, ignore_errors=True)
            os.close(self.lock)
            self.lock = None


def folder_of(target: Path) -> Path:
    """Where the parts of a result are; it is there as long as there are any."""
    return hidden_beside(target, "film")


def hidden_beside(target: Path, ending: str) -> Path:
    """A hidden name beside a result, for what belongs to it."""
    return target.with_name(f".colorizegan-{name_tag(target.name)}.{ending}")


def locked_folder(path: Path, target: Path) -> int | None:
    """Make a folder, or take one that is there, and lock it: its descriptor, None where the system knows no locks."""
    while True:
        path.mkdir(parents=True, exist_ok=True)
        if os.name == "nt":  # folders cannot be opened
            return None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:  # the run that had it has just ended
            continue
        if try_lock(descriptor) is False:
            os.close(descriptor)
            raise made_elsewhere(target)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def made_elsewhere(target: Path) -> OutputError:
    """What is said where two runs would make the same result."""
    return OutputError("is being made by another run", path=target, remedy="let that one end, or name another output")


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError):
        return None
