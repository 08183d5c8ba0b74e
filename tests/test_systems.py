"""Other systems, and other runs: without what only some systems have, and beside another run over the same folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LACKING = ("sched_getaffinity", "sysconf", "mkfifo", "getuid", "fork", "register_at_fork", "posix_fadvise")
HIDE = f"""
import os, sys
sys.modules["fcntl"] = sys.modules["resource"] = None  # any import of these now fails
for name in {LACKING!r}:
    if hasattr(os, name):
        delattr(os, name)
"""


def album(folder: Path, count: int) -> Path:
    folder.mkdir()
    y, x = np.mgrid[0:48, 0:64]
    for i in range(count):
        Image.fromarray((128 + 90 * np.sin(x / 9 + i) * np.cos(y / 7)).astype(np.uint8)).save(folder / f"{i:02}.png")
    return folder


def results(folder: Path) -> dict[str, str]:
    """Every file but the ledger, and its hash."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".jsonl")
    }


def test_nothing_that_only_some_systems_have_is_needed(tmp_path: Path, tiny_bundle: Path) -> None:
    photos, outputs = album(tmp_path / "album", 4), {}
    for name, before in (("all", ""), ("less", HIDE)):
        out = tmp_path / name
        arguments = ["colorize", str(photos), "-o", str(out), "--model", str(tiny_bundle)]
        code = f"{before}\nimport sys; sys.argv[1:] = {arguments!r}\nfrom colorizegan.cli.main import main\nmain()"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
        assert "4 done, 0 skipped, 0 failed" in done.stderr
        outputs[name] = results(out)
    assert outputs["all"] == outputs["less"]
    assert len(outputs["all"]) == 4
    code = f"{HIDE}\nfrom colorizegan.cli.doctor import examine; import json; print(examine({str(tiny_bundle)!r})[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
    assert "'result': 'passed'" in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_runs_over_one_folder_twenty_times(tmp_path: Path, tiny_bundle: Path) -> None:
    photos = album(tmp_path / "album", 8)

    def start(out: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "colorizegan", "colorize", str(photos), "-o", str(out)]
        return subprocess.Popen([*command, "--model", str(tiny_bundle)], stderr=subprocess.PIPE, text=True)

    with start(tmp_path / "alone") as alone:
        assert alone.wait() == 0
    wanted = results(tmp_path / "alone")
    assert len(wanted) == 8
    for number in range(20):
        out = tmp_path / str(number)
        both = [start(out), start(out)]
        for one in both:
            _, said = one.communicate(timeout=300)
            assert one.returncode == 0, (number, said)
            assert " 0 failed" in said
        assert results(out) == wanted  # all there, whole, and nothing else
        assert not [path for path in out.iterdir() if path.name.startswith(".")]
