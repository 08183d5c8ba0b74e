"""Memory for the photos that are under way at once, in a run over many and in the service."""

from __future__ import annotations

import os
import threading

__all__ = ["Place", "Room", "Stopped"]

ROOM = 60_000_000  # pixels under way at once, at least; each takes up to 20 bytes, with 16 bits
ROOM_SHARE = 1 / 4  # of the machine's memory that photos under way may take
PIXEL_BYTES = 20


class Stopped(Exception):  # noqa: N818 (no error)
    """The run is to end before this photo is done."""


class Room:
    """Memory for the photos under way: a photo waits until there is room; one that needs more, until it is alone.

    Args:
        pixels: under way at once; default what the machine's memory allows.
    """

    def __init__(self, pixels: int | None = None) -> None:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
        self.pixels = pixels or max(ROOM, int(memory * ROOM_SHARE / PIXEL_BYTES))
        self.taken = 0
        self.changed = threading.Condition()

    def take(self, pixels: int, stop: threading.Event) -> None:
        """Wait for room; Stopped where the run ends before."""
        with self.changed:
            while self.taken and self.taken + pixels > self.pixels:
                if stop.is_set():
                    raise Stopped
                self.changed.wait(0.2)
            self.taken += pixels

    def leave(self, pixels: int) -> None:
        """Give back what was taken."""
        with self.changed:
            self.taken -= pixels
            self.changed.notify_all()


class Place:
    """The room that one photo takes up, page by page.

    Args:
        room: where.
        stop: set when nothing new is to begin.
    """

    def __init__(self, room: Room, stop: threading.Event) -> None:
        self.room, self.stop = room, stop
        self.pixels = 0

    def admit(self, pixels: int) -> None:
        """Take the room for a page; one that is read twice has it already."""
        if not self.pixels:
            self.room.take(pixels, self.stop)
            self.pixels = pixels

    def leave(self) -> None:
        """Give the room back; the run may be stopped here, between two pages."""
        if self.pixels:
            self.room.leave(self.pixels)
            self.pixels = 0
