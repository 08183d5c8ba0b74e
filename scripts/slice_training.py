"""`train_slice(...)`: train within a number of minutes, on the device alone, from shards that arrive while it runs.

For a GPU that is at hand for a short time: photos are decoded once and lie in its memory, every stage of the settings
gets its share of the minutes, and the weights are written every minute in files that are small enough to be sent.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from arriving_photos import ArrivingPhotos
from device_crops import DeviceCrops
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from colorizegan.errors import ConfigError, DataError
from colorizegan.training.batches.augment import make_batch
from colorizegan.training.batches.crops import Crops
from colorizegan.training.build import Networks, build_discriminator, build_generator, build_objective
from colorizegan.training.checkpoint import Checkpoint, divided, save_checkpoint
from colorizegan.training.config import Config, Stage, check, to_dict
from colorizegan.training.networks.bins import ab_bin_centres
from colorizegan.training.optimizers import Optimizers
from colorizegan.training.step import judged_heads, seed_of, train_step, update_average

logger = logging.getLogger("colorizegan.training")

FILE_BYTES = 15 << 20  # of weights in a file, at most (a single larger tensor has a file of its own)
RESERVE = 5.0  # seconds kept for the last save and for a step that takes longer than others; a tenth of short slices


def train_slice(config: Config, shards: Path, out: Path, minutes: float, save_minutes: float = 1.0) -> Path:
    """Train; each stage of `config` gets the share of the time that its `images` are of all stages'.

    Args:
        config: settings. Of `data` count `manifest`, `holdout_sources`, `holdout`, `weights`, `store_side` and
            `min_colorfulness`; photos of held-out sources are left out, and `holdout` of them at most judge the run.
        shards: folder where *.tar shards are, or arrive under these names when they are whole (written under another
            name and renamed). The first must be there, or come, before training begins.
        out: gets `step-N/` with the newest weights, `stage-K/` with those at the end of each stage before the last, and
            log.jsonl with the losses and the held-out scores at every save.
        minutes: from the call to its end.
        save_minutes: between two saves.

    Returns:
        The folder of the last weights; `join_weights` makes a checkpoint of it.

    Raises:
        DataError: no usable photo came in time.
    """
    end = time.monotonic() + 60 * minutes - min(RESERVE, 6 * minutes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True  # a stage's crops have one size: the fastest convolutions are worth a look
    torch.manual_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    networks = Networks(build_generator(config), build_discriminator(config), device)
    objective = build_objective(config, device, torch.ones(len(ab_bin_centres())))
    generator, discriminator = networks.generator, networks.discriminator
    if config.compile:
        generator, discriminator = (cast(nn.Module, torch.compile(net)) for net in (generator, discriminator))

    photos = ArrivingPhotos(config, shards, out / "cache", device)
    photos.wait(end)
    chance = torch.Generator(device)
    step = images = 0
    begun = saved_at = time.monotonic()
    whole = sum(stage.images for stage in config.stages)
    for number, stage in enumerate(config.stages):
        over = begun + (end - begun) * sum(s.images for s in config.stages[: number + 1]) / whole
        started, position, crops = time.monotonic(), 0, None
        optimizers = Optimizers(networks.generator, networks.discriminator, stage, config)
        objective = replace(objective, stage=stage, heads=judged_heads(networks.generator, stage))
        networks.generator.train(stage.kind != "pretrain_discriminator")
        networks.discriminator.train()
        sums: dict[str, Tensor] = {}
        now, longest = time.monotonic(), 0.0  # a step that would not end in time is not begun
        while now + longest < over:
            if photos.take() or crops is None:
                objective.rebalance.copy_(photos.rebalance)
                plan = Crops(photos.store, photos.usable, photos.shares, stage.size, stage.crop, config.seed + step)
                crops, position = DeviceCrops(plan, photos.pixels), 0
            # --- a step: nothing in it waits for the device ---
            chance.manual_seed(seed_of(config.seed, number, step))
            batch = make_batch(crops.batch(position, stage.batch), config.augment, chance)
            seeds = [seed_of(config.seed, number, step, 1)]
            optimizers.set_rates(stage, (now - started) / (over - started))
            values = train_step(generator, discriminator, discriminator, optimizers, [batch], seeds, objective)
            if stage.kind != "pretrain_discriminator":
                update_average(networks.average, networks.generator, config.ema, step)
            for name, value in values.items():
                sums[name] = sums.get(name, 0) + value
            step, images, position = step + 1, images + stage.batch, position + stage.batch
            before, now = now, time.monotonic()
            longest = max(longest / 2, now - before)  # the first step, with its search, is soon forgotten
            # --- once a minute: what it has come to, and the weights ---
            if now - saved_at >= 60 * save_minutes:
                facts = _facts(config, photos, stage.kind, step, images, now - begun)
                _save(networks, out, f"step-{step}", facts)
                _log(out, facts["state"], sums, photos.score(networks.average))
                saved_at, sums = now, {}
                now = time.monotonic()
        if number + 1 < len(config.stages):
            _save(networks, out, f"stage-{number}", _facts(config, photos, stage.kind, step, images, now - begun))
    facts = _facts(config, photos, config.stages[-1].kind, step, images, time.monotonic() - begun)
    folder = _save(networks, out, f"step-{step}", facts)
    _log(out, facts["state"], {}, photos.score(networks.average))
    photos.stop()
    return folder


def _facts(config: Config, photos: ArrivingPhotos, kind: str, step: int, images: int, seconds: float) -> dict[str, Any]:
    """What a checkpoint says of itself, and the photos that there were."""
    settings = to_dict(config)
    state = {"step": step, "images": images, "seconds": round(seconds, 1), "kind": kind}
    facts = {"state": state, "config": settings, "network": settings["network"], "data": ""}
    return facts | {"photos": len(photos.usable), "skipped": photos.store.skipped}


def _log(out: Path, state: dict[str, Any], sums: dict[str, Tensor], holdout: dict[str, float]) -> None:
    """A line of log.jsonl and of the logger: the place, the losses summed up since the last line, held-out scores."""
    line = state | {"sums": {name: round(float(value), 3) for name, value in sums.items()}, "holdout": holdout}
    with (out / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    speed = state["images"] / max(1e-3, state["seconds"])
    logger.info(
        "%d steps, %d images, %.0f images/s: %s %s", state["step"], state["images"], speed, line["sums"], holdout
    )


def _save(networks: Networks, out: Path, name: str, facts: dict[str, Any]) -> Path:
    """Write the averaged generator and the discriminator in half precision; older steps go when these are whole."""
    folder, part = out / name, out / ".weights.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    kept: dict[str, Tensor] = {}
    for key, tensor in networks.tensors("average", "discriminator").items():
        half = tensor.detach().to("cpu", torch.float16 if tensor.is_floating_point() else tensor.dtype)
        kept[key] = half.contiguous().clone()  # tied weights share their memory, which the format refuses
    groups = divided(kept, FILE_BYTES)
    for number, group in enumerate(groups, 1):
        text = {"facts": json.dumps(facts), "part": f"{number} of {len(groups)}"}
        save_file(group, part / f"weights-{number}.safetensors", text)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    for old in out.glob("step-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def join_weights(folder: Path, run: Path) -> Path:
    """The weights that `train_slice` left in a folder as the checkpoint of a run, for `network.start` and `export`.

    DataError where a file is missing, damaged, or of another save.
    """
    tensors: dict[str, Tensor] = {}
    texts: list[dict[str, str]] = []
    paths = sorted(folder.glob("weights-*.safetensors"))
    for path in paths:
        try:
            with safe_open(path, "pt") as file:
                texts.append(file.metadata() or {})
                tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        except (SafetensorError, OSError) as error:
            raise DataError(f"cannot be read ({error})", path=path, remedy="fetch it again") from None
    wanted = {f"{number} of {len(paths)}" for number in range(1, len(paths) + 1)}
    if not paths or {text.get("part") for text in texts} != wanted or len({text.get("facts") for text in texts}) != 1:
        raise DataError("holds no whole set of weights", path=folder, remedy="fetch all files of one folder")
    facts = json.loads(texts[0]["facts"])
    wide = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    return save_checkpoint(run / "checkpoints", facts["state"]["step"], Checkpoint(wide, facts))


def read_settings(path: Path) -> Config:
    """Settings from a file of what `to_dict` made; else ConfigError. It does without pydantic, which checks others."""

    def build(kind: Callable[..., Any], values: dict[str, Any]) -> Any:
        return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})

    try:
        table = json.loads(path.read_text("utf-8"))
        table["stages"] = [build(Stage, stage) for stage in table["stages"]]
        for name, group in vars(Config()).items():
            if is_dataclass(group):
                table[name] = build(type(group), table[name])
        return check(build(Config, table))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = "make it with `scripts/gpu_slice.py settings`"
        raise ConfigError(f"holds no settings ({error})", path=path, remedy=remedy) from None
