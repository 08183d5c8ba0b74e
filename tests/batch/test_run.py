"""Runs over many photos: the ledger, going on after any kind of end, shards, workers, a full disk, memory."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_models import write_colorizer
from PIL import Image

import colorizegan
from colorizegan.batch.job import Result
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
    paths = [folder / f"{'ab'[i % 2]}" / f"{i:03}{suffix}" for i in range(count)]
    y, x = np.mgrid[0:height, 0:width]
    for i, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).normal(0, 6, (height, width))
        gray = 128 + 90 * np.sin(x / (7 + i % 5)) * np.cos(y / 11) + noise
        Image.fromarray(np.clip(gray, 0, 255).astype(np.uint8)).save(path)
    return paths


def tree(root: Path) -> dict[str, str]:
    """Every file below with its hash, hidden ones too; all but the ledgers."""
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    return {path.relative_to(root).as_posix(): sha256_of_file(path) for path in files}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def colorizer(tiny_bundle: Path) -> Colorizer:
    return Colorizer(tiny_bundle, threads=1)


@pytest.fixture
def process(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes the command line of a real process with the tiny model."""
    monkeypatch.setenv("PYTHONPATH", str(Path(colorizegan.__file__).parents[1]))
    start = [sys.executable, "-m", "colorizegan", "colorize", "--model", str(tiny_bundle)]
    return lambda *args: [*start, *map(str, args)]


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
    assert {line["input"] for line in lines(tmp_path / "out/colorizegan.jsonl")} == {str(first), str(second)}


# --- the ledger ---


def test_a_line_for_each_photo_tells_what_was_made_of_what(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    first, second, third = put_photos(album, 3)
    second.write_text("no photo")
    y, x = np.mgrid[0:40, 0:50]
    Image.fromarray(np.dstack((x * 5, y * 6, 255 - x * 5)).astype(np.uint8)).save(third)
    results = run(colorizer, album, out, FileOptions(Look(saturation=1.5)))
    assert [result.status for result in results] == ["done", "skipped", "failed"]  # by name: a/000, a/002, b/001
    found = {line["output"]: line for line in lines(out / "colorizegan.jsonl") if line["status"] != "writing"}
    done = found["a/000.png"]
    assert done["status"] == "done"
    assert done["input"] == str(first)
    assert (done["size"], done["mtime_ns"]) == (first.stat().st_size, first.stat().st_mtime_ns)
    assert done["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert done["output_sha256"] == hashlib.sha256((out / "a/000.png").read_bytes()).hexdigest()
    assert done["model"] == colorizer.network.digest
    assert done["settings"] == {"saturation": 1.5, "size": None, "quality": 95, "strip": False}
    assert (found["b/001.png"]["status"], found["b/001.png"]["code"]) == ("failed", "E_DECODE")
    assert (found["a/002.png"]["status"], found["a/002.png"]["code"]) == ("skipped", "COLOR")


def test_what_is_done_is_skipped_and_what_has_changed_is_told(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    paths = put_photos(album, 4)
    run(colorizer, album, out)
    before = tree(out)
    os.utime(paths[0], (1, 1))  # another date, the same photo
    shutil.copy(paths[3], paths[2])
    (out / "b/003.png").unlink()
    reasons = {result.job.target.name: result.reason for result in run(colorizer, album, out)}
    assert reasons["000.png"] == reasons["001.png"] == "done already; --overwrite does it again"
    assert "has changed since" in reasons["002.png"]
    assert reasons["003.png"] == ""
    assert tree(out) == before
    reasons = {result.job.target.name: result.reason for result in run(colorizer, album, out, FileOptions(quality=80))}
    assert "other settings" in reasons["001.png"]
    assert tree(out) == before
    run(colorizer, album, out, overwrite=True)
    assert tree(out)["a/002.png"] != before["a/002.png"]
    assert "done already;" in {result.reason.split(" --")[0] for result in run(colorizer, album, out)}


def test_photos_known_to_be_in_colour_are_not_read_again(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    y, x = np.mgrid[0:40, 0:50]
    Image.fromarray(np.dstack((x * 5, y * 6, 255 - x * 5)).astype(np.uint8)).save(album / "c.png")
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
    assert all(json.loads(line) for line in whole_lines[5:])


def test_no_ledger_where_single_photos_are_named(
    tmp_path: Path, process: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put_photos(tmp_path, 2)
    subprocess.run(process("a/000.png"), check=True, capture_output=True)
    assert list(tmp_path.rglob("*.jsonl")) == []
    subprocess.run(process("b"), check=True, capture_output=True)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jsonl")] == ["b/colorizegan.jsonl"]


# --- ends of all kinds ---


@pytest.mark.slow
def test_killed_at_random_points_a_run_ends_as_if_unbroken(
    tmp_path: Path, process: Callable[..., list[str]], colorizer: Colorizer
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 40, 150, 200)
    inputs = tree(album)
    run(colorizer, album, tmp_path / "unbroken")
    expected = tree(tmp_path / "unbroken")
    rng = random.Random(0)
    kills = 0
    for _ in range(60):
        if kills == 20:
            break
        before = len(expected) - len(tree(out)) if out.exists() else len(expected)
        if before < 8:  # hardly anything is left to be killed in
            for path in sorted(out.rglob("*.png"))[::2]:
                path.unlink()
        running = subprocess.Popen(process(album, "-o", out), stderr=subprocess.PIPE, text=True)
        assert running.stderr is not None
        for line in running.stderr:  # the first photo of this run is done: the work is in full swing
            if "->" in line:
                break
        time.sleep(rng.uniform(0, 0.1))
        running.kill()
        kills += running.wait() == -signal.SIGKILL
        running.stderr.close()
        for path in out.rglob("*.png"):  # whatever has its name is whole
            assert expected[path.relative_to(out).as_posix()] == sha256_of_file(path)
    assert kills == 20
    done = subprocess.run(process(album, "-o", out), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tree(out) == expected
    assert tree(album) == inputs
    latest = {line["output"]: line for line in map(json.loads, whole_lines(out / "colorizegan.jsonl"))}
    assert {name: line["output_sha256"] for name, line in latest.items()} == expected


def whole_lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines() if line.endswith(b"}")]


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
def test_a_signal_ends_a_run_of_large_photos_in_time(
    tmp_path: Path, process: Callable[..., list[str]], number: signal.Signals, status: int
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 6, 2400, 3600, ".tif")
    running = subprocess.Popen(process(album, "-o", out), stderr=subprocess.PIPE, text=True)
    while not list(out.rglob("*.tif")):  # the first result is there
        time.sleep(0.02)
    running.send_signal(number)
    start = time.monotonic()
    _, err = running.communicate(timeout=60)
    assert running.returncode == status
    assert time.monotonic() - start < 5
    assert "stopped: " in err
    assert list(out.rglob(".*")) == []
    assert len(tree(out)) < 6
    done = {line["output"] for line in lines(out / "colorizegan.jsonl") if line["status"] == "done"}
    assert done == tree(out).keys()


def test_a_full_disk_ends_the_run_and_nothing_is_lost(
    tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 12)
    count = 0
    real = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count > 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OutputError, match=r"the disk is full; make room; the same command goes on|ledger"):
            run(colorizer, album, out)
    assert 0 < len(tree(out)) < 12
    assert all(path.endswith(".png") for path in tree(out))
    assert {result.status for result in run(colorizer, album, out)} == {"done", "skipped"}
    run(colorizer, album, tmp_path / "unbroken")
    assert tree(out) == tree(tmp_path / "unbroken")


def test_a_disk_that_is_really_full(tmp_path: Path, process: Callable[..., list[str]]) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 30, 200, 300)
    out.mkdir()
    script = 'mount -t tmpfs -o size=1m none "$0" || exit 99; "$@"; s=$?; ls -A "$0"/* 2>&1; exit $s'
    if shutil.which("unshare") is None:
        pytest.skip("missing program: unshare")
    args = ["unshare", "-rm", "sh", "-c", script, str(out), *process(album, "-o", out)]
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no small file system can be mounted here")
    assert done.returncode == 1
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].endswith("[E_OUTPUT]")
    assert "Traceback" not in done.stderr
    assert ".part" not in done.stdout
    assert done.stdout.count(".png") > 3


def test_a_ledger_that_cannot_be_written_ends_the_run(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 3)
    (out / "colorizegan.jsonl").mkdir(parents=True)
    with pytest.raises(OutputError, match="the ledger cannot be written"):
        run(colorizer, album, out)
    assert tree(out) == {}


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


def test_shards_on_the_command_line_share_a_folder(tmp_path: Path, process: Callable[..., list[str]]) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    put_photos(album, 9)
    args = [process(album, "-o", out, "--shard", f"{i}/3") for i in (1, 2, 3)]
    running = [subprocess.Popen(arg, stderr=subprocess.DEVNULL) for arg in args]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert len(tree(out)) == 9
    ledgers = sorted(out.glob("*.jsonl"))
    assert {path.name for path in ledgers} <= {f"colorizegan.{i}-of-3.jsonl" for i in (1, 2, 3)}
    done = [line["output"] for path in ledgers for line in lines(path) if line["status"] == "done"]
    assert sorted(done) == sorted(tree(out))
    again = subprocess.run(process(album, "-o", out), capture_output=True, text=True, check=True)
    assert "0 done, 9 skipped" in again.stderr


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
        trees.append(tree(out))
    assert all(one == trees[0] for one in trees[1:])


def test_bad_files_among_many_cost_only_themselves(tmp_path: Path, colorizer: Colorizer) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    paths = put_photos(album, 40)
    paths[3].write_bytes(paths[3].read_bytes()[:300])
    paths[8].write_text("no photo")
    plan = make_plan([str(album)], str(out))
    paths[20].unlink()  # vanishes between search and reading
    before = tree(album)
    results = list(run_jobs(plan.jobs, colorizer, FileOptions(), ledger=Ledger(out), workers=3))
    failed = {str(result.job.source): result.code for result in results if result.status == "failed"}
    assert failed == {str(paths[3]): "E_DECODE", str(paths[8]): "E_DECODE", str(paths[20]): "E_INPUT"}
    assert len(tree(out)) == 37
    assert tree(album) == before


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
    """Runs 400 photos of 1 Mpx; peak memory may not grow over the last 300."""
    album = tmp_path / "album"
    (first,) = put_photos(album, 1, 1000, 1000, ".jpg")
    for i in range(1, 400):
        os.link(first, first.with_name(f"{i:03}.jpg"))
    plan = make_plan([str(album)], str(tmp_path / "out"))
    peaks = []
    for i, result in enumerate(
        run_jobs(plan.jobs, colorizer, FileOptions(), ledger=Ledger(tmp_path / "out"), workers=2)
    ):
        assert result.status == "done"
        result.job.target.unlink()
        if i in (99, 399):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    assert peaks[1] - peaks[0] < 20
