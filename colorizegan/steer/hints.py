"""Hints: points of a photo whose colour a person knows, as text, as JSON beside the photo, and as network input."""

import json
import operator
import os
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from colorizegan.color.lab import rgb_to_lab
from colorizegan.errors import InputError, OutputError, UsageError
from colorizegan.files import write_atomic

ENDING = ".hints.json"
SCHEMA = 1
MOST = 1000  # hints of one photo
LARGEST_FILE = 1 << 20  # bytes
T = TypeVar("T")
EXAMPLE = {"x": 120, "y": 80, "color": "#3a6ea5"}
RADIUS = 1  # px at the network's size; it was trained on squares of 1 to 7 px


Color: TypeAlias = "str | Sequence[int]"
"""sRGB: "#rrggbb", "#rgb", a name of CSS, or red, green and blue, 0 .. 255."""


@dataclass(frozen=True, init=False)
class Hint:
    """The colour of one point. Its brightness stays that of the photo; hue and strength are those of `color`."""

    x: int
    """Pixels from the left of the upright photo."""
    y: int
    """Pixels from its top."""
    color: str
    """sRGB, as "#rrggbb"."""

    def __init__(self, x: int, y: int, color: Color) -> None:
        """A hint at a whole pixel; its colour in any of the ways of `Color`. UsageError for what is neither."""
        for name, value in (("x", x), ("y", y)):
            whole = as_whole(value)
            if whole is None or whole < 0:
                raise UsageError(f"the hint's place {value!r} is none", remedy="give whole pixels from the top left")
            object.__setattr__(self, name, whole)
        rgb = rgb_of(color)
        if rgb is None:
            ways = "#rrggbb, #rgb or a name of CSS"
            ways = ways if isinstance(color, str) else f"(red, green, blue), whole numbers 0 to 255, or {ways}"
            raise UsageError(f"the hint's colour {reprlib.repr(color)} is none", remedy=f"write it as {ways}")
        object.__setattr__(self, "color", "#" + "".join(f"{value:02x}" for value in rgb))

    @property
    def ab(self) -> tuple[float, float]:
        """Its chroma, Lab units."""
        rgb = np.array([int(self.color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        _, a, b = rgb_to_lab(rgb)
        return float(a), float(b)

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.color}"


def as_hint(given: Any) -> Hint:
    """A hint, or its three parts; UsageError for anything else."""
    if isinstance(given, Hint):
        return given
    if isinstance(given, tuple | list) and len(given) == 3:
        return Hint(*given)
    raise UsageError(f"{str(given)[:40]!r} is no hint", remedy='write hints=[(120, 80, "#3a6ea5")]: x, y and colour')


def as_whole(value: Any) -> int | None:
    """A whole number of Python, NumPy or torch as Python's; None for anything else."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def rgb_of(color: Any) -> tuple[int, ...] | None:
    """Red, green and blue, 0 .. 255, of a colour in any of the ways of `Color`; None where it is none."""
    if isinstance(color, bytes | bytearray | memoryview | Set | Mapping | Iterator):
        return None  # b"red" is three numbers too, a set has no order, and an iterator is empty the next time
    try:
        rgb = ImageColor.getrgb(color)[:3] if isinstance(color, str) else tuple(map(as_whole, color))
    except (ValueError, TypeError):
        return None
    found = tuple(value for value in rgb if value is not None and 0 <= value <= 255)
    return found if len(found) == len(rgb) == 3 else None


class Point(NamedTuple):
    """A hint at the network's size."""

    row: int
    column: int
    a: float
    b: float


def parse_hint(text: str) -> Hint:
    """A hint as the command line takes it, "x,y,#rrggbb". UsageError where it is none."""
    match = re.fullmatch(r"\s*(\d{1,7})\s*,\s*(\d{1,7})\s*,\s*([^,]+?)\s*", text)
    if match is None:
        raise UsageError(f"{text[:60]!r} is no hint", remedy="write it as x,y,#rrggbb, such as 120,80,#3a6ea5")
    color = match[3]
    return Hint(int(match[1]), int(match[2]), f"#{color}" if re.fullmatch(r"[0-9a-fA-F]{6}", color) else color)


def hints_path(photo: Path) -> Path:
    """Where the hints of a photo are kept: `photo.jpg.hints.json` beside it."""
    return Path(f"{photo}{ENDING}")


def kept_hints(photo: Path) -> Path | None:
    """The file of the hints that are kept beside a photo or film; None where there is none. InputError for a link."""
    path = hints_path(photo)
    if not os.path.lexists(path):  # also of a photo whose name is too long for one of hints
        return None
    if path.is_symlink():
        raise InputError("is a link, which is not followed", path=path, remedy="put the file itself there")
    return path


def write_hints(path: Path, hints: Sequence[Hint]) -> None:
    """Write hints as JSON, whole or not at all. OutputError where they cannot be written."""
    write_entries(path, map(vars, hints))


def write_entries(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """As `write_hints`; entries of photos or films."""
    if path.is_symlink():
        raise OutputError("is a link, which is not replaced", path=path, remedy="remove the link")
    write_atomic(path, (json.dumps({"schema": SCHEMA, "hints": list(entries)}, indent=1) + "\n").encode())


def read_hints(path: Path) -> tuple[Hint, ...]:
    """The hints in a JSON file: what `write_hints` writes, or a bare list of such entries; else InputError."""
    return read_entries(path, Hint, EXAMPLE)


def read_entries(path: Path, make: Callable[..., T], example: Mapping[str, Any]) -> tuple[T, ...]:
    """As `read_hints`; each is what `make` makes of the fields of an entry, which are those of the example."""
    remedy = f"write {json.dumps({'schema': SCHEMA, 'hints': [example]})}"
    *names, last = example
    try:
        raw = path.read_bytes() if path.is_file() and path.stat().st_size <= LARGEST_FILE else None
        table: Any = None if raw is None else json.loads(raw)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path) from None
    except (ValueError, RecursionError):
        raise InputError("is no JSON", path=path, remedy=remedy) from None
    if raw is None:
        why = "is no file of hints" if path.exists() else "no such file of hints"
        why = "is too large for a file of hints" if path.is_file() else why
        if path.is_dir():
            why, remedy = "is a folder, and no file of hints", "move it away, or name a file"
        raise InputError(why, path=path, remedy=remedy)
    entries: Any = table.get("hints") if isinstance(table, dict) else table
    if isinstance(table, dict) and table.get("schema", SCHEMA) != SCHEMA:
        raise InputError(f"has the schema {table['schema']!r}", path=path, remedy="use a newer version of ColorizeGAN")
    if not isinstance(entries, list) or len(entries) > MOST:
        raise InputError(f"holds no list of at most {MOST} hints", path=path, remedy=remedy)
    hints: list[T] = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or entry.keys() != example.keys():
            raise InputError(f"hint {number} has not just {', '.join(names)} and {last}", path=path, remedy=remedy)
        try:
            hints.append(make(**entry))
        except UsageError as error:
            raise InputError(f"hint {number}: {error.reason}", path=path, remedy=error.remedy) from None
    return tuple(hints)


def check_places(hints: Sequence[Hint], photo: tuple[int, int]) -> None:
    """UsageError where a hint lies outside a photo (H, W)."""
    for hint in hints:
        if hint.y >= photo[0] or hint.x >= photo[1]:
            raise UsageError(
                f"the hint {hint} lies outside the picture", remedy=f"it has {photo[1]} x {photo[0]} pixels"
            )


def points_of(hints: Sequence[Hint], photo: tuple[int, int], small: tuple[int, int]) -> list[Point]:
    """Hints of a photo (H, W) at the network's size (h, w); of two on one spot the later one counts.

    UsageError for a hint outside the photo, or too many.
    """
    if len(hints) > MOST:
        raise UsageError(f"{len(hints)} hints are too many", remedy=f"give at most {MOST}")
    points: dict[tuple[int, int], Point] = {}
    check_places(hints, photo)
    for hint in hints:
        row = min(int((hint.y + 0.5) * small[0] / photo[0]), small[0] - 1)
        column = min(int((hint.x + 0.5) * small[1] / photo[1]), small[1] - 1)
        points.pop((row // 2, column // 2), None)
        points[row // 2, column // 2] = Point(row, column, *hint.ab)
    return list(points.values())


def hint_planes(points: Sequence[Point], shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """hint_ab (2, h, w) in Lab units and hint_mask (1, h, w), as the network takes them: a small square a point."""
    ab, mask = np.zeros((2, *shape), np.float32), np.zeros((1, *shape), np.float32)
    for point in points:
        rows = slice(max(point.row - RADIUS, 0), point.row + RADIUS + 1)
        columns = slice(max(point.column - RADIUS, 0), point.column + RADIUS + 1)
        ab[:, rows, columns] = np.array([point.a, point.b], np.float32)[:, None, None]
        mask[:, rows, columns] = 1
    return ab, mask
