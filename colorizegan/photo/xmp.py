"""Sidecars: `photo.tif.xmp`, where photo managers keep what they must not write into an original."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from colorizegan.metadata import LONGEST, xmp_with_note
from colorizegan.whole import write_whole

__all__ = ["carry_sidecar"]

ENDINGS = (".xmp", ".XMP")


def carry_sidecar(source: Path, target: Path, note: Mapping[str, object], *, overwrite: bool) -> str:
    """Write the sidecar of a photo, if it has one, beside its result: the same packet with the note added.

    Args:
        source: the photo.
        target: its result; the sidecar becomes `<target>.xmp`.
        note: see `colorizegan.metadata.xmp_with_note`.
        overwrite: replace a sidecar that is there already and says something else.

    Returns:
        Why it was not carried, as a clause; "" where it was, or where there is none.

    Raises:
        OSError: it cannot be written.
    """
    found = next((path for ending in ENDINGS if os.path.lexists(path := Path(f"{source}{ending}"))), None)
    if found is None:
        return ""
    try:
        packet = read_regular(found)
    except OSError as error:
        return f"its sidecar {found.name} cannot be read ({error.strerror}) and stays behind"
    if packet is None:
        return f"its sidecar {found.name} is no file of at most {LONGEST:,} bytes and stays behind"
    if b"</rdf:RDF>" not in packet:
        return f"its sidecar {found.name} is no XMP and stays behind"
    place = Path(f"{target}{ENDINGS[0]}")
    carried = xmp_with_note(packet, note)
    if os.path.lexists(place):
        try:
            if place.samefile(found) or (not overwrite and read_regular(place) != carried):
                return f"{place.name} is there already and left as it is"
        except OSError:
            return f"{place.name} is there already and left as it is"
    write_whole(place, carried)
    return ""


def read_regular(path: Path) -> bytes | None:
    """A small regular file; None for any other. A pipe put there does not hold us up."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        raw = file.read(LONGEST + 1)
    return raw if len(raw) <= LONGEST else None
