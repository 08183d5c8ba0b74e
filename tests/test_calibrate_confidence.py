"""scripts/calibrate_confidence.py: confidence comes to mean the share of right colours, and nothing else changes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from calibrate_confidence import Cells, at, calibrate
from pictures import blots, put

from colorizegan import Colorizer
from colorizegan.model.network import Prediction


def test_what_is_said_comes_true() -> None:
    """Cells whose network says too much: its odds are right only once they are made twice as soft."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (16, 12_000)) * rng.uniform(0, 6, 12_000)
    odds = np.exp(logits / 2 - (logits / 2).max(0))
    sure = (odds / odds.sum(0)).max(0)
    right = rng.random(12_000) < sure
    bins = np.zeros((16, 2), np.float32)
    said = Prediction(np.zeros((2, 2, 24_000), np.float32), logits[:, None].astype(np.float32), bins)
    cells = Cells(said, np.where(right, 3.0, 40.0), np.repeat(["one", "two", "three"], 4000))
    calibration, judged = calibrate(cells)
    assert list(calibration.right) == sorted(calibration.right)
    for part in np.array_split(np.argsort(judged), 8):
        assert judged[part].mean() == pytest.approx(right[part].mean(), abs=0.04)
    told = at(cells.certainty(calibration.temperature), calibration)
    assert np.abs(told - sure).mean() < 0.05


@pytest.mark.slow
def test_a_bundle_gets_a_new_card_and_keeps_its_weights(repository: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(tiny_bundle, tmp_path / "mine")
    card = json.loads((bundle / "card.json").read_text())
    lines = ["key\tsource"]
    for number in range(9):
        put(tmp_path / "photos" / f"p{number}.png", blots(number))
        lines.append(f"p{number}.png\t{('one', 'two', 'known')[number % 3]}")
    (tmp_path / "manifest.tsv").write_text("\n".join(lines))

    def call() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, repository / "scripts" / "calibrate_confidence.py", bundle, "--data"]
        command += [tmp_path / "photos", "--manifest", tmp_path / "manifest.tsv", "-o", tmp_path / "out"]
        return subprocess.run([*command, "--report", tmp_path / "photos"], capture_output=True, text=True, check=False)

    refused = call()
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "names 0 held-out sources of these photos" in refused.stderr
    assert not (tmp_path / "out").exists()

    card["training"] = {"config": {"data": {"holdout_sources": ["one", "two"]}}}
    (bundle / "card.json").write_text(json.dumps(card))
    done = call()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| photos | after |") == 2  # its figures, and its tenths
    new = json.loads((tmp_path / "out" / "card.json").read_text())
    assert {name for name in new if new[name] != card.get(name)} == {"confidence"}
    for name in card["files"]:
        assert (tmp_path / "out" / name).read_bytes() == (bundle / name).read_bytes()
    gray = np.asarray(blots(1).convert("L"))
    before, after = (Colorizer(model).predict(gray) for model in (bundle, tmp_path / "out"))
    assert np.array_equal(before.ab, after.ab)
    assert not np.array_equal(before.confidence(), after.confidence())
    assert "exists already" in call().stderr
