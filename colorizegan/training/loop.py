"""`train(config, out)`: data, stages, steps, validation and checkpoints in one function, read top to bottom."""

from __future__ import annotations

import copy
import json
import logging
import math
import signal
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from colorizegan.data.cache import PhotoCache, fingerprint, open_cache
from colorizegan.data.layouts import list_photos
from colorizegan.errors import CheckpointError, DataError
from colorizegan.files import write_atomic
from colorizegan.progress import progress_bar
from colorizegan.training import losses, stopping
from colorizegan.training.augment import Batch, make_batch
from colorizegan.training.build import build_discriminator, build_generator, open_features, parameter_groups
from colorizegan.training.checkpoint import (
    Checkpoint,
    checkpoint_path,
    load_checkpoint,
    load_newest,
    load_optimizer,
    load_weights,
    optimizer_tensors,
    save_checkpoint,
)
from colorizegan.training.config import Config, Stage, check, to_dict
from colorizegan.training.crops import (
    Crops,
    Waiting,
    count_bins,
    crop_batches,
    photos_of_sources,
    read_weights,
    split_holdout,
)
from colorizegan.training.networks.bins import SoftLabels, rebalancing_weights
from colorizegan.training.networks.units import count_parameters
from colorizegan.training.parallel import add_up, in_turn, is_split, load_whole, share_norms, start_fabric, whole
from colorizegan.training.runlog import RunLog, StopSignals, sole_writer
from colorizegan.training.step import (
    Answer,
    add_to,
    answer_to_judge,
    frozen_statistics,
    generate,
    learning_rate,
    seed_of,
    update_average,
)
from colorizegan.training.validate import holdout_squares, validate, write_curves, write_samples

logger = logging.getLogger("colorizegan.training")


def train(config: Config, out: Path, *, resume: bool = False, cache: Path | None = None) -> Path:
    """Train a colorizer; under torchrun, together with the other processes that it started.

    Args:
        config: settings; `config.data.sources` names the photos.
        out: the run's folder: config.json, log.jsonl, checkpoints/, samples/, curves.png. All processes must see it.
        resume: go on from the newest whole checkpoint in `out`; a fresh run refuses a folder that has one.
        cache: where decoded photos are kept; default `out`/cache. Runs on the same photos may share it.

    Returns:
        The folder of the checkpoints; the last one holds the finished networks.

    Raises:
        DataError, ConfigError, CheckpointError: in one line each. KeyboardInterrupt or SystemExit(143) on SIGINT or
        SIGTERM, after a checkpoint was written.
    """
    # --- machine: the first process writes, logs and validates; the others only train ---
    check(config)
    fabric = start_fabric(config)
    device, first, share = fabric.device, fabric.is_global_zero, (fabric.global_rank, fabric.world_size)
    tell = logger.info if first else logger.debug
    torch.manual_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)

    # --- photos ---
    def open_photos() -> tuple[str, PhotoCache, np.ndarray[Any, Any]]:
        photos = list_photos(config.data.sources, (cache or out / "cache") / "shards")
        with progress_bar("decoding photos", len(photos), shown=first) as tick:
            kept = (config.data.store_side, config.data.min_colorfulness)
            store = open_cache(photos, cache or out / "cache", *kept, progress=lambda done, _: tick(done))
        shares = read_weights(config.data.weights, store.keys) * [photos[place].share for place in store.places]
        return fingerprint(photos, *kept), store, shares

    data_hash, store, shares = in_turn(fabric, open_photos)
    if fabric.broadcast(data_hash) != data_hash:
        raise DataError("the photos are others here than on the first machine", remedy="give all machines the same")
    manifest, sources = config.data.manifest, config.data.holdout_sources
    apart = photos_of_sources(manifest, sources, store.keys) if sources else None
    training, held_out = split_holdout(store.keys, config.data.holdout, apart)
    squares = holdout_squares(store, held_out) if len(held_out) else None
    rebalance = torch.from_numpy(rebalancing_weights(count_bins(store, training), config.losses.rebalance)).to(device)
    labels = SoftLabels(device)
    skipped = ", ".join(f"{count} {why}" for why, count in store.skipped.items())
    tell("%d photos to train on, %d held out; skipped: %s", len(training), len(held_out), skipped)

    # --- networks ---
    generator, discriminator = build_generator(config), build_discriminator(config)
    for net in (generator, discriminator):
        net.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    needs_features = any(stage.perceptual > 0 for stage in config.stages)
    features = open_features(Path(config.losses.features)).to(device) if needs_features else None
    learning = (count_parameters(generator) / 1e6, count_parameters(discriminator) / 1e6)
    tell("generator %.2f M, discriminator %.2f M parameters to learn", *learning)

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
    saved, passed = load_newest(folder) if first else (None, [])
    for error in passed:
        logger.warning("passed over a checkpoint: %s", error)
    if saved is not None:
        if not resume:
            raise CheckpointError("holds a run already", path=out, remedy="add --resume, or choose another folder")
        if saved.facts["data"] != data_hash:
            raise CheckpointError("was trained on other photos", path=out, remedy="give the same --data, unchanged")
        if saved.facts["network"] != to_dict(config)["network"]:
            raise CheckpointError("holds another network", path=out, remedy="give the same network settings")
    elif passed:
        raise CheckpointError("no checkpoint is whole", path=folder, remedy="start again in another folder")
    start = fabric.broadcast(saved.facts["state"]["step"] if saved is not None else None)
    if start is not None:
        saved = saved or load_checkpoint(checkpoint_path(folder, start))
        for part, net in (("generator", generator), ("average", average), ("discriminator", discriminator)):
            load_weights(net, saved, part, checkpoint_path(folder, start))
        state |= saved.facts["state"]
        tell("going on after step %d, %d images", state["step"], state["images"])

    # --- over to all processes ---
    share_norms(generator, device)
    share_norms(discriminator, device)
    compiled_g, compiled_d = generator, discriminator
    if config.compile:
        compiled_g, compiled_d = (cast(nn.Module, torch.compile(net)) for net in (generator, discriminator))
    net_g, net_d = fabric.setup_module(compiled_g), fabric.setup_module(compiled_d)
    plain = average  # whole in this process
    if is_split(fabric):
        plain = copy.deepcopy(average)
        fabric.setup_module(average)
    networks = {"generator": generator, "average": average, "discriminator": discriminator}

    def pack_state(*names: str) -> Checkpoint:
        states = {name: networks[name].state_dict() for name in names}
        tensors = {f"{name}.{key}": whole(value) for name in names for key, value in states[name].items()}
        facts = {"state": state, "data": data_hash, "network": to_dict(config)["network"]}
        facts |= {"config": to_dict(config), "skipped": store.skipped, "photos": len(training)}
        return Checkpoint(tensors, facts)

    def take_look(held_out_squares: Tensor, stage: Stage) -> stopping.Look:
        """A look at the average, at the answer that the stage judges; its weights are kept as a snapshot."""
        current = pack_state("average", "discriminator")
        facts = {}
        if first:
            plain.load_state_dict(current.part("average"))
            shown = answer_to_judge(plain, stage) or plain
            facts = stopping.look(shown, held_out_squares, device, state["step"]).facts()
        state["looks"].append(fabric.broadcast(facts))
        if first:
            save_checkpoint(out / "snapshots", state["step"], current, kept=None)
        fabric.barrier()
        return stopping.Look(**state["looks"][-1])

    stop = StopSignals()
    writer = sole_writer(out) if first else nullcontext()
    with stop, writer, RunLog(out, state["step"], config.tensorboard) if first else nullcontext() as log:
        if log is not None:
            write_atomic(out / "config.json", json.dumps(to_dict(config), indent=1).encode())

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
            discriminator.requires_grad_(True)
            opt_d = torch.optim.Adam(
                discriminator.parameters(), stage.lr_discriminator, betas=(stage.beta1, 0.999), fused=True
            )
            if saved is not None:
                load_optimizer(opt_g, saved.part("opt_g"))
                load_optimizer(opt_d, saved.part("opt_d"))
            fabric_g, fabric_d = (cast(torch.optim.Optimizer, fabric.setup_optimizers(opt)) for opt in (opt_g, opt_d))
            heads = answer_to_judge(generator, stage)
            learns, uses_d = stage.kind != "pretrain_discriminator", stage.kind != "pretrain_generator"
            generator.train(learns)
            discriminator.train()
            watched = squares if stage.kind == "adversarial" and config.stopping.every > 0 else None
            if watched is not None and not state["looks"]:
                take_look(watched, stage)

            # --- this stage's batches, from where it stopped; of each, the share of this process ---
            # Each stage has crop numbers of its own, so that no stage repeats another one's crops.
            crops = Crops(store, training, shares, stage.size, stage.crop, config.seed + 1000 * number)
            batches = Waiting(
                crop_batches(crops, state["stage_images"], stage.images, stage.batch, config.data.workers, share)
            )
            saved_at = validated_at = logged_at = time.monotonic()
            with progress_bar(f"{number + 1}/{len(config.stages)} {stage.kind}", stage.images, shown=first) as tick:
                for rgb in batches:
                    # All chance follows from the place in the run, also that inside the networks (dropout).
                    place = (config.seed, number, state["stage_images"])
                    chance = torch.Generator().manual_seed(seed_of(*place))
                    batch = make_batch(rgb.to(device), config.augment, chance, share)
                    pieces = [Batch(*part) for part in zip(*(x.chunk(config.accumulate) for x in batch), strict=True)]
                    seeds = [seed_of(*place, 1 + share[0], n) for n in range(len(pieces))]
                    keeps_graph = len(pieces) == 1  # one forward pass of the generator serves both steps
                    rate = learning_rate(stage, state["stage_images"] / stage.images)
                    for group in opt_g.param_groups:
                        group["lr"] = stage.lr * rate * group["factor"]
                    for group in opt_d.param_groups:
                        group["lr"] = stage.lr_discriminator
                    values: dict[str, Tensor] = {}
                    answer: Answer | None = None

                    # --- discriminator step on the detached fake ---
                    if uses_d:
                        discriminator.requires_grad_(True)
                        fabric_d.zero_grad(set_to_none=True)
                        for n, piece in enumerate(pieces):
                            with (
                                torch.set_grad_enabled(learns and keeps_graph),
                                frozen_statistics(generator, keeps_graph),
                            ):
                                answer = generate(net_g, piece, stage.size, seeds[n], heads)
                            with fabric.no_backward_sync(net_d) if n + 1 < len(pieces) else nullcontext():
                                real = net_d(answer.light, answer.target)
                                fake = net_d(answer.light, answer.judged.detach())
                                loss = losses.discriminator_loss(real, fake, config.losses.gan)
                                fabric.backward(loss / len(pieces))
                            add_to(values, {"discriminator": loss}, len(pieces))
                        fabric_d.step()

                    # --- generator step with the discriminator frozen: no gradients for it, none sent around ---
                    if learns:
                        discriminator.requires_grad_(False)
                        fabric_g.zero_grad(set_to_none=True)
                        for n, piece in enumerate(pieces):
                            with fabric.no_backward_sync(net_g) if n + 1 < len(pieces) else nullcontext():
                                if answer is None or not keeps_graph:
                                    answer = generate(net_g, piece, stage.size, seeds[n], heads)
                                parts = losses.generator_losses(answer, piece, stage, labels, rebalance, features)
                                if stage.kind == "adversarial":
                                    with fabric.autocast():
                                        judged = compiled_d(answer.light, answer.judged)
                                    parts["adversarial"] = losses.generator_loss(judged, config.losses.gan)
                                loss = torch.stack([getattr(stage, name) * part for name, part in parts.items()]).sum()
                                fabric.backward(loss / len(pieces))
                            add_to(values, parts, len(pieces))
                        if config.network.generator == "unet":
                            nn.utils.clip_grad_norm_(generator.parameters(), 5.0)
                        fabric_g.step()
                        update_average(average, generator, config.ema, state["step"])

                    # --- what all processes found, and what the first one's clock or any one's signal asks for ---
                    now = time.monotonic()
                    wishes = [
                        stop.received == signal.SIGINT,
                        stop.received == signal.SIGTERM,
                        first and now - validated_at > 60 * config.validate_minutes,
                        first and now - saved_at > 60 * config.checkpoint_minutes,
                    ]
                    found = [float(value) / share[1] for value in values.values()]
                    *found, interrupted, terminated, validates, saves = add_up(fabric, [*found, *map(float, wishes)])
                    if interrupted or terminated:
                        stop.received = signal.SIGINT if interrupted else signal.SIGTERM

                    # --- log ---
                    state["step"] += 1
                    state["images"] += stage.batch
                    state["stage_images"] += stage.batch
                    state["summed"] += 1
                    for name, value in zip(values, found, strict=True):
                        state["sums"][name] = state["sums"].get(name, 0.0) + value
                    tick(state["stage_images"])
                    if state["step"] % config.log_every == 0:
                        means = {name: total / state["summed"] for name, total in state["sums"].items()}
                        if not all(math.isfinite(mean) for mean in means.values()):
                            raise DataError(f"the losses are no longer finite: {means}", remedy="lower the rates")
                        elapsed = now - logged_at
                        clock = {
                            "images_per_s": round(config.log_every * stage.batch / elapsed, 2),
                            "data_wait": round(batches.seconds / elapsed, 4),
                        }
                        if log is not None:
                            log.record("step", state, means | {"lr": stage.lr * rate} | clock)
                        state["seconds"] += elapsed
                        state |= {"sums": {}, "summed": 0}
                        logged_at, batches.seconds = now, 0.0

                    # --- look whether an adversarial stage has done enough; end it with the best weights it had ---
                    done = state["stage_images"] >= stage.images
                    due = watched is not None and state["stage_images"] % config.stopping.every < stage.batch
                    if watched is not None and (done or due):
                        seen = take_look(watched, stage)
                        looks = [stopping.Look(**facts) for facts in state["looks"]]
                        broken = stopping.broken_rule(looks[0], seen, config.stopping)
                        if log is not None:
                            log.record("look", state, seen.facts() | {"start": looks[0].facts(), "broken": broken})
                        if done or broken:
                            best = stopping.best_look(looks, config.stopping)
                            snapshot = load_checkpoint(checkpoint_path(out / "snapshots", best.step))
                            for module in (generator, average):
                                load_whole(module, snapshot.part("average"))
                            why = broken or "all its crops are used up"
                            tell("the adversarial stage ends: %s; kept are the weights of step %d", why, best.step)
                            state["stage_images"], done = stage.images, True  # a resumed run is not to go on with it

                    # --- validate, save ---
                    if squares is not None and (done or validates):
                        weights = {name: whole(value) for name, value in average.state_dict().items()}
                        if log is not None:
                            plain.load_state_dict(weights)
                            scores = validate(plain, squares, device)
                            log.record("validate", state, scores)
                            text = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
                            tell("%d images: %s", state["images"], text)
                            samples = out / "samples" / f"{state['images']:09d}.png"
                            write_samples(plain, squares[:24], device, samples)
                            log.picture(samples, state["step"])
                            write_curves(out / "log.jsonl", out / "curves.png")
                        validated_at = time.monotonic()
                    by_steps = config.checkpoint_steps and state["step"] % config.checkpoint_steps == 0
                    if done or stop.received or by_steps or saves:
                        current = pack_state(*networks)
                        for name, optimizer in (("opt_g", opt_g), ("opt_d", opt_d)):
                            current.tensors.update({f"{name}.{k}": v for k, v in optimizer_tensors(optimizer).items()})
                        if first:
                            save_checkpoint(folder, state["step"], current)
                        saved_at = time.monotonic()
                    if stop.received:
                        stop.leave()
                    if done:
                        break
    return folder
