"""Reliability as a user meets it, over whole processes: hostile files, no network, originals untouched, same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import colorizegan
from colorizegan import errors

HOSTILE = 366  # files in hostile.tar
# Refuses every connection to another machine and tells of it, from the first import on.
NO_NETWORK = """
import sys
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        print("NETWORK", event, args, file=sys.stderr, flush=True)
        raise OSError("no network")
sys.addaudithook(watch)
from colorizegan.__main__ import main
main()
"""


@pytest.fixture
def environment() -> dict[str, str]:
    """Processes find the package as this one did."""
    return os.environ | {"PYTHONPATH": str(Path(colorizegan.__file__).parents[1]), "PYTHONWARNINGS": "error"}


def hashes(folder: Path) -> dict[str, str]:
    """Every file below, by its name, with its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".jsonl"
    }


def put_photos(folder: Path, count: int) -> None:
    folder.mkdir()
    y, x = np.mgrid[0:60, 0:90]
    for seed in range(count):
        gray = 128 + 90 * np.sin(x / 11 + seed) * np.cos(y / 6)
        Image.fromarray(gray.astype(np.uint8)).save(folder / f"{seed}.jpg")


def test_no_telemetry_is_gathered(tmp_path: Path, environment: dict[str, str]) -> None:
    """ONNX Runtime keeps what it would send in the user's cache folder; audit events do not see native code."""
    put_photos(tmp_path / "photos", 1)
    environment |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    environment.pop("XDG_CACHE_HOME", None)
    for folder in ("home", "tmp"):
        (tmp_path / folder).mkdir()
    command = [sys.executable, "-m", "colorizegan", "colorize", str(tmp_path / "photos"), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    left = [path for folder in ("home", "tmp") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert not [path for path in left if "onnxruntime" in str(path).lower() or "microsoft" in str(path).lower()]
    assert not [path for path in left if path.suffix == ".ses"]


@pytest.mark.slow
def test_hostile_files_through_the_command_line(
    shared_data: Path, tmp_path: Path, tiny_bundle: Path, environment: dict[str, str]
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    with tarfile.open(shared_data / "hostile.tar") as tar:
        tar.extractall(album, filter="data")
    before = hashes(album)
    names = tmp_path / "names"
    names.write_bytes(b"\0".join(os.fsencode(album / name) for name in before))  # all, whatever they are called
    assert len(before) == HOSTILE
    command = [sys.executable, "-m", "colorizegan", "colorize", "--from-file", str(names), "-0", "-o", str(out)]
    command += ["--json", "--model", str(tiny_bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    *rows, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == HOSTILE
    assert len({row["input"] for row in rows}) == HOSTILE
    assert max(row.get("seconds") or 0 for row in rows) < 10
    codes = {getattr(errors, name).code for name in errors.__all__ if name != "exit_code"}
    for row in rows:
        if row["status"] == "failed":
            assert row["code"] in codes - {"E_INTERNAL"}, row
            assert "\n" not in row["message"], row
            assert Path(row["input"]).name in row["message"], row
        elif row["status"] == "done":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # damaged EXIF is carried over as it is
                with Image.open(row["output"]) as image:
                    image.load()  # a whole picture
    count = {status: sum(row["status"] == status for row in rows) for status in ("done", "skipped", "failed")}
    assert count["done"] > 80, "valid oddities are photos too"
    assert count["failed"] > 90
    assert summary["summary"]["done"] == count["done"]
    assert hashes(album) == before, "inputs are never changed"
    assert not [path for path in out.rglob("*") if path.name.startswith(".")], "nothing half-written"


def test_same_bytes_over_runs(tmp_path: Path, tiny_bundle: Path, environment: dict[str, str]) -> None:
    put_photos(tmp_path / "album", 5)
    results: list[dict[str, str]] = []
    for name in ("one", "two"):
        command = [sys.executable, "-m", "colorizegan", "colorize", str(tmp_path / "album")]
        command += ["-o", str(tmp_path / name), "--model", str(tiny_bundle)]
        subprocess.run(command, check=True, timeout=120, env=environment, capture_output=True)
        results.append(hashes(tmp_path / name))
    assert len(results[0]) == 5
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "args",
    [
        ["colorize", "album", "-o", "out"],
        ["doctor"],
        ["models"],
        ["--help"],
        ["evaluate", "--data", "album", "-o", "report"],
    ],
    ids=lambda args: args[0],
)
def test_no_verb_asks_the_network(
    tmp_path: Path, tiny_bundle: Path, environment: dict[str, str], args: list[str]
) -> None:
    if args[0] == "evaluate":
        pytest.importorskip("torchmetrics")
        (tmp_path / "album").mkdir()
        y, x = np.mgrid[0:90, 0:120]
        for seed in range(3):
            rgb = np.dstack((x * 2, y * 2, 255 - x * 2)).astype(np.uint8)
            Image.fromarray(np.roll(rgb, seed * 20, axis=1)).save(tmp_path / "album" / f"{seed}.png")
    else:
        put_photos(tmp_path / "album", 2)
    model = {"colorize": ["--model", str(tiny_bundle)], "evaluate": ["--entrant", f"tiny={tiny_bundle}"]}.get(
        args[0], []
    )
    command = [sys.executable, "-c", NO_NETWORK, *args, *model]
    done = subprocess.run(
        command, check=False, timeout=200, env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert "NETWORK" not in done.stderr
    assert done.returncode == 0, done.stderr[-2000:]


def test_with_no_interface_up(tmp_path: Path, tiny_bundle: Path, environment: dict[str, str]) -> None:
    unshare = shutil.which("unshare")
    alone = [unshare or "", "--net", "--map-root-user"]
    if unshare is None or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system does not let a process leave the network")
    put_photos(tmp_path / "album", 2)
    command = [*alone, sys.executable, "-m", "colorizegan", "colorize", "album", "-o", "out"]
    command += ["--model", str(tiny_bundle)]
    done = subprocess.run(
        command, check=False, timeout=120, env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len(hashes(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "a/../../secret.jpg",
        "/etc/passwd",
        "..\\secret.jpg",
        "C:\\a.jpg",
        "\\\\host\\a.jpg",
        "x" * 4096,
    ],
)
def test_names_never_lead_out_of_the_output(
    tmp_path: Path, tiny_bundle: Path, environment: dict[str, str], name: str
) -> None:
    """A listed name may point anywhere to read from, as the user's own; what is written stays inside OUT."""
    work = tmp_path / "work"
    work.mkdir()
    put_photos(tmp_path / "other", 1)
    shutil.copy(tmp_path / "other" / "0.jpg", tmp_path / "secret.jpg")
    (work / "names").write_bytes(os.fsencode(name))
    before = hashes(tmp_path)
    command = [sys.executable, "-m", "colorizegan", "colorize", "--from-file", "names", "-0", "-o", "out/results"]
    command += ["--model", str(tiny_bundle)]
    done = subprocess.run(command, check=False, timeout=120, env=environment, capture_output=True, text=True, cwd=work)
    assert done.returncode in (0, 1, 3), done.stderr
    assert "Traceback" not in done.stderr
    made = hashes(tmp_path).keys() - before.keys()
    assert all(path.startswith("work/out/results/") for path in made), made
    assert {path: content for path, content in hashes(tmp_path).items() if path in before} == before
    assert bool(made) == (done.returncode == 0)
