"""What must be known of another project's network to run it: its layout, its size, where it is from.

The facts come from known.toml, from a TOML beside the file, and from what the user says; the later ones win.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colorizegan.errors import ModelError, UsageError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KNOWN = Path(__file__).with_name("known.toml")
SIZES = (16, 4096)


@dataclass(frozen=True)
class Layout:
    """What goes into a network and what comes out: one picture each, (N, C, H, W)."""

    name: str
    text: str
    inputs: int
    """Channels in: 1 = lightness, 3 = the gray picture as RGB."""
    outputs: int
    """Channels out: 2 = ab, 3 = RGB."""
    black: float
    """The value of black, going in; coming out too where that is RGB."""
    white: float
    """The value of white."""
    unit: float = 1.0
    """Lab units of 1 coming out, where that is ab."""


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("lab", "L 0..100 -> ab in Lab units (Zhang 2016 and 2017)", 1, 2, 0, 100),
        Layout("lab-unit", "L / 50 - 1 -> ab / 110 (most pix2pix tutorials)", 1, 2, -1, 1, 110),
        Layout("rgb-ab", "gray RGB 0..1 -> ab in Lab units (DDColor)", 3, 2, 0, 1),
        Layout("rgb", "gray RGB 0..1 -> RGB 0..1", 3, 3, 0, 1),
        Layout("rgb-unit", "gray RGB -1..1 -> RGB -1..1", 3, 3, -1, 1),
        Layout("rgb-255", "gray RGB 0..255 -> RGB 0..255 (DeOldify)", 3, 3, 0, 255),
    )
}


@dataclass(frozen=True)
class Facts:
    """What is known of a network."""

    name: str
    """For the note in the results."""
    layout: str = ""
    """One of LAYOUTS; empty where nobody has said."""
    size: int = 256
    """Shorter side that photos are reduced to, px; the file's own fixed size wins."""
    multiple: int = 1
    """Sides of its input are multiples of this, px."""
    fit: str = "squash"
    """"squash": the photo is made square, as these networks were trained; "pad": its aspect is kept."""
    licence: str = "not stated"
    source: str = ""

    def with_entries(self, entries: Mapping[str, Any], where: str) -> Facts:
        """These facts with others in their place; `where` says whose they are. UsageError for what is no fact."""
        values: dict[str, Any] = {}
        for key, value in entries.items():
            bounds = {"size": SIZES, "multiple": (1, 512)}.get(key)
            choices = {"layout": tuple(LAYOUTS), "fit": ("squash", "pad")}.get(key)
            if bounds is not None:
                number = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else -1
                if not bounds[0] <= number <= bounds[1]:
                    raise UsageError(f"{key}={value} of {where} is not a number in {bounds[0]}..{bounds[1]}")
                values[key] = number
            elif choices is not None:
                if value not in choices:
                    raise UsageError(
                        f"unknown {key} {value!r} of {where}",
                        remedy=nearest(str(value), choices, f"known: {', '.join(choices)}"),
                    )
                values[key] = value
            elif key in ("name", "licence", "source") and isinstance(value, str):
                values[key] = value
            else:
                known = ("layout", "size", "multiple", "fit", "name", "licence", "source")
                remedy = nearest(key, known, f"known for it: {', '.join(known)}")
                raise UsageError(f"unknown option {key!r} of {where}", remedy=remedy)
        return replace(self, **values)


def facts_of(path: Path, options: Mapping[str, Any]) -> Facts:
    """The facts of a file: those of its name, then those of the TOML beside it, then `options`."""
    facts = Facts(path.stem).with_entries(known_entries(path.stem), KNOWN.name)
    beside = path.with_name(f"{path.name}.toml")
    if beside.is_file():
        try:
            facts = facts.with_entries(read_toml(beside), beside.name)
        except UsageError as error:
            raise ModelError(error.reason, path=beside, remedy=error.remedy) from None
    return facts.with_entries(options, path.name)


def known_entries(name: str) -> dict[str, Any]:
    """What known.toml says of a colorizer whose name holds one of its words; nothing where none does."""
    found: dict[str, Any] = {}
    for entries in read_toml(KNOWN).values():
        if any(word in name.lower() for word in entries["names"]):
            found |= {key: value for key, value in entries.items() if key != "names"}
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file; ModelError where it is none."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot be read as TOML ({error})", path=path) from None
