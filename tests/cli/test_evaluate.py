"""`colorizegan evaluate` as users meet it: one command, a table, the same digits again, mistakes in one line."""

import json
import re
from pathlib import Path

import pytest
from command import call
from pictures import blots, put
from typer.testing import Result


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("test-photos")
    for index in range(6):
        put(root / f"p{index}.png", blots(index, 60, 48))
    return root


def run(*args: str | Path) -> Result:
    return call("evaluate", *args)


@pytest.mark.slow
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
        (["--data", "photos", "--entrant", "A=some"], 1, "some: 4 of 6 results are missing, the first is p2"),
        (["--data", "photos", "--entrant", "gray=some"], 2, "entrant name 'gray' is taken"),
        (["--data", "photos", "--protocol", "x.json"], 2, "x.json: the protocol cannot be read"),
        (["--data", "photos", "--regions", "none.tsv"], 1, "none.tsv: the table of regions cannot be read"),
        (["--data", "photos", "--squeezenet", "none"], 1, "none: no such file of SqueezeNet weights"),
        (["--data", "photos", "--inception", "none"], 1, "none: no such file of Inception weights"),
        (["--data", "photos", "--human", "a.html"], 2, "a human test needs somebody to judge"),
        (["--answers", "none.jsonl"], 1, "none.jsonl: the answers cannot be read"),
        ([], 2, "no test photos; name a folder or a tar with --data"),
    ],
)
def test_mistakes_are_one_line(
    args: list[str], status: int, complaint: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("photos").symlink_to(photos)
    for index in range(2):
        put(f"some/p{index}.png", blots(index, 256, 256))
    outcome = run(*args)
    assert outcome.exit_code == status
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1
    assert outcome.stderr.startswith("error: ")
    assert complaint in outcome.stderr


def test_a_human_test_from_page_to_table(photos: Path, tiny_bundle: Path, tmp_path: Path):
    page = tmp_path / "test.html"
    given = ["--protocol", "folder-full", "--data", photos, "--entrant", f"A={tiny_bundle}"]
    written = run(*given, "--human", page, "--trials", "4")
    assert (written.exit_code, written.stdout) == (0, "")
    assert written.stderr == f"5 pairs -> {page}: open it in a browser; it gives a file for --answers\n"
    line = {"session": "s", "observer": "", "protocol": "folder-full", "photo": "p1", "real_first": True, "choice": 2}
    line |= {"entrant": "A", "practice": False, "milliseconds": 9, "time": "2026-01-01T00:00:00Z"}
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "b.jsonl").write_text(json.dumps(line | {"session": "t", "choice": 1}) + "\n")
    told = run("--answers", tmp_path / "a.jsonl", "--answers", tmp_path / "b.jsonl")
    assert told.exit_code == 0
    assert "| **A** | 50.0 | 9.5 .. 90.5 | 1 / 2 | 2 |" in told.stdout
