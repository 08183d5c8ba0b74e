"""A slice of GPU time, on the CPU: it trains from shards that come, ends, and leaves weights that go on elsewhere."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from arriving_photos import ArrivingPhotos
from command import json_lines, waits
from slice_training import join_weights, read_settings, train_slice
from tiny_run import overrides

from colorizegan.data.layouts import list_photos
from colorizegan.data.shards import pack
from colorizegan.errors import ConfigError, DataError
from colorizegan.training.build import build_discriminator, build_generator
from colorizegan.training.checkpoint import load_checkpoint
from colorizegan.training.config import to_dict
from colorizegan.training.configure import load_config
from colorizegan.training.networks.bins import ab_bin_centres

STAGES = (
    "stages=[{images=600,size=48,batch=4,lr=1e-3},"
    "{kind='adversarial',images=400,size=48,batch=4,lr=1e-4,adversarial=0.1}]"
)
# What a borrowed machine may lack.
LACKING = (
    "lightning_fabric pydantic webdataset pyvips pillow_heif typer rich onnx onnxruntime matplotlib tensorboard scipy"
)
WITHOUT = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({LACKING.split()!r}))  # None: not to be had
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def shards(photos: Path, tmp_path: Path) -> Path:
    """Twenty photos in two shards."""
    pack(list_photos((str(photos),)), tmp_path / "shards", per_shard=10)
    return tmp_path / "shards"


@pytest.mark.slow
def test_the_command_needs_little_and_its_weights_go_on(
    shards: Path, photos: Path, repository: Path, tmp_path: Path
) -> None:
    script, settings = repository / "scripts" / "gpu_slice.py", tmp_path / "slice.json"
    config = load_config("tiny", None, overrides(photos, STAGES))
    changes = [item for change in overrides(photos, STAGES) for item in ("--set", change)]
    made = [sys.executable, script, "settings", "--preset", "tiny", "-o", settings, *changes]
    subprocess.run([str(word) for word in made], check=True)
    assert read_settings(settings) == config
    train = [sys.executable, "-c", WITHOUT, script, "train", settings, shards, tmp_path / "out"]
    words = [str(word) for word in (*train, "--minutes", 0.3, "--save-minutes", 0.05)]
    result = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr
    folder = Path(result.stdout.strip())
    assert [path.name for path in (tmp_path / "out").glob("step-*")] == [folder.name]  # older ones are gone
    lines = json_lines(tmp_path / "out" / "log.jsonl")
    assert lines[-1]["step"] >= 1
    assert lines[-1]["images"] == 4 * lines[-1]["step"]
    assert (tmp_path / "out" / "stage-0" / "weights-1.safetensors").is_file()  # what the second stage began with

    saved = load_checkpoint(join_weights(folder, tmp_path / "run"))
    assert saved.facts["photos"] == 20
    start = next((tmp_path / "run").rglob("*.safetensors"))
    begin = load_config("tiny", None, overrides(photos, f"network.start={start}"))
    for net, part in ((build_generator(begin), "average"), (build_discriminator(begin), "discriminator")):
        assert all(torch.equal(value, saved.part(part)[name]) for name, value in net.state_dict().items())
    torch.manual_seed(config.seed)
    fresh = build_generator(config).state_dict()
    moved = [name for name, value in saved.part("average").items() if (value - fresh[name]).abs().max() > 1e-3]
    assert len(moved) > 10


def test_shards_may_come_while_it_runs(shards: Path, photos: Path, tmp_path: Path) -> None:
    first, second = sorted(shards.glob("*.tar"))
    later = second.rename(tmp_path / "later")
    (shards / "torn.tar").write_bytes(first.read_bytes()[:700])
    names = [photo.key for photo in list_photos((str(first),))]
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text("key\tsource\n" + "".join(f"{name}\t{'ab'[i % 2]}\n" for i, name in enumerate(names)))
    apart = (f"data.manifest={manifest}", 'data.holdout_sources=["b"]')
    arriving = ArrivingPhotos(
        load_config("tiny", None, overrides(photos, *apart)), shards, tmp_path / "cache", torch.device("cpu")
    )
    arriving.wait(time.monotonic() + 120)
    assert len(arriving.store) == 10
    assert [arriving.store.keys[i] for i in arriving.usable] == names[::2]
    assert len(arriving.rebalance) == len(ab_bin_centres())
    assert not arriving.take()
    shutil.move(later, second)
    assert waits(arriving.take)
    arriving.stop()
    assert len(arriving.store) == 20
    assert len(arriving.usable) == 15
    scores = arriving.score(build_generator(arriving.config))
    assert scores["photos"] == arriving.config.data.holdout == 2  # of five in the first shard
    assert 0 < scores["auc_rebalanced"] < 100
    assert 0 < scores["annealed_auc_rebalanced"] < 100
    shapes, offsets = arriving.store.shapes, arriving.store.offsets
    assert len(arriving.pixels) * 3 == offsets[-1] + shapes[-1].prod() * 3


def test_without_photos_it_says_so_in_time(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    config = load_config("tiny", None, overrides(photos, STAGES))
    with pytest.raises(DataError, match="no usable photo has come in time"):
        train_slice(config, tmp_path / "shards", tmp_path / "out", minutes=0.02)


def test_what_is_no_whole_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no whole set of weights"):
        join_weights(tmp_path, tmp_path / "run")
    (tmp_path / "weights-1.safetensors").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"weights-1\.safetensors: cannot be read"):
        join_weights(tmp_path, tmp_path / "run")
    settings = tmp_path / "slice.json"
    table = to_dict(load_config("tiny"))
    for broken in ("{", "[]", json.dumps(table | {"colour": 1}), json.dumps({"seed": 1})):
        settings.write_text(broken)
        with pytest.raises(ConfigError, match=r"slice\.json"):
            read_settings(settings)
