"""A whole training run at the smallest size: it learns, logs, draws, resumes to the bit after kill -9, and exports."""

import json
import os
import re
import shutil
import signal
import stat
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from command import call, command, json_lines, python, start, waits
from PIL import Image
from tiny_run import ANSWER, STAGES, assert_equal, log_of, newest, overrides
from torch.nn import functional as F

from colorizegan.colorizer import Colorizer
from colorizegan.errors import CheckpointError, ColorizeGANError, ConfigError, DataError, OutputError
from colorizegan.model.bundle import open_bundle
from colorizegan.model.predictor import Predictor
from colorizegan.steer.look import Look
from colorizegan.training.build import build_discriminator, build_generator
from colorizegan.training.checkpoint import list_checkpoints, load_checkpoint
from colorizegan.training.config import Config
from colorizegan.training.configure import from_dict, load_config
from colorizegan.training.export import export_bundle
from colorizegan.training.loop import train
from colorizegan.training.networks.unet import ColorUNet
from colorizegan.training.networks.units import annealed_mean
from colorizegan.training.optimizers import learning_rate
from colorizegan.training.precision import best_precision
from colorizegan.training.restore import restore
from colorizegan.training.validation.validate import auc

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def arguments_of(photos: Path, out: Path, stages: str, *more: str) -> list[str]:
    """The arguments of such a run."""
    first = ["train", "--preset", "tiny", "--data", str(photos), "-o", str(out)]
    return [*first, "--set", "data.holdout=2", "--set", "threads=1", "--set", stages, *more]


def gray_photos(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for n in range(3):
        Image.new("L", (80, 80), 50 * n).save(folder / f"{n}.png")
    return folder


@pytest.mark.parametrize("out", ["run", "new/deep/run", "there/run"])
@pytest.mark.parametrize("kind", ["no photos", "empty", "a broken shard", "no such start"])
def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path: Path, photos: Path, kind: str, out: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.tar").write_bytes(b"no tar")
    given = {
        "no photos": tmp_path / "none",
        "empty": tmp_path / "empty",
        "a broken shard": f"shards:{tmp_path / 'x.tar'}",
        "no such start": photos,
    }[kind]
    more = ["network.start=none.zip"] if kind == "no such start" else []
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ColorizeGANError):
        train(load_config("tiny", None, [f"data.sources=['{given}']", *more]), tmp_path / out, cache=tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)  # photos that were decoded before are kept
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no usable photo"):
        train(load_config("tiny", None, [f"data.sources=['{gray_photos(tmp_path / 'gray')}']"]), tmp_path)
    assert tmp_path.is_dir()


def test_a_run_learns_logs_and_draws(run: Path) -> None:
    lines = json_lines(run / "log.jsonl")
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["stage"] for line in steps] == [0] * 6 + [1] * 2 + [2] * 2
    assert steps[5]["l1"] < 0.9 * steps[0]["l1"]
    assert {"discriminator"} <= set(steps[6])
    assert {"l1", "classes", "adversarial", "discriminator"} <= set(steps[-1])
    scores = [line for line in lines if line["event"] == "validate"]
    assert len(scores) == 3
    assert 0 < scores[-1]["auc_rebalanced"] <= 100
    with Image.open(run / "curves.png") as curves:
        assert curves.size[0] > 500
    samples = sorted((run / "samples").iterdir())
    assert len(samples) == 3
    for path in samples:
        with Image.open(path) as sample:
            assert sample.size == (6 * 128, 128)  # two photos of gray, result, truth
    assert json.loads((run / "config.json").read_text())["stages"][0]["images"] == 48


def test_the_command_says_what_it_does_and_shares_a_cache(photos: Path, tmp_path: Path) -> None:
    short = "stages=[{images=8,size=48,batch=8}]"
    for name in ("first", "second"):
        result = call(*arguments_of(photos, tmp_path / name, short, "--cache", str(tmp_path / "cache")))
        assert (result.exit_code, result.stdout) == (0, ""), result.stderr
        lines = result.stderr.splitlines()
        assert lines[0] == "18 photos to train on, 2 held out; skipped: 0 broken, 0 gray"
        assert re.fullmatch(r"generator \d+\.\d\d M, discriminator \d+\.\d\d M parameters to learn", lines[1])
        assert re.match(r"8 images: auc \d+\.\d\d, auc_rebalanced ", lines[2])
        assert len(lines) == 3
        assert not (tmp_path / name / "cache").exists()
    assert len(list((tmp_path / "cache").glob("*.u8"))) == 1


@pytest.mark.slow
def test_training_tells_its_time_at_its_start_and_logs_from_the_first_step(photos: Path, tmp_path: Path) -> None:
    stages = "stages=[{images=64,size=48,batch=8},{images=800,size=96,batch=8}]"
    more = ("--set", "log_every=50", "--set", "stopping.every=0")
    with start(*arguments_of(photos, tmp_path / "run", stages, *more)) as process:
        assert process.stderr is not None
        lines = [next(process.stderr) for _ in range(3)]
        process.terminate()
    told = re.fullmatch(r"(\d+\.\d) crops/s at first: about (\d+(\.\d)?) (s|minutes|hours) to go\n", lines[2])
    assert told, lines
    first = json_lines(tmp_path / "run/log.jsonl")[0]
    assert (first["event"], first["step"], first["images"]) == ("step", 1, 8)
    assert {"l1", "classes", "images_per_s"} <= first.keys()
    # 4 steps of 8 crops are through; those of the second stage have four times the pixels.
    seconds = float(told[2]) * {"s": 1, "minutes": 60, "hours": 3600}[told[4]]
    assert seconds == pytest.approx((32 + 4 * 800) / float(told[1]), rel=0.1, abs=1)


def test_discriminator_stage_leaves_the_generator_alone(photos: Path, tmp_path: Path) -> None:
    only = "stages=[{kind='pretrain_discriminator',images=16,size=48,batch=8,lr_discriminator=0.01}]"
    config = load_config("tiny", None, overrides(photos, only))
    train(config, tmp_path)
    saved = newest(tmp_path)
    torch.manual_seed(config.seed)
    generator, discriminator = build_generator(config), build_discriminator(config)
    after = saved.part("generator")
    assert all(torch.equal(value, after[name]) for name, value in generator.state_dict().items())
    moved = saved.part("discriminator")
    assert any(not torch.equal(value, moved[name]) for name, value in discriminator.state_dict().items())


@pytest.mark.slow
def test_kill_9_then_resume_equals_the_unbroken_run(run: Path, photos: Path, tmp_path: Path) -> None:
    out, arguments = tmp_path / "run", arguments_of(photos, tmp_path / "run", STAGES, "--set", "checkpoint_minutes=0")
    with start(*arguments) as process:
        assert waits(lambda: list_checkpoints(out / "checkpoints"))
        process.kill()
    assert command(*arguments, "--resume").stdout == ""
    assert_equal(newest(run), newest(out))
    assert log_of(out) == log_of(run)


def test_a_run_starts_from_another_ones_average(run: Path, photos: Path, tmp_path: Path) -> None:
    last = list_checkpoints(run / "checkpoints")[-1]
    start = f"network.start={last}"
    config = load_config("tiny", None, overrides(photos, start))
    saved = load_checkpoint(last)
    for net, part in ((build_generator(config), "average"), (build_discriminator(config), "discriminator")):
        state = net.state_dict()
        assert state.keys() == saved.part(part).keys()
        assert all(torch.equal(state[name], tensor) for name, tensor in saved.part(part).items())
    for name in ("renamed.ckpt", "RENAMED.SAFETENSORS"):
        shutil.copy(last, tmp_path / name)
        shutil.copy(last.with_suffix(".sha256"), (tmp_path / name).with_suffix(".sha256"))
        weights = build_generator(load_config("tiny", None, overrides(photos, f"network.start={tmp_path / name}")))
        assert all(torch.equal(weights.state_dict()[key], tensor) for key, tensor in saved.part("average").items())
    wider = load_config("tiny", None, overrides(photos, start, "network.widths=[32,32,24,16,8]"))
    with pytest.raises(CheckpointError, match=f"{last.name}: holds another network; give the same network settings"):
        train(wider, tmp_path / "b")
    with pytest.raises(CheckpointError, match=r"none\.safetensors: no such file"):
        build_generator(load_config("tiny", None, overrides(photos, f"network.start={tmp_path}/none.safetensors")))


def test_a_run_starts_from_what_model_takes(tmp_path: Path) -> None:
    """A name of a model that ships or was added, a folder, a zip."""
    shipped = open_bundle("default")
    base = restore(shipped)
    zipped = shutil.make_archive(str(tmp_path / "copy"), "zip", shipped.path)
    assert command("models", "add", "mine", zipped, "--yes").returncode == 0
    for model in ("default", "mine", str(shipped.path), zipped):
        weights = build_generator(Config(network=replace(base.config, start=model))).state_dict()
        assert all(torch.equal(weights[name], tensor) for name, tensor in base.net.state_dict().items()), model


def test_a_start_that_is_none_is_one_line(photos: Path, tmp_path: Path) -> None:
    """Before any photo is decoded."""
    for model, words in {
        "defualt": r"no such model bundle; .*did you mean default\?",
        "default": r"default: holds another network; give its settings: .*network\.recognizer=true",
        str(tmp_path): r"card\.json",
    }.items():
        with pytest.raises(ColorizeGANError, match=words):
            train(load_config("tiny", None, overrides(photos, f"network.start={model}")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_sigterm_saves_and_exits_143(photos: Path, tmp_path: Path) -> None:
    log = tmp_path / "run" / "log.jsonl"
    with start(*arguments_of(photos, tmp_path / "run", STAGES.replace("images=48", "images=100000"))) as process:
        assert waits(lambda: log.exists() and log.read_text().count("\n") >= 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert newest(tmp_path / "run").facts["state"]["step"] == len(log.read_text().splitlines()) >= 2


def test_a_run_is_not_overwritten_and_must_match(run: Path, photos: Path, tmp_path: Path) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*"))
    with pytest.raises(CheckpointError, match="--resume"):
        train(load_config("tiny", None, overrides(photos)), run)
    with pytest.raises(CheckpointError, match="another network"):
        train(load_config("tiny", None, overrides(photos, "network.deep_blocks=2")), run, resume=True)
    other = tmp_path / "other"
    other.mkdir()
    for photo in photos.iterdir():
        shutil.copy(photo, other)
    shutil.copy(photos / "1.png", other / "0.png")  # the same names, one photo changed
    with pytest.raises(CheckpointError, match="other photos"):
        train(load_config("tiny", None, overrides(other)), run, resume=True, cache=tmp_path / "cache")
    assert sorted((p, p.stat().st_mtime_ns) for p in run.rglob("*")) == before


@pytest.fixture(scope="module")
def often_saved(run: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with a checkpoint after every step."""
    out = tmp_path_factory.mktemp("often")
    train(load_config("tiny", None, overrides(photos, "checkpoint_minutes=0")), out, cache=run / "cache")
    return out


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["torn", "one bit", "a line of text"])
def test_a_damaged_checkpoint_is_passed_over_in_one_line(
    damage: str, often_saved: Path, run: Path, photos: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(often_saved, tmp_path / "run")
    last = list_checkpoints(out / "checkpoints")[-1]
    content = last.read_bytes()
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]
    last.write_bytes({"torn": content[:middle], "one bit": changed, "a line of text": b"not found\n"}[damage])
    more = ("--set", "checkpoint_minutes=0", "--cache", str(run / "cache"), "--resume")
    result = call(*arguments_of(photos, out, STAGES, *more))
    assert result.exit_code == 0, result.stderr
    said = [line for line in result.stderr.splitlines() if "checkpoint" in line]
    assert len(said) == 1
    wanted = rf"passed over a checkpoint: .*{last.name}: does not match its hash; .* \[E_CHECKPOINT\]"
    assert re.fullmatch(wanted, said[0])
    assert "going on after step 9, 72 images" in result.stderr.splitlines()
    assert_equal(newest(run), load_checkpoint(last))
    assert log_of(out) == log_of(run)


@pytest.mark.slow
def test_the_exported_bundle_is_whole_and_tells_nothing_of_this_machine(run: Path, exported: Path) -> None:
    files = ["card.json", "model.onnx", "model.safetensors"]
    assert sorted(p.name for p in exported.iterdir()) == files
    assert [stat.S_IMODE((exported / name).stat().st_mode) for name in files] == [0o644] * 3
    card = json.loads((exported / "card.json").read_text())
    assert (card["name"], card["licence"], card["working_size"]) == ("mine", "CC0-1.0", 96)
    assert {wish: card[wish] for wish in ANSWER} == ANSWER
    assert str(run.parent) not in (exported / "card.json").read_text()
    assert str(Path.home()).encode() not in (exported / "model.onnx").read_bytes()
    assert not list(exported.parent.glob(".bundle-*"))
    with pytest.raises(OutputError, match="exists"):
        export_bundle(run, exported)


@torch.no_grad()
def test_the_exported_bundle_colours_as_torch_does_as_asked(run: Path, exported: Path) -> None:
    saved = newest(run)
    net = cast(ColorUNet, build_generator(from_dict(saved.facts["config"])).eval())
    net.load_state_dict(saved.part("average"))
    L = 100 * torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    full, logits = net(L)

    def mean(temperature: float, more: torch.Tensor) -> torch.Tensor:
        adjusted = logits + more[:, None, None]
        return F.interpolate(annealed_mean(adjusted, net.centres, temperature), scale_factor=2.0, mode="bilinear")

    a, b = net.centres.T
    rarity = torch.hypot((a - 5) / 17, (b - 8) / 24)
    plain, adjusted = (mean(ANSWER["temperature"], strength * rarity) for strength in (0, ANSWER["adjustment"]))
    ab = adjusted + ANSWER["correction"] * (full - mean(net.temperature, 0 * rarity))
    expected = ANSWER["chroma"] * ab * (torch.hypot(ab[:, :1], ab[:, 1:]) / 20) ** ANSWER["contrast"]
    assert min((other - expected).abs().max() for other in (full, ab)) > 0.5
    assert min((one - other).abs().max() for one, other in ((plain, adjusted), (adjusted, ab))) > 0.1
    got = Predictor(open_bundle(exported)).predict(L[0, 0].numpy())
    assert np.ptp(expected.numpy()) > 1  # there is something to compare
    np.testing.assert_allclose(got.ab, expected[0].numpy(), atol=0.1)  # half-precision weights


def test_a_temperature_of_the_user_is_as_if_exported(run: Path, exported: Path, tmp_path: Path) -> None:
    export_bundle(run, tmp_path / "dull", answer=ANSWER | {"temperature": 0.6})
    gray = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    photo = np.asarray(Image.fromarray(gray).resize((192, 192)))
    asked = Colorizer(exported).predict(photo, Look(temperature=0.6, size=96)).ab
    wanted, plain = (Colorizer(path).predict(photo, Look(size=96)).ab for path in (tmp_path / "dull", exported))
    assert abs(plain - wanted).max() > 1
    np.testing.assert_allclose(asked, wanted, atol=0.2)  # half-precision weights


def test_the_exported_bundle_colours_photos(exported: Path) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)
    result = Colorizer(exported).colorize(gray)
    assert result.shape == (50, 70, 3)
    assert np.ptp(result.astype(int), axis=2).max() > 0  # there is colour


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
    assert "tiny" in python("-c", code, env={k: v for k, v in os.environ.items() if k != "HOME"}).stdout


def test_export_says_what_it_checked_and_nothing_of_the_exporter(exported: Path) -> None:
    *checks, last = (exported.parent / "said").read_text().splitlines()
    assert checks
    assert all(line.startswith("parity at ") for line in checks)
    assert last.endswith(f"-> {exported}")
