"""The files for SLURM with a stand-in for it: a test sets what the scheduler would set, and runs their bodies."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from command import command, digests, waits
from pictures import put, waves

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SLURM is of Linux")
COUNT = 3  # of the array, in place of 64


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name leaves room for those of Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as name:
        yield Path(name)


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


@pytest.mark.slow
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


SCONTROL = """#!/bin/sh
echo 127.0.0.1
"""
SRUN = """#!/bin/bash
while [[ $1 == -* ]]; do [[ $1 == -? ]] && shift; shift; done
exec "$@"
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_job_with_a_cluster_of_its_own(repository: Path, tiny_bundle: Path, tmp_path: Path, short_path: Path) -> None:
    """Two nodes, both on this machine, begun by the file's own `srun` lines; and the run on them."""
    pytest.importorskip("ray", reason='missing package: ray (pip install ".[ray]")')
    album, out, plain = tmp_path / "scans", tmp_path / "colour", tmp_path / "plain"
    for number in range(6):
        put(album / f"{number}.jpg", waves(seed=number))
    command("colorize", album, "-o", plain, "--model", tiny_bundle)
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        program = tmp_path / name
        program.write_text(text)
        program.chmod(0o755)
    env = {
        **os.environ,
        "PATH": os.pathsep.join((str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"])),
        "HOME": str(tmp_path),  # where Ray's token lies
        "RAY_TMPDIR": str(short_path),
        "RAY_worker_niceness": "0",
        "RAY_raylet_start_wait_time_s": "300",  # the machine may be busy
        "RAY_gcs_server_request_timeout_seconds": "300",
        "SLURM_JOB_NODELIST": "two",
        "SLURM_NNODES": "2",
        "SLURM_CPUS_PER_TASK": "1",
    }
    script = ["bash", repository / "examples/slurm/ray.sbatch", album, out, "--model", tiny_bundle]
    said = tmp_path / "said"

    def ends(number: int) -> int:
        """The job's status."""
        with said.open("w") as file:
            own = env | {"SLURM_JOB_ID": str(number)}
            job = subprocess.Popen(script, env=own, stdout=file, stderr=file, start_new_session=True)
            try:
                return job.wait(600)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(job.pid, signal.SIGTERM)  # as SLURM ends all steps of a job with it

    status = ends(os.getpid())
    if "timed out during startup" in said.read_text():  # Ray gives up a node that a busy machine does not start in time
        status = ends(os.getpid() + 1)
    text = said.read_text()
    assert status == 0, text
    assert text.count("Ray runtime started.") == 2, text
    assert "6 done, 0 skipped, 0 failed" in text
    assert digests(out).items() >= digests(plain).items()
    assert waits(lambda: not processes_of(short_path))


def processes_of(folder: Path) -> list[str]:
    """The processes of a cluster that has its files in a folder."""
    found = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if str(folder) in line and "ps -eo" not in line]
