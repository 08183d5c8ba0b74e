"""The recipes trained on the same photos for the same processor time, scored in one table.

    python benchmarks/recipes.py train RECIPE --data PHOTOS... -o runs/recipes [--minutes 30] [--encoder WEIGHTS]
    python benchmarks/recipes.py score --photos TEST --pictures KODAK -o runs/recipes [--count 500]
    python benchmarks/recipes.py show BUNDLE... -o sheet.jpg

RECIPE is default, pix2pix, zhang16 or gan: the presets of colorizegan/training/config.py. Each run takes one core, and
the time counted is that of the processor, so that other programs on the machine do not change what a recipe gets. A
recipe with several stages is shortened so that all of them fit; one whose rate is constant is cut off.

Scores are of the centre squares of TEST at 256 px, as the run's own validation counts them; intervals are 95 %, by
bootstrap over photos. `sheet.jpg` shows squares of KODAK: gray, the recipes, the truth. `show` colorizes the photos of
examples/photos/gray, at full size and by the whole of the product, with exported models: gray, each model, the truth.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from colorizegan.colorizer import Colorizer
from colorizegan.data.photoset import PhotoSet
from colorizegan.training.batches.lab import lab_to_rgb
from colorizegan.training.build import build_generator
from colorizegan.training.checkpoint import load_newest
from colorizegan.training.configure import from_dict, load_config
from colorizegan.training.loop import train
from colorizegan.training.validation.validate import predict_squares, score_squares

RECIPES = ("default", "zhang16", "pix2pix", "gan")
SIDE = 256  # px

# The stages of `default`, each as long as the budget allows on one core; the others have a single stage.
SHARES = {"default": (2400.0, 530.0, 22.0, 88.0)}  # crops a minute of budget, stage by stage


def run(recipe: str, data: list[str], out: Path, minutes: float, encoder: str, cache: Path | None) -> None:
    """Train one recipe until its processor time is used up, and note what it took."""
    overrides = [f"data.sources={json.dumps(data)}", "threads=1", "data.workers=0", "data.holdout=128"]
    overrides += ["validate_minutes=1000", "checkpoint_minutes=5", "log_every=20"]
    config = load_config(recipe)
    for number, share in enumerate(SHARES.get(recipe, (1e6,))):
        overrides.append(f"stages.{number}.images={max(int(share * minutes), config.stages[number].batch)}")
    if recipe == "default" and encoder:
        overrides += [f"network.encoder={encoder}", "network.frozen=4"]
    used = 0.0

    def watch() -> None:
        while time.process_time() < 60 * minutes + start:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)  # a run that is interrupted saves what it has

    start = time.process_time()
    threading.Thread(target=watch, daemon=True).start()
    folder = out / recipe
    with contextlib.suppress(KeyboardInterrupt):
        train(load_config(recipe, None, overrides), folder, cache=cache)
    used = (time.process_time() - start) / 60
    (folder / "cost.json").write_text(json.dumps({"recipe": recipe, "processor_minutes": round(used, 2)}) + "\n")


def squares_of(photos: PhotoSet, keys: list[str]) -> Tensor:
    """Centre squares, (N, 3, SIDE, SIDE) uint8."""
    pictures = []
    for key in keys:
        image = photos.read(key)
        short = min(image.size)
        left, top = (image.width - short) // 2, (image.height - short) // 2
        box = (left, top, left + short, top + short)
        square = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)
        pictures.append(torch.from_numpy(np.asarray(square).copy()))
    return torch.stack(pictures).permute(0, 3, 1, 2).contiguous()


def generator_of(folder: Path) -> tuple[nn.Module, int]:
    """The averaged generator of a run, and the crops that it was trained on."""
    saved, _ = load_newest(folder / "checkpoints")
    if saved is None:
        raise SystemExit(f"{folder}: no whole checkpoint")
    settings = saved.facts["config"]
    settings["network"] |= {"encoder": "", "start": ""}  # all weights are in the checkpoint
    net = build_generator(from_dict(settings))
    net.load_state_dict(saved.part("average"))
    return net.eval(), saved.facts["state"]["images"]


def bounds(values: list[float]) -> str:
    """95 % interval of the mean."""
    array = np.array(values)
    picks = np.random.default_rng(0).integers(0, len(array), (1000, len(array)))
    low, high = np.percentile(array[picks].mean(1), (2.5, 97.5))
    return f"{array.mean():.2f} [{low:.2f}, {high:.2f}]"


@torch.no_grad()
def score(photos: PhotoSet, pictures: PhotoSet, out: Path, count: int) -> None:
    """Print the table and draw the sheet."""
    cpu = torch.device("cpu")
    squares = squares_of(photos, photos.keys[:: max(1, len(photos.keys) // count)][:count])
    shown = squares_of(pictures, pictures.keys[:: max(1, len(pictures.keys) // 6)][:6])
    columns: list[Tensor] = []
    L = truth = torch.empty(0)
    print("| recipe | crops | processor minutes | AuC | rebalanced AuC | colourfulness | CIEDE2000 |")
    print("|---|---|---|---|---|---|---|")
    for recipe in RECIPES:
        net, crops = generator_of(out / recipe)
        L, truth, predicted, _ = predict_squares(net, squares, cpu, 8)
        if not columns:
            print(line("gray", "", "", L, truth, torch.zeros_like(truth)))
        cost = json.loads((out / recipe / "cost.json").read_text())["processor_minutes"]
        print(line(recipe, f"{crops:,}", f"{cost:.1f}", L, truth, predicted), flush=True)
        light, true, guess, _ = predict_squares(net, shown, cpu, 2)
        if not columns:
            columns = [picture(light, torch.zeros_like(true)), picture(light, true)]
        columns.insert(-1, picture(light, guess))
    print(line("truth", "", "", L, truth, None))
    sheet = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
    Image.fromarray((sheet * 255).round().byte().permute(1, 2, 0).numpy()).save(out / "sheet.jpg", quality=88)


def show(models: list[str], out: Path) -> None:
    """Write a sheet of the example photos: a row a photo, gray, what each model makes of it, and the original."""
    folder = Path(__file__).resolve().parent.parent / "examples" / "photos"
    colorizers = [Colorizer(model) for model in models]
    rows: list[list[Image.Image]] = []
    for path in sorted((folder / "gray").glob("*.jpg")):
        with Image.open(path) as gray, Image.open(folder / "original" / path.name) as original:
            made = [colorizer.colorize(path) for colorizer in colorizers]
            rows.append([gray.convert("RGB"), *made, original.convert("RGB")])
    width = max(sum(picture.width for picture in row) for row in rows)
    sheet = Image.new("RGB", (width, sum(row[0].height for row in rows)), "white")
    top = 0
    for row in rows:
        left = 0
        for picture in row:
            sheet.paste(picture, (left, top))
            left += picture.width
        top += row[0].height
    sheet.save(out, quality=82)


def picture(L: Tensor, ab: Tensor) -> Tensor:
    """(N, 1, S, S) and (N, 2, S/2, S/2) -> sRGB (N, 3, S, S) 0..1."""
    up = torch.nn.functional.interpolate(ab, L.shape[2:], mode="bilinear", align_corners=False)
    return lab_to_rgb(torch.cat((L, up), dim=1))


def line(name: str, crops: str, minutes: str, L: Tensor, truth: Tensor, predicted: Tensor | None) -> str:
    """A row of the table."""
    predicted = truth if predicted is None else predicted
    whole = score_squares(L, truth, predicted)
    each = [score_squares(L[i : i + 1], truth[i : i + 1], predicted[i : i + 1]) for i in range(len(L))]
    errors = bounds([one["ciede2000"] for one in each])
    figures = f"{whole['auc']:.2f} | {whole['auc_rebalanced']:.2f} | {whole['colorfulness']:.1f} | {errors}"
    return f"| {name} | {crops} | {minutes} | {figures} |"


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train")
    trainer.add_argument("recipe", choices=RECIPES)
    trainer.add_argument("--data", nargs="+", required=True)
    trainer.add_argument("-o", "--out", type=Path, required=True)
    trainer.add_argument("--minutes", type=float, default=30.0)
    trainer.add_argument("--encoder", default="", help="SqueezeNet 1.0 weights that start the default U-Net")
    trainer.add_argument("--cache", type=Path)
    scorer = commands.add_parser("score")
    scorer.add_argument("--photos", type=Path, required=True)
    scorer.add_argument("--pictures", type=Path, required=True)
    scorer.add_argument("--count", type=int, default=500)
    scorer.add_argument("-o", "--out", type=Path, required=True)
    shower = commands.add_parser("show")
    shower.add_argument("models", nargs="+")
    shower.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    if given.command == "show":
        show(given.models, given.out)
        return
    if given.command == "score":
        score(PhotoSet(given.photos), PhotoSet(given.pictures), given.out, given.count)
        return
    run(given.recipe, given.data, given.out, given.minutes, given.encoder, given.cache)


if __name__ == "__main__":
    main()
