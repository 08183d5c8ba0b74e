"""A whole training run at the smallest size: it learns, logs, draws, resumes to the bit after kill -9, and exports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorizegan.colorizer import Colorizer
from colorizegan.errors import CheckpointError, ConfigError, OutputError
from colorizegan.training.build import best_precision, build_discriminator, build_generator
from colorizegan.training.checkpoint import list_checkpoints, load_newest
from colorizegan.training.config import load_config
from colorizegan.training.export import export_bundle
from colorizegan.training.loop import learning_rate, train
from colorizegan.training.validate import auc

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

STAGES = (
    "stages=[{kind='pretrain_generator',images=48,size=32,batch=8,lr=5e-3},"
    "{kind='pretrain_discriminator',images=16,size=32,batch=8},"
    "{kind='adversarial',images=16,size=32,batch=8,lr=1e-4,adversarial=0.1}]"
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures with a rule: light areas are blue, dark ones are red."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(20):
        light = Image.fromarray(rng.integers(0, 256, (3, 3), np.uint8)).resize((64, 56), Image.Resampling.BICUBIC)
        g = np.asarray(light, np.float32)[..., None] / 255
        rgb = g * (120, 190, 255) + (1 - g) * (150, 20, 20)
        Image.fromarray(rgb.astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def overrides(photos: Path, *more: str) -> list[str]:
    return [f"data.sources=['{photos}']", "data.holdout=2", "threads=1", STAGES, *more]


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("run")
    train(load_config("tiny", None, overrides(photos)), out)
    return out


def test_a_run_learns_logs_and_draws(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["stage"] for line in steps] == [0] * 6 + [1] * 2 + [2] * 2
    assert steps[5]["l1"] < 0.9 * steps[0]["l1"]
    assert {"discriminator"} <= set(steps[6])
    assert {"l1", "classes", "adversarial", "discriminator"} <= set(steps[-1])
    scores = [line for line in lines if line["event"] == "validate"]
    assert len(scores) == 3
    assert 0 < scores[-1]["auc_rebalanced"] <= 100
    assert Image.open(run / "curves.png").size[0] > 500
    for sample in (run / "samples").iterdir():
        assert Image.open(sample).size == (6 * 128, 128)  # two photos of gray, result, truth
    assert load_config("tiny").stages != ()
    assert json.loads((run / "config.json").read_text())["stages"][0]["images"] == 48


def test_discriminator_stage_leaves_the_generator_alone(photos: Path, tmp_path: Path) -> None:
    only = "stages=[{kind='pretrain_discriminator',images=16,size=32,batch=8,lr_discriminator=0.01}]"
    config = load_config("tiny", None, overrides(photos, only))
    train(config, tmp_path)
    saved, _ = load_newest(tmp_path / "checkpoints")
    assert saved is not None
    torch.manual_seed(config.seed)
    generator, discriminator = build_generator(config), build_discriminator(config)
    after = saved.part("generator")
    assert all(torch.equal(value, after[name]) for name, value in generator.state_dict().items())
    moved = saved.part("discriminator")
    assert any(not torch.equal(value, moved[name]) for name, value in discriminator.state_dict().items())


def test_kill_9_then_resume_equals_the_unbroken_run(run: Path, photos: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "colorizegan",
        "train",
        "--preset",
        "tiny",
        "--data",
        str(photos),
        "-o",
        str(tmp_path),
    ]
    for setting in ("data.holdout=2", "threads=1", STAGES, "checkpoint_steps=1"):
        command += ["--set", setting]
    kills = 0
    while kills < 3:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        before = list_checkpoints(tmp_path / "checkpoints")
        deadline = time.monotonic() + 120
        while process.poll() is None and list_checkpoints(tmp_path / "checkpoints") == before:
            assert time.monotonic() < deadline, "no checkpoint within 120 s"
            time.sleep(0.01)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
        if "--resume" not in command:
            command.append("--resume")
    assert kills >= 1
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr
    expected, _ = load_newest(run / "checkpoints")
    got, _ = load_newest(tmp_path / "checkpoints")
    assert expected is not None
    assert got is not None
    assert expected.tensors.keys() == got.tensors.keys()
    different = [name for name, tensor in expected.tensors.items() if not torch.equal(tensor, got.tensors[name])]
    assert different == []
    assert [json.loads(x)["step"] for x in (tmp_path / "log.jsonl").read_text().splitlines()] == [
        json.loads(x)["step"] for x in (run / "log.jsonl").read_text().splitlines()
    ]


def test_sigterm_saves_and_exits_143(photos: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "colorizegan",
        "train",
        "--preset",
        "tiny",
        "--data",
        str(photos),
        "-o",
        str(tmp_path),
    ]
    many = STAGES.replace("images=48", "images=100000")
    for setting in ("data.holdout=2", "threads=1", many):
        command += ["--set", setting]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    log, deadline = tmp_path / "log.jsonl", time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") >= 2):
        assert process.poll() is None
        assert time.monotonic() < deadline, "no step within 120 s"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    saved, _ = load_newest(tmp_path / "checkpoints")
    assert saved is not None
    assert saved.facts["state"]["step"] >= 2


def test_a_run_is_not_overwritten_and_must_match(run: Path, photos: Path, tmp_path: Path) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*"))
    with pytest.raises(CheckpointError, match="--resume"):
        train(load_config("tiny", None, overrides(photos)), run)
    with pytest.raises(CheckpointError, match="another network"):
        train(load_config("tiny", None, overrides(photos, "network.deep_blocks=2")), run, resume=True)
    other = tmp_path / "other"
    other.mkdir()
    Image.open(photos / "0.png").save(other / "changed.png")
    with pytest.raises(CheckpointError, match="other photos"):
        train(load_config("tiny", None, overrides(other)), run, resume=True, cache=tmp_path / "cache")
    assert sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*")) == before


def test_the_exported_bundle_colours_photos_as_torch_does(run: Path, tmp_path: Path) -> None:
    extra = tmp_path / "card.json"
    extra.write_text(json.dumps({"licence": "CC0-1.0", "working_size": 96}))
    bundle = export_bundle(run, tmp_path / "bundle", name="mine", card_extra=extra)  # checks parity itself
    assert sorted(p.name for p in bundle.iterdir()) == ["card.json", "model.onnx", "model.safetensors"]
    card = json.loads((bundle / "card.json").read_text())
    assert (card["name"], card["licence"], card["working_size"]) == ("mine", "CC0-1.0", 96)
    assert str(run) not in (bundle / "card.json").read_text()
    assert str(Path.home()).encode() not in (bundle / "model.onnx").read_bytes()
    gray = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)
    result = Colorizer(bundle).colorize(gray)
    assert result.shape == (50, 70, 3)
    assert np.ptp(result.astype(int), axis=2).max() > 0  # there is colour
    with pytest.raises(OutputError, match="exists"):
        export_bundle(run, bundle)
    assert not list(tmp_path.glob(".bundle-*"))


def test_what_cannot_be_exported_says_so(run: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        export_bundle(tmp_path, tmp_path / "bundle")
    with pytest.raises(ConfigError, match="JSON"):
        export_bundle(run, tmp_path / "bundle", card_extra=photos / "0.png")
    assert not (tmp_path / "bundle").exists()


def test_learning_rate_rises_then_falls() -> None:
    stage = load_config("tiny", None, ["stages.0.warmup=0.1", "stages.0.final_lr=0.02"]).stages[0]
    rates = [learning_rate(stage, p) for p in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < 0.01
    assert rates[1] == pytest.approx(0.5, abs=0.01)
    assert rates[2] == pytest.approx(1.0, abs=0.01)
    assert rates[2] > rates[3] > rates[4] == pytest.approx(0.02)


def test_auc_at_its_ends() -> None:
    truth = torch.full((1, 2, 4, 4), 30.0)
    assert auc(truth, truth, rebalanced=False) == 100
    assert auc(truth + 200, truth, rebalanced=True) == 0
    half = torch.cat((truth, truth + torch.tensor([75.0, 0.0])[None, :, None, None]))
    assert auc(half, torch.cat((truth, truth)), rebalanced=False) == pytest.approx(75.0)


def test_precision_is_taken_as_asked() -> None:
    assert best_precision("32-true") == "32-true"
    assert best_precision("auto") in ("32-true", "bf16-mixed")


def test_training_needs_no_terminal_and_no_home(photos: Path, tmp_path: Path) -> None:
    code = "import colorizegan.training.config as c; print(sorted(c.PRESETS))"
    environment = {k: v for k, v in os.environ.items() if k != "HOME"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "tiny" in result.stdout
