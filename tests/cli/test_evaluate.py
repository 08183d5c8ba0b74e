"""`colorizegan evaluate` as users meet it: one command, a table, the same digits again, mistakes in one line."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import colorizegan
from colorizegan.bench.human import read_answers
from colorizegan.cli.main import app


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("test-photos")
    for index in range(6):
        small = np.random.default_rng(index).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(small).resize((60, 48), Image.Resampling.BICUBIC).save(root / f"p{index}.png")
    return root


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *(str(arg) for arg in args)])


def test_the_same_command_gives_the_same_digits(photos: Path, tiny_bundle: Path, tmp_path: Path):
    given = ["--protocol", "folder-full", "--data", photos, "--entrant", f"A={tiny_bundle}"]
    given += ["--entrant", f"B={tiny_bundle}?saturation=0.5", "--stability", "5"]
    first = run(*given, "-o", tmp_path / "1", "--workers", "1")
    second = run(*given, "-o", tmp_path / "2", "--workers", "2")
    assert first.exit_code == second.exit_code == 0
    assert first.stderr == ""
    assert first.stdout == second.stdout
    for heading in ("Nearness to the truth", "Colourfulness", "Faults", "Stability", "Confidence"):
        assert f"## {heading}" in first.stdout
    assert re.search(r"^- A - B: .*B is better in .*\.$", first.stdout, re.MULTILINE)  # the verdict
    for name in ("report.json", "report.md", "photos.csv", "report.html"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    document = json.loads((tmp_path / "1" / "report.json").read_text())
    assert document["entrants"]["A"]["scores"]["ece"][0] > 0


def test_inputs_for_other_tools(photos: Path, tmp_path: Path):
    written = run("--protocol", "folder-full", "--data", photos, "--write-inputs", tmp_path / "gray")
    assert (written.exit_code, written.stdout) == (0, "")
    assert written.stderr == f"6 pictures -> {tmp_path / 'gray'}\n"
    scored = run("--protocol", "folder-full", "--data", photos, "--entrant", f"as it is={tmp_path / 'gray'}")
    assert scored.exit_code == 0
    rows = {line.split("|")[1].strip(" *"): line.split("|")[2:] for line in scored.stdout.splitlines() if "|" in line}
    assert rows["as it is"] == rows["gray"]


@pytest.mark.parametrize(
    ("args", "status", "complaint"),
    [
        (["--data", "nowhere"], 1, "nowhere: no such folder or tar of photos; give it with --data [E_DATA]"),
        (["--data", "photos", "--protocol", "kodak-256"], 1, "kodak-256 is made of 24 photos, 6 are here"),
        (["--data", "photos", "--protocol", "x"], 2, "unknown protocol 'x'; known: photos-val-256"),
        (["--data", "photos", "--entrant", "A=empty"], 1, "empty: no photos found"),
        (["--data", "photos", "--entrant", "A=some"], 1, "some: 4 of 6 results are missing, the first is p2"),
        (["--data", "photos", "--entrant", "A=small"], 1, "result p0 is 60x48 px, the test photo 256x256"),
        (["--data", "photos", "--entrant", "gray=some"], 2, "entrant name 'gray' is taken"),
        (["--data", "photos", "--regions", "none.tsv"], 1, "none.tsv: the table of regions cannot be read"),
        (["--data", "photos", "--squeezenet", "none"], 1, "none: no such file of SqueezeNet weights"),
        (["--data", "photos", "--inception", "none"], 1, "none: no such file of Inception weights"),
        (["--data", "photos", "--human"], 2, "no file for the answers; give one with --answers FILE.jsonl"),
        (["--data", "photos", "--human", "--answers", "a"], 2, "a human test needs somebody to judge"),
        ([], 2, "Missing option '--data'"),
    ],
)
def test_mistakes_are_one_line(
    args: list[str], status: int, complaint: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("photos").symlink_to(photos)
    for name, count in (("empty", 0), ("some", 2), ("small", 6)):
        Path(name).mkdir()
        for index in range(count):
            Image.open(photos / f"p{index}.png").resize((256, 256) if name == "some" else (60, 48)).save(
                f"{name}/p{index}.png"
            )
    outcome = run(*args)
    assert outcome.exit_code == status
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1
    assert outcome.stderr.startswith("error: ")
    assert complaint in outcome.stderr


@contextmanager
def human_test(photos: Path, bundle: Path, answers: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command as a process, and the port that it serves at."""
    given = ["--protocol", "folder-full", "--data", photos, "--entrant", f"A={bundle}"]
    given += ["--human", "--answers", answers, "--trials", "4"]
    command = [sys.executable, "-m", "colorizegan", "evaluate", *map(str, given)]
    environment = {**os.environ, "PYTHONPATH": str(Path(colorizegan.__file__).parents[1])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr
        line = process.stderr.readline()
        found = re.fullmatch(r"open http://127\.0\.0\.1:(\d+)/ in a browser; Ctrl-C ends the test\n", line)
        assert found, line
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


def post(port: int, path: str, body: dict[str, str | int]) -> dict[str, str | int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    found = json.loads(reply.read())
    connection.close()
    assert reply.status == 200, found
    return found


def test_a_human_test_from_start_to_table(photos: Path, tiny_bundle: Path, tmp_path: Path):
    with human_test(photos, tiny_bundle, tmp_path / "a.jsonl") as (process, port):
        session = post(port, "/session", {})["session"]
        for trial in range(5):
            post(port, "/answer", {"session": session, "trial": trial, "choice": 1, "milliseconds": 100})
        post(port, "/finish", {})
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    answers = read_answers(tmp_path / "a.jsonl")
    fooled = sum(answer.fooled for answer in answers if not answer.practice)
    assert f"| **A** | {100 * fooled / 4:.1f} |" in out


def test_ctrl_c_ends_a_human_test_with_its_table(photos: Path, tiny_bundle: Path, tmp_path: Path):
    with human_test(photos, tiny_bundle, tmp_path / "a.jsonl") as (process, port):
        session = post(port, "/session", {})["session"]
        for trial in range(2):
            post(port, "/answer", {"session": session, "trial": trial, "choice": 2, "milliseconds": 100})
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert "| **A** |" in out
    assert "/ 1 | 1 |" in out  # one of the two was practice
