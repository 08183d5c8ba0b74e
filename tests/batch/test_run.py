"""Runs over many photos: the ledger, going on after any kind of end, shards, workers, a full disk, memory."""

import errno
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from command import COMMAND, call, command, digests, json_lines, start
from foreign_models import write_colorizer
from pictures import colors, put, waves

from colorizegan.batch.job import BatchRun, Result, run_job
from colorizegan.batch.jobs import Job
from colorizegan.batch.ledger import Ledger
from colorizegan.batch.plan import make_plan, parse_shard
from colorizegan.batch.run import run_jobs, workers_for
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer
from colorizegan.errors import OutputError, UsageError
from colorizegan.files import atomic_file, sha256_of_file
from colorizegan.machine import MemoryBudget
from colorizegan.steer.look import Look


def put_photos(folder: Path, count: int, height: int = 60, width: int = 80, suffix: str = ".png") -> list[Path]:
    names = (f"{'ab'[i % 2]}/{i:03}{suffix}" for i in range(count))
    return [put(folder / name, waves(height, width, i, grain=6)) for i, name in enumerate(names)]


@pytest.fixture
def colorize(tiny_bundle: Path) -> tuple[object, ...]:
    """The command with the tiny model."""
    return "colorize", "--model", tiny_bundle


def run(
    colorizer: Colorizer, album: Path, out: Path, options: FileOptions | None = None, workers: int = 2, **more: Any
) -> list[Result]:
    plan = make_plan([str(album)], str(out))
    options = options or FileOptions()
    return list(run_jobs(plan.jobs, colorizer, options, ledger=Ledger(out), workers=workers, **more))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_model_that_gives_no_numbers_fails_the_photo_by_its_name(tmp_path: Path, bad: float) -> None:
    model = write_colorizer(tmp_path / "broken.onnx", inputs=3, outputs=2, gain=bad)
    first, second = put_photos(tmp_path / "album", 2)
    for result in run(Colorizer(model), tmp_path / "album", tmp_path / "out"):
        assert result.status == "failed"
        assert result.reason.startswith(f"{result.job.source}: the model {model} gave values ")
        assert result.reason.endswith("[E_MODEL]")
    assert {line["input"] for line in json_lines(tmp_path / "out/colorizegan.jsonl")} == {str(first), str(second)}


# --- the ledger ---


def test_a_line_for_each_photo_tells_what_was_made_of_what(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    first, second, third = put_photos(album, 3)
    second.write_text("no photo")
    put(third, colors(40, 50))
    results = run(colorizer, album, out, FileOptions(Look(saturation=1.5)))
    assert [result.status for result in results] == ["done", "skipped", "failed"]  # by name: a/000, a/002, b/001
    found = {line["output"]: line for line in json_lines(out / "colorizegan.jsonl") if line["status"] != "writing"}
    done = found["a/000.png"]
    assert done["status"] == "done"
    assert done["input"] == str(first)
    assert (done["size"], done["mtime_ns"]) == (first.stat().st_size, first.stat().st_mtime_ns)
    assert done["sha256"] == sha256_of_file(first)
    assert done["output_sha256"] == sha256_of_file(out / "a/000.png")
    assert done["model"] == colorizer.network.digest
    assert done["settings"] == {"saturation": 1.5, "size": None, "quality": 95, "strip": False}
    assert (found["b/001.png"]["status"], found["b/001.png"]["code"]) == ("failed", "E_DECODE")
    assert (found["a/002.png"]["status"], found["a/002.png"]["code"]) == ("skipped", "COLOR")


def test_what_is_done_is_skipped_and_what_has_changed_is_told(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    paths = put_photos(album, 4)
    run(colorizer, album, out)
    before = digests(out)
    os.utime(paths[0], (1, 1))  # another date, the same photo
    shutil.copy(paths[3], paths[2])
    (out / "b/003.png").unlink()
    reasons = {result.job.target.name: result.reason for result in run(colorizer, album, out)}
    assert reasons["000.png"] == reasons["001.png"] == "done already; --overwrite does it again"
    assert "has changed since" in reasons["002.png"]
    assert reasons["003.png"] == ""
    assert digests(out) == before
    reasons = {result.job.target.name: result.reason for result in run(colorizer, album, out, FileOptions(quality=80))}
    assert "other settings" in reasons["001.png"]
    assert digests(out) == before
    run(colorizer, album, out, overwrite=True)
    assert digests(out)["a/002.png"] != before["a/002.png"]
    assert "done already;" in {result.reason.split(" --")[0] for result in run(colorizer, album, out)}


def test_photos_known_to_be_in_colour_are_not_read_again(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put(album / "c.png", colors(40, 50))
    assert "in colour already" in run(colorizer, album, out)[0].reason

    def read(*args: object, **options: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr("colorizegan.photo.reader.Reader.open", read)
        assert "in colour already" in run(colorizer, album, out)[0].reason
    assert run(colorizer, album, out, FileOptions(force=True))[0].status == "done"


def test_a_torn_or_foreign_ledger_does_no_harm(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 3)
    out.mkdir()
    path = out / "colorizegan.jsonl"
    path.write_bytes(b'[1]\nnull\n\xff\xfe\n{"output": "a/000.png", "status": "done", "new": 1}\n{"output": "a/00')
    assert [result.status for result in run(colorizer, album, out)] == ["done"] * 3
    whole_lines = path.read_bytes().splitlines()
    assert whole_lines[4] == b'{"output": "a/00'  # ended, not glued to the next line
    assert sum(b'"done"' in line for line in whole_lines[5:]) == 3
    assert all(json_lines(b"\n".join(whole_lines[5:])))


def test_no_ledger_where_single_photos_are_named(
    tmp_path: Path, colorize: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put_photos(tmp_path, 2)
    call(*colorize, "a/000.png")
    assert list(tmp_path.rglob("*.jsonl")) == []
    call(*colorize, "b")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jsonl")] == ["b/colorizegan.jsonl"]


# --- ends of all kinds ---


@pytest.mark.slow
def test_killed_at_random_points_a_run_ends_as_if_unbroken(
    tmp_path: Path, colorize: tuple[object, ...], colorizer: Colorizer
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 40, 150, 200)
    inputs = digests(album)
    run(colorizer, album, tmp_path / "unbroken")
    expected = digests(tmp_path / "unbroken")
    rng = random.Random(0)
    kills = 0
    for _ in range(60):
        if kills == 20:
            break
        before = len(expected) - len(digests(out)) if out.exists() else len(expected)
        if before < 8:  # hardly anything is left to be killed in
            for path in sorted(out.rglob("*.png"))[::2]:
                path.unlink()
        with start(*colorize, album, "-o", out) as running:
            assert running.stderr is not None
            next(line for line in running.stderr if "->" in line)  # a photo is done: the work is in full swing
            time.sleep(rng.uniform(0, 0.1))
            running.kill()
        kills += running.returncode == -signal.SIGKILL
        for path in out.rglob("*.png"):  # whatever has its name is whole
            assert expected[path.relative_to(out).as_posix()] == sha256_of_file(path)
    assert kills == 20
    command(*colorize, album, "-o", out)
    assert digests(out) == expected
    assert digests(album) == inputs
    whole_lines = [line for line in (out / "colorizegan.jsonl").read_bytes().splitlines() if line.endswith(b"}")]
    latest = {line["output"]: line for line in json_lines(b"\n".join(whole_lines))}
    assert {name: line["output_sha256"] for name, line in latest.items()} == expected


def test_killed_between_name_and_line_a_result_is_known_again(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 1)
    run(colorizer, album, out)
    ledger = out / "colorizegan.jsonl"
    writing, done = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(writing)
    (result,) = run(colorizer, album, out)
    assert result.status == "skipped"
    assert ledger.read_bytes().splitlines(keepends=True) == [writing, done]


def test_leftovers_are_removed_but_not_those_of_others(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 1)
    (out / "a").mkdir(parents=True)
    with atomic_file(out / "a" / "000.png"):
        name = next((out / "a").iterdir()).name
    (out / "a" / "000.png").unlink()
    tag = name.split("-")[1]
    (out / "a" / name).write_bytes(b"half a result of a run that was killed")
    other = out / "a" / name.replace(tag, "0" * 12)
    other.write_bytes(b"another shard writes this just now")
    run(colorizer, album, out)
    assert sorted(path.name for path in (out / "a").iterdir()) == sorted([other.name, "000.png"])


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_and_all_that_is_there_is_whole(
    tmp_path: Path, colorize: tuple[object, ...], number: signal.Signals, status: int
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 8, 1000, 1500, ".tif")
    before = digests(album)
    with start(*colorize, album, "-o", out) as running:
        assert running.stderr is not None
        running.stderr.readline()  # the first photo is done
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    assert running.returncode == status
    assert re.search(r"stopped: \d done, 0 skipped, 0 failed", said)
    assert "Traceback" not in said
    assert list(out.rglob(".*")) == []
    results = digests(out)
    assert 0 < len(results) < 8
    done = {line["output"] for line in json_lines(out / "colorizegan.jsonl") if line["status"] == "done"}
    assert done == results.keys()
    command(*colorize, album, "-o", out)
    assert results.items() < digests(out).items()
    assert len(digests(out)) == 8
    assert digests(album) == before


def test_a_full_disk_ends_the_run_and_nothing_is_lost(
    tmp_path: Path, colorizer: Colorizer, colorize: tuple[object, ...]
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 30, 200, 300)
    out.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("missing program: unshare")
    script = (
        'mount -t tmpfs -o size=1m none "$0" || exit 99; "$@"; echo $?; find "$0" -type f;'
        'mount -o remount,size=64m "$0" && "$@" 2>/dev/null && cp -r "$0" "$0-then"'
    )
    args = ["unshare", "-rm", "sh", "-c", script, out, *COMMAND, *colorize, album, "-o", out, "--json"]
    full = subprocess.run(list(map(str, args)), capture_output=True, text=True, check=False)
    if full.returncode == 99 or "unshare" in full.stderr:
        pytest.skip("no small file system can be mounted here")
    assert full.returncode == 0, full.stderr
    assert "Traceback" not in full.stderr
    last = full.stderr.splitlines()[-1]
    assert "the disk is full; make room; the same command goes on" in last
    assert last.endswith("[E_OUTPUT]")
    said = full.stdout.splitlines()
    at = said.index("1")  # the status, after the run's own lines
    files = [line for line in said[at + 1 :] if not line.startswith("{")]
    results = sum(name.endswith(".png") for name in files)
    assert 3 < results == len(files) - 1, "nothing but results and the ledger"
    assert f"stopped: {results} done, 0 skipped, 0 failed" in full.stderr
    assert json.loads(said[at - 1])["summary"]["done"] == results
    run(colorizer, album, tmp_path / "unbroken")
    assert digests(tmp_path / "out-then") == digests(tmp_path / "unbroken")


@pytest.mark.parametrize(
    "end", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), SystemExit(143)]
)
def test_what_became_of_others_is_told_at_the_end_of_a_run_in_their_order(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    """The first photo ends the run while one is done and two have failed by themselves."""
    first, *others = put_photos(tmp_path / "album", 8)[::2]
    others[0].write_text("no photo")
    others[2].write_text("no photo either")
    jobs = make_plan(list(map(str, (first, *others))), str(tmp_path / "out")).jobs
    meanwhile = threading.Semaphore(0)

    def job_of(run: BatchRun, job: Job) -> Result:
        if job.source != first:
            result = run_job(run, job)
            meanwhile.release()
            return result
        assert all(meanwhile.acquire(timeout=60) for _ in others)
        if isinstance(end, OSError):
            return Result(job, "failed", error=end)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        return Result(job, "done")

    monkeypatch.setattr("colorizegan.batch.run.run_job", job_of)
    before = signal.signal(signal.SIGINT, lambda *_: raises(end))
    found = list[Result]()
    try:
        with pytest.raises(OutputError if isinstance(end, OSError) else type(end)):
            found.extend(run_jobs(jobs, colorizer, FileOptions(), ledger=Ledger(tmp_path / "out"), workers=2))
    finally:
        signal.signal(signal.SIGINT, before)
    told = [(Path(str(result.job.source)).name, result.status) for result in found]
    assert told[-3:] == [("002.png", "failed"), ("004.png", "done"), ("006.png", "failed")]


def raises(error: BaseException) -> NoReturn:
    raise error


def test_a_ledger_that_cannot_be_written_ends_the_run(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 3)
    (out / "colorizegan.jsonl").mkdir(parents=True)
    with pytest.raises(OutputError, match="the ledger cannot be written"):
        run(colorizer, album, out)
    assert digests(out) == {}


# --- shards and workers ---


@pytest.mark.parametrize(
    ("cores", "jobs", "expected"), [(2, 1, (1, 2)), (2, 2, (2, 1)), (2, 500, (3, 1)), (8, 2, (2, 4)), (8, 0, (1, 8))]
)
def test_cores_are_shared_among_the_photos_under_way(cores: int, jobs: int, expected: tuple[int, int]) -> None:
    assert workers_for(jobs, cores=cores) == expected


def test_shards_are_disjoint_complete_and_the_same_everywhere(tmp_path: Path) -> None:
    put_photos(tmp_path / "here/album", 60)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    parts = []
    for i in range(1, 5):
        here, there = (
            [job.target.as_posix() for job in make_plan([str(tmp_path / place / "album")], "out", shard=(i, 4)).jobs]
            for place in ("here", "there")
        )
        assert here == there
        parts.append(here)
    everything = [job.target.as_posix() for job in make_plan([str(tmp_path / "here/album")], "out").jobs]
    assert sorted(name for part in parts for name in part) == sorted(everything)
    assert all(5 < len(part) < 27 for part in parts)
    (tmp_path / "here/album/a/000a.png").touch()  # a new photo moves no other one
    plan = make_plan([str(tmp_path / "here/album")], "out", shard=(1, 4))
    assert {job.target.as_posix() for job in plan.jobs} - {"out/a/000a.png"} == set(parts[0])


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b"])
def test_shards_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="shard"):
        parse_shard(text)


def test_shards_on_the_command_line_share_a_folder(tmp_path: Path, colorize: tuple[object, ...]) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 9)
    running = [start(*colorize, album, "-o", out, "--shard", f"{i}/3") for i in (1, 2, 3)]
    assert [one.communicate(timeout=60) and one.returncode for one in running] == [0, 0, 0]
    assert len(digests(out)) == 9
    ledgers = sorted(out.glob("*.jsonl"))
    assert {path.name for path in ledgers} <= {f"colorizegan.{i}-of-3.jsonl" for i in (1, 2, 3)}
    done = [line["output"] for path in ledgers for line in json_lines(path) if line["status"] == "done"]
    assert sorted(done) == sorted(digests(out))
    assert "0 done, 9 skipped" in call(*colorize, album, "-o", out).stderr


def test_the_same_bytes_whatever_the_workers_and_threads(tmp_path: Path, tiny_bundle: Path) -> None:
    album = tmp_path / "album"
    put_photos(album, 8, 300, 420, ".jpg")
    put_photos(album, 4, 210, 90, ".tif")
    trees = []
    for workers, threads in ((1, 1), (1, 2), (3, 1), (4, 2)):
        out = tmp_path / f"{workers}-{threads}"
        results = run(Colorizer(tiny_bundle, threads=threads), album, out, workers=workers)
        assert [result.status for result in results] == ["done"] * 12
        assert [result.job.source.name for result in results if isinstance(result.job.source, Path)] == [
            path.name for path in sorted(album.rglob("*.*"))
        ]
        trees.append(digests(out))
    assert all(one == trees[0] for one in trees[1:])


def test_bad_files_among_many_cost_only_themselves(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    paths = put_photos(album, 40)
    paths[3].write_bytes(paths[3].read_bytes()[:300])
    paths[8].write_text("no photo")
    plan = make_plan([str(album)], str(out))
    paths[20].unlink()  # vanishes between search and reading
    before = digests(album)
    results = list(run_jobs(plan.jobs, colorizer, FileOptions(), ledger=Ledger(out), workers=3))
    failed = {str(result.job.source): result.code for result in results if result.status == "failed"}
    assert failed == {str(paths[3]): "E_DECODE", str(paths[8]): "E_DECODE", str(paths[20]): "E_INPUT"}
    assert len(digests(out)) == 37
    assert digests(album) == before


def test_large_photos_wait_for_room(tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 10, 200, 300)
    budget = MemoryBudget(90_000)  # a photo and a half
    under_way, most = 0, 0
    real = Colorizer.paint

    def paint(self: Colorizer, *args: Any, **options: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            time.sleep(0.02)
            return real(self, *args, **options)
        finally:
            under_way -= 1

    monkeypatch.setattr(Colorizer, "paint", paint)
    assert [result.status for result in run(colorizer, album, out, workers=4, budget=budget)] == ["done"] * 10
    assert most == 1


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path, colorizer: Colorizer) -> None:
    """Runs 200 photos of 1 Mpx; peak memory may not grow over the last 150."""
    album = tmp_path / "album"
    (first,) = put_photos(album, 1, 1000, 1000, ".jpg")
    for i in range(1, 200):
        os.link(first, first.with_name(f"{i:03}.jpg"))
    plan = make_plan([str(album)], str(tmp_path / "out"))
    peaks = []
    for i, result in enumerate(
        run_jobs(plan.jobs, colorizer, FileOptions(), ledger=Ledger(tmp_path / "out"), workers=2)
    ):
        assert result.status == "done"
        result.job.target.unlink()
        if i in (49, 199):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert peaks[1] - peaks[0] < 10
