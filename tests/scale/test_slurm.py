"""The files for SLURM with a stand-in for it: a test sets what the scheduler would set, and runs their bodies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import command, digests, waits
from pictures import put, waves

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SLURM is of Linux")
COUNT = 3  # of the array, in place of 64


def array_job(repository: Path, index: int, *arguments: object) -> subprocess.Popen[str]:
    """One job of the array as SLURM starts it."""
    env = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "SLURM_ARRAY_TASK_ID": str(index),
        "SLURM_ARRAY_TASK_COUNT": str(COUNT),
    }
    script = ["bash", str(repository / "examples/slurm/colorize.sbatch"), *map(str, arguments)]
    return subprocess.Popen(script, env=env, stderr=subprocess.PIPE, text=True)


def test_an_array_of_jobs_does_what_one_run_does(repository: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    """All jobs at a time: one is killed, one told to end, as when others have precedence; then the array once more."""
    album, out, plain = tmp_path / "scans", tmp_path / "colour", tmp_path / "plain"
    for number in range(12):
        put(album / f"box-{number % 2}/{number}.jpg", waves(600, 800, seed=number))
    (album / "box-0/bad.jpg").write_bytes(b"no photo")
    command("colorize", album, "-o", plain, "--model", tiny_bundle, status=1)
    body = (album, out, "--model", tiny_bundle)
    jobs = [array_job(repository, index, *body) for index in range(1, COUNT + 1)]
    assert waits(lambda: list(out.rglob("*.jpg")))
    jobs[0].kill()
    jobs[1].terminate()
    said = [job.communicate(timeout=300)[1] for job in jobs]
    assert jobs[1].returncode in (143, 0, 1), said  # it may have come to its end
    again = [array_job(repository, index, *body) for index in range(1, COUNT + 1)]
    said = [job.communicate(timeout=300)[1] for job in again]
    assert sorted(job.returncode for job in again) == [0, 0, 1], said  # the broken photo is in one part
    assert sum(text.count("bad.jpg") for text in said) == 1
    assert digests(out) == digests(plain)
    assert len(digests(out)) == 12


def test_what_the_scheduler_is_told(repository: Path) -> None:
    """An array that counts from 1 without gaps, as --shard does; a job that was preempted comes back."""
    text = (repository / "examples/slurm/colorize.sbatch").read_text()
    told = dict(re.findall(r"^#SBATCH --(\S+?)(?:=(\S+))?$", text, re.MULTILINE))
    assert re.fullmatch(r"1-\d+", told["array"])
    assert "requeue" in told
