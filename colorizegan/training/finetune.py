"""`finetune(...)`: a folder of photos -> a tuned bundle, and a report of what the tuning was worth.

The photos are split three ways by groups of near-duplicates: to learn from, to steer by, and to test on. The test
photos are seen once, at the end, so that the report's figures are those of photos that had no part in any choice.
"""

import copy
import json
import logging
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import scipy.ndimage  # noqa: F401  # the report needs it: better missed now than after the training
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorizegan.bench.evaluate import evaluate
from colorizegan.bench.report import Report
from colorizegan.data.cache import PhotoCache, open_cache
from colorizegan.data.decode import read_bytes
from colorizegan.data.duplicates import difference_hash, group_near, split_groups
from colorizegan.data.layouts import SUFFIXES, PhotoFile, list_photos, split_source
from colorizegan.errors import DataError, UsageError
from colorizegan.machine import cpu_threads
from colorizegan.model.bundle import open_bundle
from colorizegan.model.spec import stored_bundle
from colorizegan.progress import progress_bar
from colorizegan.training.batches.augment import make_batch
from colorizegan.training.batches.crops import Crops, count_bins, crop_batches
from colorizegan.training.checkpoint import Checkpoint, save_checkpoint
from colorizegan.training.config import AugmentConfig, Config, Stage, to_dict
from colorizegan.training.export.bundle import check_free, export_bundle
from colorizegan.training.networks.bins import SoftLabels, rebalancing_weights
from colorizegan.training.optimizers import learning_rate, parameter_groups
from colorizegan.training.precision import autocast
from colorizegan.training.restore import Restored, restore
from colorizegan.training.step import Objective, generator_step, update_average
from colorizegan.training.validation.tuning_score import Steered, answered, best_chroma, mix_states
from colorizegan.training.validation.validate import holdout_squares, score_squares

logger = logging.getLogger("colorizegan.training")

FEWEST = 50  # usable photos; with fewer nothing can be said of the result
TESTED, STEERING = (0.2, 500), (0.15, 200)  # share of the photos, and the most of them
LEAST = 5  # photos in each set
CHECKS = 20  # looks at the steering photos in a full run
PATIENCE = 8  # looks without a new best before it stops; fewer would stop it while its rate is still high
SHARES = (0.25, 0.5, 0.75)  # of the tuned weights in the mixes with the base's that are tried at the end
# Share of equal weights in those that make up for rare colours; the base was trained with 0.5. A set of one kind has
# few colours, and with 0.5 the others came up where they do not belong: tuned to landscapes, the model was right about
# 82 % of the skies' pixels, the base about 92 %, and CIEDE2000 did not fall.
REBALANCE = 0.75


@dataclass(frozen=True)
class Tuned:
    """What became of it."""

    bundle: Path | None
    """None where nothing was gained, so that none was written."""
    report: Path
    """Folder with report.html, report.md, report.json and photos.csv."""
    better: bool
    """Rebalanced AuC and CIEDE2000 of the test photos are both better, and neither 95 % interval holds 0."""
    verdict: str
    """That in one sentence, with the figures."""


def finetune(
    sources: tuple[str, ...],
    out: Path,
    *,
    model: str | None = None,
    minutes: float = 10.0,
    steps: int | None = None,
    report: Path | None = None,
    lr: float = 5e-4,
    batch: int = 16,
    seed: int = 0,
    always: bool = False,
    command: str = "",
) -> Tuned:
    """Tune a bundle's network to photos of one kind.

    Args:
        sources: folders and shards of colour photos, as `train` takes them; at least 50 usable photos.
        out: the new bundle's folder; it must not exist, or be empty.
        model: the bundle to start from, by path or name; None = the default one.
        minutes: of training, at most; decoding before it and the report after it come on top.
        steps: train for so many, in place of the minutes: the same command gives the same model.
        report: the report's folder; default: beside the bundle, `<out>-report`.
        lr: the largest learning rate: it rises for a tenth of the training, and falls to nothing along half a cosine.
        batch: crops a step.
        seed: of crops and augmentation. How many steps fit into minutes differs from run to run, and so do results.
        always: write the bundle also where nothing was gained: no step was better than the base on the photos that
            steer, or the tuned network is worse than it on the test photos in both scores.
        command: what the user typed, for the report.

    Raises:
        DataError, ModelError, OutputError, UsageError, each in one line.
    """
    report = report or out.with_name(f"{out.name}-report")
    for folder in (out, report):
        check_free(folder)
    if not 0 < minutes < 1e6:
        raise UsageError(f"{minutes:g} minutes is no time to train for", remedy="give a number above 0")
    if steps is not None and steps < 1:
        raise UsageError(f"{steps} steps train nothing", remedy="give a number above 0")
    bundle = open_bundle(stored_bundle(model))
    base = restore(bundle)
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        # --- photos: decoded, grouped, split ---
        photos = list_photos(sources, work / "shards")
        store = open_cache(photos, work)
        if len(store) < FEWEST:
            what = f"{len(store)} usable photos of {len(photos)}; left out: {store.skipped}"
            raise DataError(what, remedy=f"give at least {FEWEST} photos in colour")
        groups = group_near([difference_hash(store[i]) for i in range(len(store))])
        sizes = [min(most, round(share * len(store))) for share, most in (TESTED, STEERING)]
        testing, steering, training = split_groups(store.keys, groups, sizes)
        if len(testing) < LEAST or len(steering) < LEAST or len(training) < LEAST:
            raise DataError("nearly all photos are the same", remedy="give photos of more than one scene")
        split = (
            f"{len(training)} photos to learn from, {len(steering)} to steer by, {len(testing)} to test on; "
            f"{len(store) - len(np.unique(groups))} near-duplicates kept with their like"
        )
        skipped = ", ".join(f"{count} {why}" for why, count in store.skipped.items())
        logger.info("%s; skipped: %s", split, skipped)

        # --- training, and a bundle of the best weights ---
        settings = _settings(base, lr, batch, seed)
        best, facts = _train(base, settings, store, training, steering, minutes, steps)
        saved = Checkpoint({f"average.{name}": tensor for name, tensor in best.items()}, facts)
        checkpoint = save_checkpoint(work / "checkpoints", facts["state"]["step"], saved)
        names = " + ".join(Path(split_source(source)[1]).name for source in sources)  # no paths: a card travels
        data = [*base.card["data"], {"name": names, "count": len(training), "licence": "not stated"}]
        history = {
            "started_from": {"name": bundle.card.name, "version": bundle.card.version, "digest": bundle.digest},
            **facts["state"],
            "photos": len(training),
            "config": {"lr": lr, "batch": batch, "seed": seed, "size": settings.stages[0].size},
            "before": base.card["training"],
        }
        extra = {"licence": bundle.card.licence, "data": data}
        extra |= {"working_size": bundle.card.working_size, "detail": base.detail}
        if "confidence" in base.card:  # the network's own doubt is further from the truth than that of its base
            extra["confidence"] = base.card["confidence"]
        (work / "card.json").write_text(json.dumps(extra | {"training": history}), "utf-8")
        name = f"{bundle.card.name}-tuned"
        export_bundle(
            checkpoint,
            out,
            name=name,
            card_extra=work / "card.json",
            answer=asdict(base.answer) | {"chroma": base.answer.chroma * facts["state"]["chroma"]},
        )

        # --- what it was worth, on photos that it has not seen ---
        _copy_photos(photos, store.places[testing], work / "test")
        notes = [f"{split}. Every figure is of the test photos, which had no part in training or in any choice."]
        found = evaluate(
            "folder-256",
            work / "test",
            {"base": str(bundle.path), "tuned": str(out)},
            report,
            stable=0,
            seed=seed,
            command=command,
            notes=notes,
        )
        better, gained, verdict = judge(found)
        if not (always or (gained and facts["state"]["best_step"])):
            shutil.rmtree(out)
            return Tuned(None, report, better, verdict)
        return Tuned(out, report, better, verdict)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _settings(base: Restored, lr: float, batch: int, seed: int) -> Config:
    """One stage at the size that the product works at, with the losses of pretraining."""
    size = max(64, min(192, base.card["working_size"] // 32 * 32))
    stage = Stage(images=1, size=size, batch=batch, crop=0.6, lr=lr, warmup=0.1, final_lr=0.0)
    augment = AugmentConfig(film=0.2, hints=0.15)
    return Config("finetune", seed, (stage,), network=base.config, augment=augment, ema=0.99)


def _train(
    base: Restored,
    config: Config,
    store: PhotoCache,
    training: NDArray[np.int64],
    steering: NDArray[np.int64],
    minutes: float,
    steps: int | None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The averaged weights that steer best, and facts of the run for the checkpoint."""
    stage = config.stages[0]
    torch.set_num_threads(cpu_threads())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = base.net
    net.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
    # Norms keep their statistics: those of a few hundred photos would replace those of all that the base has seen.
    net.eval()
    average = copy.deepcopy(net).requires_grad_(False)
    groups = parameter_groups(net, stage, config, trained=True)
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=config.weight_decay)
    rebalance = torch.from_numpy(rebalancing_weights(count_bins(store, training), REBALANCE)).to(device)
    objective = Objective(
        stage, config.losses.gan, SoftLabels(device), rebalance, clip=5.0, autocast=autocast("auto", device)
    )
    squares = holdout_squares(store, steering, stage.size, base.detail)
    crops = Crops(store, training, np.ones(len(store)), stage.size, stage.crop, config.seed, base.detail)

    start = score_squares(*answered(average, base, squares, device))

    def look() -> Steered:
        return best_chroma(*answered(average, base, squares, device), start)

    looked = time.monotonic()
    look()  # to know how long it takes
    best = Steered(0.0, 1.0, start["auc_rebalanced"], start["ciede2000"])  # the base as it is
    look_seconds = time.monotonic() - looked
    original = copy.deepcopy(average.state_dict())
    weights = original
    step = best_step = stale = 0
    begun = time.monotonic()
    # No more than a sixth of the minutes goes into looking.
    every = 1 / CHECKS if steps else max(1 / CHECKS, 5 * look_seconds / (60 * minutes))
    done = looked = 0.0  # shares of the training
    with progress_bar("tuning", steps or round(60 * minutes)) as tick:
        for rgb in crop_batches(crops, 0, 1 << 40, stage.batch, 1 if cpu_threads() > 1 else 0):  # without end
            chance = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
            batch = make_batch(rgb.to(device), config.augment, chance)
            for group in optimizer.param_groups:
                group["lr"] = stage.lr * group["factor"] * learning_rate(stage, done)
            generator_step(net, optimizer, [batch], [step], objective)
            update_average(average, net, config.ema, step)
            step += 1
            seconds = time.monotonic() - begun
            done = min(1.0, step / steps if steps else seconds / (60 * minutes))
            tick(step if steps else round(seconds))
            if done == 1.0 or done - looked >= every:
                seen = look()
                logger.info("%d crops: %s", step * stage.batch, seen.told(start))
                stale += 1
                if seen.score > best.score:
                    best, best_step, stale = seen, step, 0
                    weights = copy.deepcopy(average.state_dict())
                looked = done if steps else (time.monotonic() - begun) / (60 * minutes)
            if done == 1.0 or stale >= PATIENCE:
                break
    # Between the base and the tuned weights lie some that are often better than both, and safer on other photos
    # (Wortsman et al. 2022).
    tuned, share = weights, 1.0 if best_step else 0.0
    for mixed in SHARES if best_step else ():
        average.load_state_dict(mix_states(original, tuned, mixed))
        seen = look()
        logger.info("%.2f of the tuned weights, the rest the base's: %s", mixed, seen.told(start))
        if seen.score > best.score:
            best, share, weights = seen, mixed, copy.deepcopy(average.state_dict())
    state = {"images": step * stage.batch, "step": step, "seconds": round(time.monotonic() - begun, 1)}
    steering_facts = {name: round(start[name], 3) for name in ("auc_rebalanced", "ciede2000")}
    state |= {"best_step": best_step, "share": share, "chroma": best.chroma}
    state |= {"steering": {"base": steering_facts, "best": {n: round(v, 3) for n, v in best._asdict().items()}}}
    if not best_step:
        logger.info("no step was better than the base on the photos that steer: the base's weights are kept")
    return weights, {"config": to_dict(config), "photos": len(training), "state": state}


def _copy_photos(photos: list[PhotoFile], chosen: NDArray[np.int64], folder: Path) -> None:
    """The files of some photos, unchanged, under names that no two of them share."""
    folder.mkdir()
    for place in chosen:
        photo = photos[place]
        name = PurePosixPath(photo.key)
        suffix = name.suffix if name.suffix.lower() in SUFFIXES else ".jpg"  # decoders go by the content
        (folder / f"{place:06d}-{name.stem[:80]}{suffix}").write_bytes(read_bytes(photo))


def judge(report: Report) -> tuple[bool, bool, str]:
    """Whether "tuned" is shown to be better than "base" in a report, whether it gained in any score, and the words."""
    texts: list[str] = []
    gains: list[tuple[float, float, float]] = []  # mean and 95 % interval, turned so that above 0 is better
    for metric, label, sign in (("auc_rebalanced", "rebalanced AuC", 1), ("ciede2000", "CIEDE2000", -1)):
        d = next(d for d in report.differences if (d.first, d.second, d.metric) == ("base", "tuned", metric))
        low, high = -d.high, -d.low  # differences are first less second: base less tuned
        # + 0.0: no sign before a zero
        value, start, end = (f"{round(v, 2) + 0.0:+.2f}" for v in (-d.value, low, high))
        texts.append(f"{label} {value} [{start}, {end}]")
        gains.append((-d.value, low, high) if sign > 0 else (d.value, -high, -low))
    figures = f"{', '.join(texts)} on {len(report.keys)} test photos, tuned less base, with 95 % intervals"
    gained = any(mean > 0 for mean, _, _ in gains)
    if all(low > 0 for _, low, _ in gains):
        return True, gained, f"better than the base: {figures}"
    if any(high < 0 for _, _, high in gains):
        return False, gained, f"NOT better than the base, worse in places: {figures}"
    return False, gained, f"NOT shown to be better than the base: {figures}"
