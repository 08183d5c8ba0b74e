"""Memory that was freed is there for the next photo, and large blocks go back to the system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import colorizegan
from colorizegan.machine import MALLOC_ENVIRONMENT

COUNT = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from colorizegan.machine import keep_freed_memory
    keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        a, b = np.ones(3_000_000, np.uint8), np.ones(3_000_000, np.uint8)
        del a, b
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def faults(how: str, environment: dict[str, str]) -> int:
    """New pages that a process asks for while it takes and frees the memory of 20 photos."""
    root = Path(colorizegan.__file__).parents[1]
    run = [sys.executable, "-c", COUNT, how]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=root, env={**os.environ, **environment})
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_is_used_again() -> None:
    always_back = {"MALLOC_MMAP_THRESHOLD_": "131072"}
    assert faults("as ever", always_back) > 10_000
    assert faults("kept", always_back) < 1_000
    assert faults("as ever", MALLOC_ENVIRONMENT) < 1_000
