"""How far mounts and fading move the colours of a photo, with what the network is shown of a scan and without.

    python benchmarks/network_eye.py PHOTOS [--count 200] [--kinds white,wood] [--model MODEL]

PHOTOS is a folder or an uncompressed tar. Every photo is made gray and colorized, and again on each made-up mount
(benchmarks/mounts.py) and faded in each way. What is compared is ab inside of the photo, in Lab units; and what chroma
the mount has got. "Before" shows the network the whole scan as it is. At the end: in how many of the photos themselves
a border or faded tones are seen, how far that moves them, and which are taken for pages of text.
"""

import argparse
import sys

import numpy as np
from mounts import FADED, MOUNTS, PAGES, Box, faded, mounted, text_page
from numpy.typing import NDArray
from PIL import Image

from colorizegan import ColorizeGANError, Colorizer, read_photo
from colorizegan.data.photoset import PhotoSet
from colorizegan.steer.eye import Eye, see


def main() -> int:
    """Print a row for each kind of mount and of fading, and what is seen in the photos themselves."""
    parser = argparse.ArgumentParser(description="How far mounts and fading move the colours of a photo.")
    parser.add_argument("photos", metavar="PHOTOS", help="folder or uncompressed tar")
    parser.add_argument("--count", type=int, default=200, help="only the first so many photos, by name")
    parser.add_argument("--kinds", help="only these mounts and fadings, with commas between")
    parser.add_argument("--model", help="model bundle; default the one in the package")
    options = parser.parse_args()
    try:
        photos, colorizer = PhotoSet(options.photos), Colorizer(options.model)
        grays = [read_photo(photos.read_bytes(key)).gray for key in photos.keys[: options.count]]
    except ColorizeGANError as error:
        sys.exit(f"error: {error}")
    grays = [gray if gray.dtype == np.uint8 else (gray // 257).astype(np.uint8) for gray in grays]
    shown = [colorizer.predict(gray).ab for gray in grays]
    plain = [colorizer.predict(gray, eye=Eye.open_wide(gray.shape)).ab for gray in grays]
    kinds = options.kinds.split(",") if options.kinds else [*MOUNTS, *FADED]
    print(
        "| scan | before | now | 90 % of photos under | chroma of the mount, before | now |\n|---|---|---|---|---|---|"
    )
    for kind in kinds:
        rng = np.random.default_rng(0)
        rows: list[tuple[float, ...]] = []
        for gray, whole, own in zip(grays, plain, shown, strict=True):
            scan, box = mounted(kind, gray, rng) if kind in MOUNTS else (faded(kind, gray), (0, 0, *gray.shape))
            before, now = colorizer.predict(scan, eye=Eye.open_wide(scan.shape)).ab, colorizer.predict(scan).ab
            rows.append((*compared(before, whole, scan, box), *compared(now, own, scan, box)))
        moved, rim, moved_now, rim_now = np.transpose(rows)
        far = np.percentile(moved_now, 90)
        mount = (f"{rim.mean():.1f}", f"{rim_now.mean():.1f}") if kind in MOUNTS else ("", "")
        print(
            f"| {kind} | {moved.mean():.1f} | {moved_now.mean():.1f} | {far:.1f} | {mount[0]} | {mount[1]} |",
            flush=True,
        )
    eyes = [see(gray) for gray in grays]
    found = {
        "a border": [eye.photo != eye.shape for eye in eyes],
        "faded tones": [eye.tones is not None for eye in eyes],
        "a page of text": [eye.text for eye in eyes],
    }
    away = [float(np.hypot(*(fitted(a, b.shape[1:]) - b)).mean()) for a, b in zip(shown, plain, strict=True)]
    for name, those in found.items():
        moved = np.mean([far for far, seen in zip(away, those, strict=True) if seen]) if any(those) else 0.0
        print(f"{name} is seen in {sum(those)} of {len(eyes)} photos; their colours move by {moved:.1f}")
    print(f"all photos move by {np.mean(away):.2f}, the median by {np.median(away):.2f}")
    rng = np.random.default_rng(0)
    pages = [text_page(kind, rng) for kind in PAGES for _ in range(10)]
    print(f"pages of text that are seen: {sum(see(page).text for page in pages)} of {len(pages)}")
    return 0


def compared(
    ab: NDArray[np.float32], own: NDArray[np.float32], scan: NDArray[np.uint8], box: Box
) -> tuple[float, float]:
    """Distance of ab inside of the photo from those of the photo alone; mean chroma outside, 3 px from its edge."""
    top, left, height, width = box
    full = fitted(ab, scan.shape)
    inside = full[:, top : top + height, left : left + width]
    outside = np.ones(scan.shape, bool)
    outside[max(0, top - 3) : top + height + 3, max(0, left - 3) : left + width + 3] = False
    rim = float(np.hypot(*full)[outside].mean()) if outside.any() else 0.0
    return float(np.hypot(*(inside - fitted(own, (height, width)))).mean()), rim


def fitted(ab: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """ab (2, h, w) at another size, linear."""
    size = (shape[1], shape[0])
    return np.stack([np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR)) for plane in ab])


if __name__ == "__main__":
    sys.exit(main())
