"""A run under way: what `setup` made, and what a stage does with it between two steps."""

import logging
import math
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from colorizegan.errors import CheckpointError, DataError
from colorizegan.training.batches.crops import TrainingPhotos, Waiting
from colorizegan.training.build import Networks
from colorizegan.training.checkpoint import Checkpoint, checkpoint_path, load_checkpoint, load_newest, save_checkpoint
from colorizegan.training.config import Config, Stage, to_dict
from colorizegan.training.configure import from_dict
from colorizegan.training.optimizers import Optimizers
from colorizegan.training.run.parallel import add_up, share_gradients
from colorizegan.training.run.runlog import RunLog, StopSignals
from colorizegan.training.run.state import RunState
from colorizegan.training.step import Objective, judged_heads
from colorizegan.training.validation import stopping
from colorizegan.training.validation.validate import validate, write_curves, write_samples

logger = logging.getLogger("colorizegan.training")


@dataclass
class Run:
    """Everything that a run consists of."""

    config: Config
    out: Path
    fabric: Fabric
    photos: TrainingPhotos
    squares: Tensor | None
    """Held-out photos, (N, 3, S, S) uint8."""
    objective: Objective
    networks: Networks
    state: RunState
    stop: StopSignals
    saved: Checkpoint | None = None
    """What it goes on from, until its optimizers have been loaded."""
    log: RunLog | None = None
    """Of the first process."""
    net_g: nn.Module = field(init=False)
    """The generator as a step calls it."""
    net_d: nn.Module = field(init=False)
    """The discriminator as its own step calls it."""
    judge: nn.Module = field(init=False)
    """The discriminator as the generator's step calls it: no gradients for it, none sent around."""
    saved_at: float = 0.0
    """Seconds of the monotonic clock, as the next two."""
    validated_at: float = 0.0
    logged_at: float = 0.0
    logged_images: int = 0
    """Crops seen in this process until then."""
    told: bool = False
    """Whether it has been said how long the run takes."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes, logs and validates."""
        return self.fabric.is_global_zero

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def snapshots(self) -> Path:
        """The folder of the weights that were scored in adversarial stages."""
        return self.out / "snapshots"

    def wrap(self) -> None:
        """Compile the networks if asked to, and join them with those of the other processes."""
        net_g, self.judge = self.networks.generator, self.networks.discriminator
        if self.config.compile:
            net_g, self.judge = (cast(nn.Module, torch.compile(net)) for net in (net_g, self.judge))
        self.net_g, self.net_d = (share_gradients(net, self.fabric) for net in (net_g, self.judge))

    def unwrap(self) -> None:
        """Let go of what joins the networks with those of the other processes; nothing steps after that.

        torch's reducers hold the connections. If they were the last to do so, a process could wait for ever: they end
        the threads of the connections while they keep Python's lock, and such a thread may be waiting for that lock.
        """
        self.net_g = self.net_d = self.judge = nn.Identity()

    def tell(self, text: str, *values: object) -> None:
        """Say something, once."""
        (logger.info if self.first else logger.debug)(text, *values)

    def record(self, event: str, values: dict[str, Any]) -> None:
        if self.log is not None:
            self.log.record(event, self.state, values)

    def go_on(self, resume: bool) -> None:
        """Take the newest whole checkpoint of the folder, if there is one. CheckpointError where it does not fit."""
        saved, passed = load_newest(self.checkpoints) if self.first else (None, [])
        for error in passed:
            logger.warning("passed over a checkpoint: %s", error)
        if saved is not None:
            check_resumable(saved, self.config, self.photos.digest, self.out, resume)
        elif passed:
            remedy = "start again in another folder"
            raise CheckpointError("no checkpoint is whole", path=self.checkpoints, remedy=remedy)
        step = self.fabric.broadcast(saved.facts["state"]["step"] if saved is not None else None)
        if step is not None:
            path = checkpoint_path(self.checkpoints, step)
            self.saved = saved or load_checkpoint(path)
            self.state = RunState.of(self.saved.facts["state"])
            self.networks.load(self.saved, path)
            self.tell("going on after step %d, %d images", self.state.step, self.state.images)

    def agree(self, values: dict[str, Tensor]) -> tuple[dict[str, float], bool, bool]:
        """The losses over all processes, and whether it is time to validate and to save by the first one's clock.

        A signal that one process has received is one to all.
        """
        now = time.monotonic()
        wishes = [
            self.stop.received == signal.SIGINT,
            self.stop.received == signal.SIGTERM,
            self.first and now - self.validated_at >= 60 * self.config.validate_minutes,
            self.first and now - self.saved_at >= 60 * self.config.checkpoint_minutes,
        ]
        found = [float(value) / self.fabric.world_size for value in values.values()]
        *found, interrupted, terminated, validates, saves = add_up(self.fabric, [*found, *map(float, wishes)])
        if interrupted or terminated:
            self.stop.agreed = signal.SIGINT if interrupted else signal.SIGTERM
        return dict(zip(values, found, strict=True)), bool(validates), bool(saves)

    def log_step(self, stage: Stage, rate: float, batches: Waiting) -> None:
        """Mean losses, rate and speed since the last such line. DataError where the losses are no numbers any more."""
        means = self.state.take_means()
        if not all(math.isfinite(mean) for mean in means.values()):
            raise DataError(f"the losses are no longer finite: {means}", remedy="lower the rates")
        now = time.monotonic()
        elapsed = now - self.logged_at
        images_per_s = round((self.state.images - self.logged_images) / elapsed, 2)
        clock = {"images_per_s": images_per_s, "data_wait": round(batches.seconds / elapsed, 4)}
        self.record("step", means | {"lr": stage.lr * rate} | clock)
        self.state.seconds += elapsed
        self.logged_at, self.logged_images, batches.seconds = now, self.state.images, 0.0

    def foretell(self, begun: float, images: int) -> None:
        """Say once, after a few steps, how long the run takes.

        begun: when these steps began, seconds of the monotonic clock; images: how many crops they took. A crop of
        another size takes as much longer as it has more pixels.
        """
        stages, number = self.config.stages, self.state.stage
        left = sum(stage.images * stage.size**2 for stage in stages[number + 1 :])
        left += max(0, stages[number].images - self.state.stage_images) * stages[number].size ** 2
        seconds = (time.monotonic() - begun) / images * left / stages[number].size ** 2
        self.tell("%.1f crops/s at first: about %s to go", images / (time.monotonic() - begun), duration(seconds))
        self.told = True

    def score_holdout(self, stage: Stage) -> None:
        """Score the average on the held-out photos, by the answer that the stage judges; its weights are kept."""
        facts = {}
        if self.first:
            assert self.squares is not None
            average = self.networks.average
            shown = judged_heads(average, stage) or average
            facts = vars(stopping.score_holdout(shown, self.squares, self.fabric.device, self.state.step))
        self.state.scores.append(stopping.HoldoutScore(**self.fabric.broadcast(facts)))
        if self.first:
            save_checkpoint(self.snapshots, self.state.step, self._pack("average", "discriminator"), kept=None)
        self.fabric.barrier()

    def validate(self, squares: Tensor) -> None:
        """Scores, sample pictures and curves of the averaged weights."""
        if self.log is None:
            return
        average, device = self.networks.average, self.fabric.device
        scores = validate(average, squares, device)
        self.record("validate", scores)
        text = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
        self.tell("%d images: %s", self.state.images, text)
        samples = self.out / "samples" / f"{self.state.images:09d}.png"
        write_samples(average, squares[:24], device, samples)
        self.log.picture(samples, self.state.step)
        write_curves(self.out / "log.jsonl", self.out / "curves.png")

    def save(self, optimizers: Optimizers) -> None:
        if self.first:
            current = self._pack()
            current.tensors.update(optimizers.tensors())
            save_checkpoint(self.checkpoints, self.state.step, current)

    def _pack(self, *networks: str) -> Checkpoint:
        config = to_dict(self.config)
        facts = {"state": asdict(self.state), "data": self.photos.digest, "network": config["network"]}
        facts |= {"config": config, "skipped": self.photos.store.skipped, "photos": len(self.photos.training)}
        return Checkpoint(self.networks.tensors(*networks), facts)


def duration(seconds: float) -> str:
    """In words, to two digits."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    value, unit = (seconds / 60, "minutes") if seconds < 5400 else (seconds / 3600, "hours")
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def check_resumable(saved: Checkpoint, config: Config, data: str, out: Path, resume: bool) -> None:
    """CheckpointError where a run in this folder cannot be gone on with by these settings and photos."""
    if not resume:
        raise CheckpointError("holds a run already", path=out, remedy="add --resume, or choose another folder")
    if saved.facts["data"] != data:
        raise CheckpointError("was trained on other photos", path=out, remedy="give the same --data, unchanged")
    # Read as settings: a run of an earlier version, which had fewer of them, can go on.
    if from_dict(saved.facts["config"]).network != config.network:
        raise CheckpointError("holds another network", path=out, remedy="give the same network settings")
