"""Memory that was freed is there for the next photo, and large blocks go back to the system."""

import os
import platform
from pathlib import Path

import pytest
from command import python

from colorizegan import machine
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
    return int(python("-c", COUNT, how, env={**os.environ, **environment}).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_is_used_again() -> None:
    always_back = {"MALLOC_MMAP_THRESHOLD_": "131072"}
    assert faults("as ever", always_back) > 10_000
    assert faults("kept", always_back) < 1_000
    assert faults("as ever", MALLOC_ENVIRONMENT) < 1_000


def groups(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    return str(folder)


@pytest.mark.parametrize(
    ("files", "memory"),
    [
        ({"memory.max": "850000000"}, 850_000_000), ({"memory.max": "max", "memory.high": "700000000"}, 700_000_000),
        ({"memory/memory.limit_in_bytes": "850000000"}, 850_000_000), ({"memory.max": "max"}, None),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, None), ({}, None), ({"memory.max": "nonsense"}, None),
    ],
)  # fmt: skip
def test_memory_is_that_of_the_container(tmp_path: Path, files: dict[str, str], memory: int | None) -> None:
    whole = machine.memory_bytes(str(tmp_path / "none"))
    found = machine.memory_bytes(groups(tmp_path, files))
    assert found == (memory or whole)
    assert machine.pixels_in(found) == int(found / 80)
    if memory:
        assert machine.pixels_in(found) < 49_000_000, "scans of 49 Mpx go one at a time"


@pytest.mark.parametrize(
    ("files", "threads"),
    [
        ({"cpu.max": "50000 100000"}, 1), ({"cpu.max": "100000 100000"}, 1), ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "80000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None), ({"cpu.max": "0 0"}, None),
    ],
)  # fmt: skip
def test_threads_are_those_of_the_container(tmp_path: Path, files: dict[str, str], threads: int | None) -> None:
    whole = machine.cpu_threads(str(tmp_path / "none"))
    assert machine.cpu_threads(groups(tmp_path, files)) == (threads or whole)


def test_a_system_that_tells_nothing_has_an_answer_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(machine.os, "sysconf", raising=False)
    assert machine.cpu_threads(str(tmp_path)) >= 1
    assert machine.memory_bytes(str(tmp_path)) == 0
    assert machine.pixels_in(0) > 49_000_000
