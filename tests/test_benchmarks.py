"""The benchmarks run, and what they print is what they measured. Their times are no test's business."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import python
from pictures import put, waves


def benchmark(repository: Path, name: str, *arguments: str | Path) -> list[list[str]]:
    """The cells of the table that a benchmark prints, without its head."""
    # The programs of this environment, as after its activation.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = python(repository / "benchmarks" / name, *arguments, env={**os.environ, "PATH": path})
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a gray photo and one in colour."""
    gray = waves(120, 160, grain=8)
    put(tmp_path / "gray.jpg", gray)
    put(tmp_path / "rgb.png", np.dstack((gray, gray // 2 + 60, 255 - gray)))
    return tmp_path


def test_lightness(repository: Path, photos: Path, tiny_bundle: Path) -> None:
    png, jpeg = benchmark(repository, "lightness.py", photos, "--model", tiny_bundle)
    assert (png[0], jpeg[0]) == ("PNG", "JPEG, quality 95")
    for row, mean, largest in ((png, 0.5, 2.0), (jpeg, 2.0, 30.0)):
        assert 0 < float(row[1]) <= float(row[2]) < mean
        assert float(row[2]) < float(row[3]) < largest
        assert float(row[5].rstrip("%")) <= float(row[4].rstrip("%")) <= 100
        assert row[6] in ("gray", "rgb")
    assert png[4] == png[5] == "100.0000%"
    assert float(jpeg[1]) > float(png[1])  # the encoder's own error is seen


def test_red_on_gray(repository: Path, photos: Path, tiny_bundle: Path) -> None:
    count = runpy.run_path(str(repository / "benchmarks/red_on_gray.py"))["red_on_gray"]
    red, orange, weak, yellow, purple = (50, 40, 5), (50, 20, 35), (50, 12, 9), (50, 0, 40), (50, 30, -30)
    truth = np.array([[(50, 5, 5)] * 5 + [red]], np.float32)
    result = np.array([[red, orange, weak, yellow, purple, red]], np.float32)
    assert count(truth, result).tolist() == [[True, True, False, False, False, False]]
    (row,) = benchmark(repository, "red_on_gray.py", photos, "--model", tiny_bundle)
    assert row[0].startswith("tiny")
    assert 0 <= float(row[1].rstrip("%")) <= 100


def test_whole_path(repository: Path, photos: Path, tiny_bundle: Path) -> None:
    model = ("--model", tiny_bundle)
    (row,) = benchmark(repository, "whole_path.py", photos / "gray.jpg", "--rounds", "3", *model)
    assert row[:2] == ["gray.jpg", "160 x 120"]
    copy, whole, ratio, *phases, peak = map(float, row[3:])
    assert 0 < copy < whole
    assert ratio > 1
    assert max(phases) <= whole
    assert 30 < peak < 500  # MB: an interpreter with NumPy and ONNX Runtime, and one small photo


def test_cold_start(repository: Path, photos: Path, tiny_bundle: Path) -> None:
    rows = benchmark(repository, "cold_start.py", "--repeats", "1", "--model", tiny_bundle, photos / "gray.jpg")
    assert [row[0].split()[1].strip("`") for row in rows] == ["--help", "--version", "colorize"]
    assert all(0 < float(row[1]) < 60 for row in rows)


def test_throughput(repository: Path, tiny_bundle: Path) -> None:
    rows = benchmark(repository, "throughput.py", "--photos", "6", "--rounds", "1", "--model", tiny_bundle)
    rates = {row[0]: float(row[1]) for row in rows}
    core_ms = {row[0]: float(row[3]) for row in rows[:3]}
    assert list(core_ms) == ["network", "loop", "batch"]
    assert rates["batch / network"] == pytest.approx(rates["batch"] / rates["network"], abs=0.01)
    assert rates["network"] > rates["loop"]
    assert 0 <= core_ms["network"] < core_ms["loop"]  # the tiny network takes next to nothing


@pytest.mark.slow
def test_kill_batch(repository: Path, tiny_bundle: Path) -> None:
    script = repository / "benchmarks" / "kill_batch.py"
    done = python(script, "--photos", 40, "--kills", 2, "--model", tiny_bundle)
    assert done.stdout.splitlines()[0] == "killed: 2"
    assert done.stdout.count("True") == 3


@pytest.mark.slow
def test_network_eye(repository: Path, photos: Path, tiny_bundle: Path) -> None:
    rows = benchmark(repository, "network_eye.py", photos, "--kinds", "gray,lifted blacks", "--model", tiny_bundle)
    assert [row[0] for row in rows] == ["gray", "lifted blacks"]
    mount, _ = rows
    assert float(mount[2]) < float(mount[1])
    assert float(mount[5]) < 0.2 * float(mount[4])


def test_scale_model(repository: Path) -> None:
    """Its table is the one in docs/scaling.md; a number that nothing can be divided by is one line."""
    rows = benchmark(repository, "scale_model.py", "cost")
    page = (repository / "docs/scaling.md").read_text(encoding="utf-8")
    assert [f"| {' | '.join(row)} |" in page for row in rows] == [True] * 3
    for option, number in (("--rate", "0"), ("--rate", "nan"), ("--price", "inf"), ("--bytes", "-1"), ("--cores", "0")):
        command = [sys.executable, repository / "benchmarks/scale_model.py", "cost", option, number]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"argument {option}: {number} is no " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("format", ["PNG", "TIFF, Deflate", "AVIF"])
def test_no_damage_passes_where_a_checksum_tells(repository: Path, format: str) -> None:
    rows = benchmark(repository, "damage.py", "--files", "8", "--format", format)
    assert [row[:2] for row in rows] == [[format, "1 bit"], [format, "32 bytes"]]
    assert [row[4] for row in rows] == ["0 %", "0 %"]
