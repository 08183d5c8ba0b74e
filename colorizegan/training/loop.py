"""`train(config, out)`: set up, then stage after stage, step after step, with validation and checkpoints."""

import json
import logging
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from colorizegan.errors import DataError
from colorizegan.files import kept_if_used, write_atomic
from colorizegan.progress import progress_bar
from colorizegan.training.batches.augment import Batch, make_batch
from colorizegan.training.batches.crops import Crops, Waiting, count_bins, crop_batches, open_photos
from colorizegan.training.build import Networks, build_discriminator, build_generator, build_objective
from colorizegan.training.checkpoint import checkpoint_path, load_checkpoint
from colorizegan.training.config import Config, Stage, check, to_dict
from colorizegan.training.networks.bins import rebalancing_weights
from colorizegan.training.networks.units import count_parameters
from colorizegan.training.optimizers import Optimizers
from colorizegan.training.run.parallel import in_turn, part, share_norms, start_fabric
from colorizegan.training.run.run import Run
from colorizegan.training.run.runlog import RunLog, StopSignals, sole_writer
from colorizegan.training.run.state import RunState
from colorizegan.training.step import judged_heads, seed_of, train_step, update_average
from colorizegan.training.validation import stopping
from colorizegan.training.validation.validate import holdout_squares, square_side

logger = logging.getLogger("colorizegan.training")

FEW = 4  # steps after which it is said how long a run takes


def train(
    config: Config,
    out: Path,
    *,
    resume: bool = False,
    cache: Path | None = None,
    networks: tuple[nn.Module, nn.Module] | None = None,
) -> Path:
    """Train a colorizer; under torchrun, together with the other processes that it started.

    Args:
        config: settings; `config.data.sources` names the photos.
        out: the run's folder: config.json, log.jsonl, checkpoints/, samples/, curves.png. All processes must see it.
        resume: go on from the newest whole checkpoint in `out`; a fresh run refuses a folder that has one.
        cache: where decoded photos are kept; default `out`/cache. Runs on the same photos may share it.
        networks: generator and discriminator of your own, called as `ColorUNet` and `PatchDiscriminator` are; they can
            be trained and resumed, not exported. Default those of `config.network`.

    Returns:
        The folder of the checkpoints; the last one holds the finished networks.

    Raises:
        DataError, ConfigError, CheckpointError: in one line each. KeyboardInterrupt or SystemExit(143) on SIGINT or
        SIGTERM, after a checkpoint was written.
    """
    check(config)
    cache = cache or out / "cache"
    with kept_if_used(out), kept_if_used(cache):
        run = setup(config, out, cache, resume, networks)
    writer = sole_writer(out) if run.first else nullcontext()
    with run.stop, writer, RunLog(out, run.state.step, config.tensorboard) if run.first else nullcontext() as run.log:
        if run.first:
            write_atomic(out / "config.json", json.dumps(to_dict(config), indent=1).encode())
        for number in range(run.state.stage, len(config.stages)):
            fit(run, number)
    run.unwrap()
    part(run.fabric)
    return run.checkpoints


def setup(
    config: Config, out: Path, cache: Path, resume: bool, chosen: tuple[nn.Module, nn.Module] | None = None
) -> Run:
    """Machine, photos, networks, and the place to start from."""
    # --- machine: the first process writes, logs and validates; the others only train ---
    fabric = start_fabric(config)
    device, first = fabric.device, fabric.is_global_zero
    tell = logger.info if first else logger.debug
    torch.manual_seed(config.seed)

    # --- networks: what is wrong with their weights is told before photos are decoded for hours ---
    networks = Networks(*(chosen or (build_generator(config), build_discriminator(config))), device)

    # --- photos ---
    photos = in_turn(fabric, lambda: open_photos(config.data, cache, shown=first))
    if fabric.broadcast(photos.digest) != photos.digest:
        raise DataError("the photos are others here than on the first machine", remedy="give all machines the same")
    bins = count_bins(photos.store, photos.training)
    counts = (len(photos.training), len(photos.held_out))
    tell("%d photos to train on, %d held out; skipped: %s", *counts, photos.skipped)

    # --- what is to be reached ---
    rebalance = torch.from_numpy(rebalancing_weights(bins, config.losses.rebalance))
    objective = build_objective(config, device, rebalance)
    learning = (count_parameters(networks.generator) / 1e6, count_parameters(networks.discriminator) / 1e6)
    tell("generator %.2f M, discriminator %.2f M parameters to learn", *learning)

    # --- held-out photos, at a size that the generator takes ---
    side = square_side(networks.generator)
    squares = holdout_squares(photos.store, photos.held_out, side) if len(photos.held_out) else None

    # --- where to start; then over to all processes ---
    run = Run(config, out, fabric, photos, squares, objective, networks, RunState(), StopSignals())
    run.go_on(resume)
    for net in (networks.generator, networks.discriminator):
        share_norms(net, fabric)
    run.wrap()
    return run


def fit(run: Run, number: int) -> None:
    """One stage, from where it stopped."""
    config, fabric, state, stage = run.config, run.fabric, run.state, run.config.stages[number]
    share = (fabric.global_rank, fabric.world_size)
    state.begin_stage(number)
    optimizers = Optimizers(run.networks.generator, run.networks.discriminator, stage, config)  # each stage's are fresh
    optimizers.load(run.saved)
    run.saved = None
    objective = replace(run.objective, stage=stage, heads=judged_heads(run.networks.generator, stage))
    run.networks.generator.train(stage.kind != "pretrain_discriminator")
    run.networks.discriminator.train()
    watched = stage.kind == "adversarial" and config.stopping.every > 0 and run.squares is not None
    if watched and not state.scores:
        run.score_holdout(stage)

    # Each stage has crop numbers of its own, so that no stage repeats another one's crops.
    photos, seed = run.photos, config.seed + 1000 * number
    crops = Crops(photos.store, photos.training, photos.shares, stage.size, stage.crop, seed)
    batches = Waiting(crop_batches(crops, state.stage_images, stage.images, stage.batch, config.data.workers, share))
    run.saved_at = run.validated_at = run.logged_at = begun = time.monotonic()
    first = run.logged_images = state.images
    with progress_bar(f"{number + 1}/{len(config.stages)} {stage.kind}", stage.images, shown=run.first) as tick:
        for rgb in batches:
            # --- one step; all chance follows from the place in the run, also that inside the networks (dropout) ---
            place = (config.seed, number, state.stage_images)
            chance = torch.Generator().manual_seed(seed_of(*place))
            batch = make_batch(rgb.to(fabric.device), config.augment, chance, share)
            pieces = [Batch(*part) for part in zip(*(x.chunk(config.accumulate) for x in batch), strict=True)]
            seeds = [seed_of(*place, 1 + share[0], n) for n in range(len(pieces))]
            rate = optimizers.set_rates(stage, state.stage_images / stage.images)
            values = train_step(run.net_g, run.net_d, run.judge, optimizers, pieces, seeds, objective)
            if stage.kind != "pretrain_discriminator":
                update_average(run.networks.average, run.networks.generator, config.ema, state.step)

            # --- count, log, score, validate, save ---
            found, validates, saves = run.agree(values)
            state.count(stage.batch, found)
            tick(state.stage_images)
            if state.step == 1 or state.step % config.log_every == 0:
                run.log_step(stage, rate, batches)
            seen = state.images - first
            if seen == stage.batch:  # the first step sets up what later ones have
                begun = time.monotonic()
            elif seen == FEW * stage.batch and not run.told:
                run.foretell(begun, seen - stage.batch)
            done = state.stage_images >= stage.images
            if watched and (done or state.stage_images % config.stopping.every < stage.batch):
                done = finish_stage(run, stage, done)
            if run.squares is not None and (done or validates):
                run.validate(run.squares)
                run.validated_at = time.monotonic()
            if done or run.stop.agreed or saves:
                run.save(optimizers)
                run.saved_at = time.monotonic()
            if run.stop.agreed:
                run.stop.leave()
            if done:
                break


def finish_stage(run: Run, stage: Stage, done: bool) -> bool:
    """Score the held-out photos; whether the stage is over. Then the best weights that it had are back."""
    run.score_holdout(stage)
    start, now = run.state.scores[0], run.state.scores[-1]
    broken = stopping.broken_rule(start, now, run.config.stopping)
    run.record("holdout", vars(now) | {"start": vars(start), "broken": broken})
    if not (done or broken):
        return False
    best = stopping.best_score(run.state.scores, run.config.stopping)
    snapshot = load_checkpoint(checkpoint_path(run.snapshots, best.step))
    for net in (run.networks.generator, run.networks.average):
        net.load_state_dict(snapshot.part("average"))
    why = broken or "all its crops are used up"
    run.tell("the adversarial stage ends: %s; kept are the weights of step %d", why, best.step)
    run.state.stage_images = stage.images  # a resumed run is not to go on with it
    return True
