"""Other systems, and other runs: without what only some systems have, and beside another run over the same folder."""

from pathlib import Path

import pytest
from command import command, digests, python, start
from pictures import put, waves
from tiny_run import overrides

LACKING = ("sched_getaffinity", "sysconf", "mkfifo", "getuid", "fork", "register_at_fork", "posix_fadvise")
HIDE = f"""
import os, sys
sys.modules["fcntl"] = sys.modules["resource"] = None  # any import of these now fails
for name in {LACKING!r}:
    if hasattr(os, name):
        delattr(os, name)
"""


def album(folder: Path, count: int) -> Path:
    for i in range(count):
        put(folder / f"{i:02}.png", waves(seed=i))
    return folder


def test_nothing_that_only_some_systems_have_is_needed(tmp_path: Path, tiny_bundle: Path) -> None:
    photos, outputs = album(tmp_path / "album", 4), {}
    for name, before in (("all", ""), ("less", HIDE)):
        out = tmp_path / name
        code = f"{before}\nfrom colorizegan.cli.main import main\nmain()"
        done = python("-c", code, "colorize", photos, "-o", out, "--model", tiny_bundle)
        assert "4 done, 0 skipped, 0 failed" in done.stderr
        outputs[name] = digests(out)
    assert outputs["all"] == outputs["less"]
    assert len(outputs["all"]) == 4
    code = f"{HIDE}\nfrom colorizegan.cli.doctor import examine; import json; print(examine({str(tiny_bundle)!r})[0])"
    assert "'result': 'passed'" in python("-c", code).stdout


@pytest.mark.slow
def test_training_needs_nothing_of_it_either(tmp_path: Path, photos: Path) -> None:
    """Trained, gone on with, exported and used without locks and affinity, as on Windows."""
    pytest.importorskip("torch")
    hide = HIDE.replace("'register_at_fork', ", "").replace("'getuid', ", "")  # the torch of Linux needs these
    code, run, bundle = f"{hide}\nfrom colorizegan.cli.main import main\nmain()", tmp_path / "run", tmp_path / "bundle"
    settings = [word for one in overrides(photos, "data.workers=0") for word in ("--set", one)]
    python("-c", code, "train", "--preset", "tiny", "-o", run, *settings)
    resumed = python("-c", code, "train", "--preset", "tiny", "-o", run, "--resume", *settings)
    assert "going on after step" in resumed.stderr
    python("-c", code, "export", run, "-o", bundle, "--name", "mine")
    done = python("-c", code, "colorize", album(tmp_path / "album", 2), "-o", tmp_path / "out", "--model", bundle)
    assert "2 done, 0 skipped, 0 failed" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_three_runs_over_one_folder_seven_times(tmp_path: Path, tiny_bundle: Path) -> None:
    photos = album(tmp_path / "album", 8)
    command("colorize", photos, "-o", tmp_path / "alone", "--model", tiny_bundle)
    wanted = digests(tmp_path / "alone")
    assert len(wanted) == 8
    for number in range(7):
        out = tmp_path / str(number)
        for one in [start("colorize", photos, "-o", out, "--model", tiny_bundle) for _ in range(3)]:
            _, said = one.communicate(timeout=300)
            assert one.returncode == 0, (number, said)
            assert " 0 failed" in said
        assert digests(out) == wanted  # all there, whole, and nothing else
        assert not [path for path in out.iterdir() if path.name.startswith(".")]
