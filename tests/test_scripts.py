"""scripts/check stops at the first failure; in CI no test is skipped for want of a program, a package or the data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    environment = {
        **os.environ,
        "CI": ci,
        "PYTHONPATH": str(repository / "tests"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]
