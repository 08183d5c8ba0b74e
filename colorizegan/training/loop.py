"""`train(config, out)`: data, stages, steps, validation and checkpoints in one function, read top to bottom."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import time
from pathlib import Path
from typing import Any, cast

import lightning_fabric
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.errors import CheckpointError, DataError
from colorizegan.training import losses, stopping
from colorizegan.training.augment import make_batch
from colorizegan.training.bins import SoftLabels, rebalancing_weights
from colorizegan.training.build import best_precision, build_discriminator, build_generator, parameter_groups
from colorizegan.training.checkpoint import (
    Checkpoint,
    checkpoint_path,
    load_checkpoint,
    load_newest,
    load_optimizer,
    optimizer_tensors,
    save_checkpoint,
    write_atomic,
)
from colorizegan.training.config import Config, Stage, check, to_dict
from colorizegan.training.datasets import Crops, count_bins, crop_batches, read_weights, split_holdout
from colorizegan.training.layouts import list_photos
from colorizegan.training.networks import ColorOutput, count_parameters
from colorizegan.training.photocache import fingerprint, open_cache
from colorizegan.training.runlog import StopSignals, cut_log, progress_bar
from colorizegan.training.squeezenet import SqueezeNetFeatures
from colorizegan.training.validate import holdout_squares, validate, write_curves, write_samples

logger = logging.getLogger("colorizegan.training")


def train(config: Config, out: Path, *, resume: bool = False, cache: Path | None = None) -> Path:
    """Train a colorizer.

    Args:
        config: settings; `config.data.sources` names the photos.
        out: the run's folder: config.json, log.jsonl, checkpoints/, samples/, curves.png.
        resume: go on from the newest whole checkpoint in `out`; a fresh run refuses a folder that has one.
        cache: where decoded photos are kept; default `out`/cache. Runs on the same photos may share it.

    Returns:
        The folder of the checkpoints; the last one holds the finished networks.

    Raises:
        DataError, ConfigError, CheckpointError: in one line each. KeyboardInterrupt or SystemExit(143) on SIGINT or
        SIGTERM, after a checkpoint was written.
    """
    # --- machine ---
    check(config)
    torch.set_num_threads(config.threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(config.seed)
    fabric = lightning_fabric.Fabric(accelerator="auto", devices=1, precision=best_precision(config.precision))  # pyright: ignore[reportArgumentType]
    device = fabric.device
    out.mkdir(parents=True, exist_ok=True)

    # --- photos ---
    photos = list_photos(config.data.sources, (cache or out / "cache") / "shards")
    data_hash = fingerprint(photos, config.data)
    with progress_bar("decoding photos", len(photos)) as tick:
        store = open_cache(photos, config.data, cache or out / "cache", lambda done, _: tick(done))
    training, held_out = split_holdout(store.keys, config.data.holdout)
    shares = read_weights(config.data.weights, store.keys) * [photos[place].share for place in store.places]
    squares = holdout_squares(store, held_out) if len(held_out) else None
    rebalance = torch.from_numpy(rebalancing_weights(count_bins(store, training), config.losses.rebalance)).to(device)
    labels = SoftLabels(device)
    skipped = ", ".join(f"{count} {why}" for why, count in store.skipped.items())
    logger.info("%d photos to train on, %d held out; skipped: %s", len(training), len(held_out), skipped)

    # --- networks ---
    generator, discriminator = build_generator(config), build_discriminator(config)
    for net in (generator, discriminator):
        net.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    needs_features = any(stage.perceptual > 0 for stage in config.stages)
    features = SqueezeNetFeatures(Path(config.losses.features)).to(device) if needs_features else None
    learning = (count_parameters(generator) / 1e6, count_parameters(discriminator) / 1e6)
    logger.info("generator %.2f M, discriminator %.2f M parameters to learn", *learning)

    # --- where to start ---
    folder = out / "checkpoints"
    state: dict[str, Any] = {
        "stage": 0,
        "stage_images": 0,
        "step": 0,
        "images": 0,
        "seconds": 0.0,
        "sums": {},
        "summed": 0,
        "looks": [],
    }
    saved, passed = load_newest(folder)
    for error in passed:
        logger.warning("passed over a checkpoint: %s", error)
    if saved is not None:
        if not resume:
            raise CheckpointError("holds a run already", path=out, remedy="add --resume, or choose another folder")
        if saved.facts["data"] != data_hash:
            raise CheckpointError("was trained on other photos", path=out, remedy="give the same --data, unchanged")
        if saved.facts["network"] != to_dict(config)["network"]:
            raise CheckpointError("holds another network", path=out, remedy="give the same network settings")
        generator.load_state_dict(saved.part("generator"))
        average.load_state_dict(saved.part("average"))
        discriminator.load_state_dict(saved.part("discriminator"))
        torch.set_rng_state(saved.tensors["rng"])
        state |= saved.facts["state"]
        cut_log(out / "log.jsonl", state["step"])
        logger.info("going on after step %d, %d images", state["step"], state["images"])
    elif passed:
        raise CheckpointError("no checkpoint is whole", path=folder, remedy="start again in another folder")
    write_atomic(out / "config.json", json.dumps(to_dict(config), indent=1).encode())
    compiled_g, compiled_d = generator, discriminator
    if config.compile:
        compiled_g, compiled_d = (cast(nn.Module, torch.compile(net)) for net in (generator, discriminator))

    networks = {"generator": generator, "average": average, "discriminator": discriminator}

    def pack_state(*names: str) -> Checkpoint:
        tensors = {f"{name}.{key}": value for name in names for key, value in networks[name].state_dict().items()}
        facts = {"state": state, "data": data_hash, "network": to_dict(config)["network"]}
        facts |= {"config": to_dict(config), "skipped": store.skipped, "photos": len(training)}
        return Checkpoint(tensors, facts)

    stop = StopSignals()
    with stop, (out / "log.jsonl").open("a", encoding="utf-8") as log:

        def record(event: str, values: dict[str, Any]) -> None:
            head = {"event": event, "stage": state["stage"], "step": state["step"], "images": state["images"]}
            log.write(json.dumps(head | values) + "\n")
            log.flush()

        for number in range(state["stage"], len(config.stages)):
            stage = config.stages[number]
            if number != state["stage"]:
                state |= {"stage": number, "stage_images": 0, "sums": {}, "summed": 0, "looks": []}
                saved = None
            # --- this stage's optimizers: each stage starts fresh ones ---
            opt_g = torch.optim.AdamW(
                parameter_groups(generator, stage, config),
                betas=(stage.beta1, 0.999),
                weight_decay=config.weight_decay,
                fused=True,
            )
            opt_d = torch.optim.Adam(
                discriminator.parameters(), stage.lr_discriminator, betas=(stage.beta1, 0.999), fused=True
            )
            if saved is not None:
                load_optimizer(opt_g, saved.part("opt_g"))
                load_optimizer(opt_d, saved.part("opt_d"))
            net_g, fabric_g = fabric.setup(compiled_g, opt_g)
            net_d, fabric_d = fabric.setup(compiled_d, opt_d)
            generator.train(stage.kind != "pretrain_discriminator")
            discriminator.train()
            uses_d = stage.kind != "pretrain_generator"
            watched = squares if stage.kind == "adversarial" and config.stopping.every > 0 else None
            if watched is not None and not state["looks"]:
                state["looks"] = [stopping.look(average, watched, device, state["step"]).facts()]
                save_checkpoint(out / "snapshots", state["step"], pack_state("average", "discriminator"), kept=None)

            # --- this stage's batches, from where it stopped ---
            # Each stage has crop numbers of its own, so that no stage repeats another one's crops.
            crops = Crops(store, training, shares, stage.size, stage.crop, config.seed + 1000 * number)
            batches = crop_batches(crops, state["stage_images"], stage.images, stage.batch, config.data.workers)
            saved_at = validated_at = logged_at = time.monotonic()
            with progress_bar(f"{number + 1}/{len(config.stages)} {stage.kind}", stage.images) as tick:
                for rgb in batches:
                    chance = torch.Generator().manual_seed(_seed(config.seed, number, state["stage_images"]))
                    batch = make_batch(rgb.to(device), config.augment, chance)
                    rate = learning_rate(stage, state["stage_images"] / stage.images)
                    for group in opt_g.param_groups:
                        group["lr"] = stage.lr * rate * group["factor"]
                    for group in opt_d.param_groups:
                        group["lr"] = stage.lr_discriminator

                    # --- generator forward, with gradients only where it learns ---
                    with torch.set_grad_enabled(stage.kind != "pretrain_discriminator"):
                        output = ColorOutput(*net_g(batch.L, batch.hint_ab, batch.hint_mask))
                    shrink = stage.size // output.ab.shape[2]  # 1, 2 or 4, by the network
                    target, light = (F.avg_pool2d(x, shrink) if shrink > 1 else x for x in (batch.ab, batch.L_true))
                    values: dict[str, Tensor] = {}

                    # --- discriminator step on the detached fake ---
                    if uses_d:
                        discriminator.requires_grad_(True)
                        loss = losses.discriminator_loss(
                            net_d(light, target), net_d(light, output.ab.detach()), config.losses.gan
                        )
                        fabric_d.zero_grad(set_to_none=True)
                        fabric.backward(loss)
                        fabric_d.step()
                        values["discriminator"] = loss.detach()

                    # --- generator step with the discriminator frozen ---
                    if stage.kind != "pretrain_discriminator":
                        parts = losses.generator_losses(
                            output, target, batch, light, stage, labels, rebalance, features
                        )
                        if stage.kind == "adversarial":
                            discriminator.requires_grad_(False)
                            parts["adversarial"] = losses.generator_loss(net_d(light, output.ab), config.losses.gan)
                        loss = torch.stack([getattr(stage, name) * part for name, part in parts.items()]).sum()
                        fabric_g.zero_grad(set_to_none=True)
                        fabric.backward(loss)
                        if config.network.generator == "unet":
                            nn.utils.clip_grad_norm_(generator.parameters(), 5.0)
                        fabric_g.step()
                        update_average(average, generator, config.ema, state["step"])
                        values |= {name: part.detach() for name, part in parts.items()}

                    # --- log ---
                    state["step"] += 1
                    state["images"] += len(rgb)
                    state["stage_images"] += len(rgb)
                    state["summed"] += 1
                    for name, value in values.items():
                        state["sums"][name] = state["sums"].get(name, 0.0) + float(value)
                    now = time.monotonic()
                    tick(state["stage_images"])
                    if state["step"] % config.log_every == 0:
                        means = {name: total / state["summed"] for name, total in state["sums"].items()}
                        if not all(math.isfinite(mean) for mean in means.values()):
                            raise DataError(f"the losses are no longer finite: {means}", remedy="lower the rates")
                        speed = config.log_every * stage.batch / (now - logged_at)
                        record("step", means | {"lr": stage.lr * rate, "images_per_s": round(speed, 1)})
                        state["seconds"] += now - logged_at
                        state |= {"sums": {}, "summed": 0}
                        logged_at = now

                    # --- look whether an adversarial stage has done enough; end it with the best weights it had ---
                    done = state["stage_images"] >= stage.images
                    due = watched is not None and state["stage_images"] % config.stopping.every < len(rgb)
                    if watched is not None and (done or due):
                        seen = stopping.look(average, watched, device, state["step"])
                        state["looks"].append(seen.facts())
                        save_checkpoint(
                            out / "snapshots", state["step"], pack_state("average", "discriminator"), kept=None
                        )
                        looks = [stopping.Look(**facts) for facts in state["looks"]]
                        broken = stopping.broken_rule(looks[0], seen, config.stopping)
                        record("look", seen.facts() | {"start": looks[0].facts(), "broken": broken})
                        if done or broken:
                            best = stopping.best_look(looks, config.stopping)
                            snapshot = load_checkpoint(checkpoint_path(out / "snapshots", best.step))
                            for module in (generator, average):
                                module.load_state_dict(snapshot.part("average"))
                            why = broken or "all its crops are used up"
                            logger.info(
                                "the adversarial stage ends: %s; kept are the weights of step %d", why, best.step
                            )
                            state["stage_images"], done = stage.images, True  # a resumed run is not to go on with it

                    # --- validate, save ---
                    if squares is not None and (done or now - validated_at > 60 * config.validate_minutes):
                        scores = validate(average, squares, device)
                        record("validate", scores)
                        text = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
                        logger.info("%d images: %s", state["images"], text)
                        write_samples(average, squares[:24], device, out / "samples" / f"{state['images']:09d}.png")
                        write_curves(out / "log.jsonl", out / "curves.png")
                        validated_at = time.monotonic()
                    by_steps = config.checkpoint_steps and state["step"] % config.checkpoint_steps == 0
                    if done or stop.received or by_steps or now - saved_at > 60 * config.checkpoint_minutes:
                        current = pack_state(*networks)
                        current.tensors["rng"] = torch.get_rng_state()
                        for name, optimizer in (("opt_g", opt_g), ("opt_d", opt_d)):
                            current.tensors.update({f"{name}.{k}": v for k, v in optimizer_tensors(optimizer).items()})
                        save_checkpoint(folder, state["step"], current)
                        saved_at = time.monotonic()
                    if stop.received:
                        stop.leave()
                    if done:
                        break
    return folder


def learning_rate(stage: Stage, progress: float) -> float:
    """Factor on the learning rate at `progress` 0..1 of a stage: linear warm-up, then a cosine down to final_lr."""
    if progress < stage.warmup:
        return (progress + 1e-4) / stage.warmup
    t = (progress - stage.warmup) / (1 - stage.warmup)
    return stage.final_lr + (1 - stage.final_lr) * (1 + math.cos(math.pi * t)) / 2


@torch.no_grad()
def update_average(average: nn.Module, generator: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights; buffers (norm statistics) are taken over as they are.

    The decay starts low, so that the random start is forgotten: min(decay, (1 + step) / (10 + step)).
    """
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(generator.parameters()), 1 - decay)
    for mean, buffer in zip(average.buffers(), generator.buffers(), strict=True):
        mean.copy_(buffer)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
