"""Freed memory is kept for the next photo: to get new pages from the system for each costs as much as to fill them.

glibc gives blocks above some size back to the system at once. For a photo of 1 Mpx that are some 3,000 pages; to have
them anew each time took 6 to 8 ms of a core, of 73 for the whole photo, on the virtual machine where it was measured.
"""

from __future__ import annotations

import contextlib
import ctypes

__all__ = ["ENVIRONMENT", "keep_freed_memory"]

# Blocks up to the first are taken from what is kept, at most the second of which is unused (for each arena of glibc).
# Larger blocks, as those of a large scan, go back at once as ever.
BLOCK = 32 << 20  # bytes; the most that glibc takes
UNUSED = 128 << 20  # bytes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(BLOCK), "MALLOC_TRIM_THRESHOLD_": str(UNUSED)}
"""The same for a process that is started with these variables."""


def keep_freed_memory() -> None:
    """Let this process keep freed memory; nothing happens where the C library has no such setting."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, BLOCK)
        mallopt(M_TRIM_THRESHOLD, UNUSED)
