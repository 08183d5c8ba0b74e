"""scripts/check stops at the first failure; in CI no test is skipped for want of a program, a package or the data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lowest import lowest

from colorizegan.training.config import Config, to_dict
from colorizegan.training.configure import load_config

STEPS = ["ruff", "ruff", "pyright", "lint-imports", "python", "python"]


def check(repository: Path, folder: Path, failing: str) -> tuple[int, str, list[str]]:
    """Run scripts/check with stand-ins for its programs, one of which fails: exit status, stderr, programs called."""
    log = folder / "log"
    for name in {*STEPS, "pytest"}:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho {name} >> "{log}"\n[ "{name} $1" != "{failing}" ]\n')
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([repository / "scripts" / "check"], env=environment, capture_output=True, text=True)
    return done.returncode, done.stderr, log.read_text().split()


@pytest.mark.parametrize(
    ("failing", "name", "called"),
    [
        ("ruff format", "format", 1),
        ("ruff check", "lint", 2),
        ("pyright --pythonpath", "types", 3),
        ("lint-imports --no-cache", "layers", 4),
        ("python scripts/write_tables.py", "tables", 5),
        ("python -m", "tests", 6),
    ],
)
def test_check_stops_at_the_first_failure(repository: Path, tmp_path: Path, failing: str, name: str, called: int):
    status, errors, log = check(repository, tmp_path, failing)
    assert status == 1
    assert f"scripts/check: {name} failed." in errors
    assert log == STEPS[:called]


def test_check_passes_when_all_pass(repository: Path, tmp_path: Path):
    status, errors, log = check(repository, tmp_path, failing="none")
    assert (status, log) == (0, STEPS)
    assert "failed" not in errors


SKIPPING = """
import pytest

def test_program():
    pytest.skip("missing program: exiftool (apt-get install libimage-exiftool-perl)")

def test_import():
    pytest.importorskip("no_such_module")

def test_other():
    pytest.skip("root may write everywhere")

@pytest.mark.xfail(reason="a missing feature")
def test_expected():
    assert False
"""
AT_IMPORT = "import pytest\npytest.importorskip('no_such_module')\n"


@pytest.mark.parametrize(("ci", "summary"), [("true", "2 failed, 1 skipped, 1 xfailed"), ("", "3 skipped, 1 xfailed")])
def test_ci_refuses_skips_for_what_is_missing(repository: Path, tmp_path: Path, ci: str, summary: str):
    assert summary in run_pytest(repository, tmp_path, SKIPPING, ci)


@pytest.mark.parametrize(("ci", "summary"), [("true", "1 error"), ("", "1 skipped")])
def test_ci_refuses_a_whole_file_skipped_at_import(repository: Path, tmp_path: Path, ci: str, summary: str):
    assert summary in run_pytest(repository, tmp_path, AT_IMPORT, ci)


def run_pytest(repository: Path, folder: Path, test: str, ci: str) -> str:
    """The closing line of pytest for one test file, with the rule of tests/ci_skips.py."""
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ci_skips", "--rootdir", str(folder), str(folder)]
    home = str(repository / "tests")
    environment = os.environ | {"CI": ci, "PYTHONPATH": home, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


PROGRAM = """#!{python}
import json, sys
from pathlib import Path

arguments = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps([{name!r}, *arguments]) + "\\n")
if "-o" in arguments:
    out = Path(arguments[arguments.index("-o") + 1])
    (out / "checkpoints" if arguments[0] == "train" else out).mkdir(parents=True, exist_ok=True)
    if arguments[0] == "train":
        (out / "checkpoints" / "step-000000009.safetensors").touch()
"""


def test_the_chain_to_the_shipped_network_is_one_that_can_be_run(repository: Path, tmp_path: Path) -> None:
    """Its commands, collected by stand-ins: every setting is known, and the ends are those of the card that ships."""
    for name in ("colorizegan", "python"):
        program = tmp_path / name
        program.write_text(PROGRAM.format(python=sys.executable, log=str(tmp_path / "log"), name=name))
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = [repository / "scripts" / "train_shipped.sh", tmp_path / "chain", "PHOTOS", "MORE"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    calls = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    runs: dict[str, Config] = {}
    made: set[str] = set()
    for program, *arguments in calls:
        if program == "python":
            assert (repository / arguments[0]).exists()
        if arguments[0] == "train":
            assert [arguments[i + 1] for i, a in enumerate(arguments) if a == "--data"] == ["PHOTOS", "MORE"]
            changes = [arguments[i + 1] for i, a in enumerate(arguments) if a == "--set"]
            config = load_config(arguments[arguments.index("--preset") + 1], None, changes)
            assert config.network.start in ("", *made)
            runs[Path(arguments[arguments.index("-o") + 1]).name] = config
        if "-o" in arguments:
            made.add(arguments[arguments.index("-o") + 1])
    assert list(runs) == ["a", "b", "c", "e", "f", "h", "g", "i", "m"]
    card = json.loads((repository / "colorizegan/weights/default/card.json").read_text())
    told, last = card["training"]["config"], to_dict(runs["m"])
    assert last["stages"] == told["stages"]
    assert last["stages"][0]["images"] == card["training"]["images"]
    for name in ("seed", "augment", "losses", "encoder_lr", "weight_decay", "ema"):
        assert last[name] == told[name]
    for name in ("generator", "widths", "deep_blocks", "recognizer", "recognizer_lr", "attention", "frozen"):
        assert last["network"][name] == told["network"][name]
    end = calls[-1]
    for option in ("correction", "temperature", "adjustment", "contrast", "chroma"):
        assert float(end[end.index(f"--{option}") + 1]) == card[option]
    assert json.loads((tmp_path / "chain/card.json").read_text()).items() <= card.items()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0
    trained = [line for line in (tmp_path / "log").read_text().splitlines() if '"train"' in line]
    assert len(trained) == 9  # what is done is not done again


def test_the_lowest_versions_are_those_of_the_project() -> None:
    project = {
        "dependencies": ["numpy>=1.26", "pyvips[binary]>=3.0", "tomli>=2.0; python_version < '3'"],
        "optional-dependencies": {"serve": ["uvicorn>=0.34"], "other": ["torch>=2"]},
    }
    assert lowest(project, ["serve"]) == ["numpy==1.26", "pyvips[binary]==3.0", "uvicorn==0.34"]
