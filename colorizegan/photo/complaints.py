"""What libvips complains of while it reads a photo: where a TIFF lacks tiles it goes on, and only its log says so."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyvips
from pyvips import ffi, vips_lib

# Of libtiff and libjpeg, about bytes beyond those that are needed; all others mean missing or wrong pixels.
HARMLESS = re.compile(r"Old-style LZW|Discarding \d+ bytes|extraneous bytes|unknown JFIF|Unknown Adobe")
ECHOES = ("error in tile", "read gave", "source: bad seek", "vips_")  # of libvips, after the message that says why
alone = threading.RLock()  # libvips has one log, and one list of errors, for all threads


class Complaints:
    """Messages of libvips, from warnings on, as they come. Stands in place of pyvips's logger, to which all are passed.

    A handler of that logger would hear nothing in a program that has switched logging off, or this logger.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.opening: set[str] = set()
        self.lines: list[str] = []

    def log(self, level: int, message: str) -> None:
        if level >= logging.WARNING:
            self.lines += _lines(message.removeprefix("VIPS: "))
        self.logger.log(level, message)

    def opened(self) -> None:
        """The warnings up to here are about the file's directory, which will be read, and warned of, once more."""
        self.opening = set(self.lines)

    @property
    def about_pixels(self) -> list[str]:
        """Messages since `opened()` that mean damage."""
        lines = [*self.lines, *_lines(_errors())]
        return [line for line in lines if line not in self.opening and not HARMLESS.search(line)]


@contextmanager
def complaints() -> Iterator[Complaints]:
    """What libvips says within the block; other threads wait for its end."""
    with alone:
        vips_lib.vips_error_clear()  # what earlier photos left there is no news of this one
        module: Any = pyvips  # whose stubs know no logger
        logger = module.logger
        module.logger = found = Complaints(logger)
        try:
            yield found
        finally:
            module.logger = logger


def _errors() -> str:
    text = ffi.string(vips_lib.vips_error_buffer())
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _lines(text: str) -> list[str]:
    lines = [re.sub(r"^\w+: ", "", line.strip()) for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(ECHOES)]
