"""Make docs/film_strip.jpg, the README's strip of a film: frames in gray, frame by frame, and as a film.

python scripts/film_strip.py [MODEL]

The film is a camera move over an example photo, with the flicker and grain of an old print.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from colorizegan import Colorizer
from colorizegan.photo.read import read_photo
from colorizegan.steer.look import Look
from colorizegan.video.consistency import steady_colors
from colorizegan.video.guesses import Guesses

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "examples" / "photos" / "gray" / "coffee.jpg"
RESULT = ROOT / "docs" / "film_strip.jpg"
HEIGHT, WIDTH = 240, 320  # px of a frame
FRAMES, SHOWN = 48, 6


def main(model: str | None) -> None:
    """Rows: gray, each frame as a photo, the film."""
    colorizer = Colorizer(model)
    photo = read_photo(PHOTO).gray
    chance = np.random.default_rng(0)
    grays: list[np.ndarray] = []
    for i in range(FRAMES):
        share = i / (FRAMES - 1)
        top, left = (round(share * (side - size)) for side, size in zip(photo.shape, (HEIGHT, WIDTH), strict=True))
        frame = photo[top : top + HEIGHT, left : left + WIDTH] * chance.uniform(0.8, 1.1)
        grays.append(np.clip(frame + chance.normal(0, 6, frame.shape), 0, 255).astype(np.uint8))
    guesses = Guesses(colorizer, Look(), {})
    steady = list(steady_colors(grays, guesses))
    shown = np.linspace(0, FRAMES - 1, SHOWN).astype(int)
    rows = [
        [np.repeat(grays[i][..., None], 3, 2) for i in shown],
        [colorizer.colorize(grays[i]) for i in shown],
        [guesses.paint(grays[i], steady[i].ab) for i in shown],
    ]
    sheet = Image.fromarray(np.vstack([np.hstack(row) for row in rows]))
    sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.LANCZOS).save(
        RESULT, quality=85, optimize=True
    )
    print(f"{RESULT.relative_to(ROOT)}: {RESULT.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
