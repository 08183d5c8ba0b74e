"""What each format keeps on its way through `colorizegan colorize`: the table of docs/formats.md.

    python benchmarks/round_trip.py [--model MODEL]

Makes a photo of each format and depth with everything that the format can hold, colorizes it, and compares the result
with the photo by other programs: pixels and profiles by Pillow and libvips, metadata by exiftool (which must be
installed). "-" means that the source cannot hold it either, or that the library that made the source cannot.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from colorizegan.batch.plan import make_plan
from colorizegan.batch.run import run_jobs
from colorizegan.color.lab import rgb_to_lab
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer
from colorizegan.photo.read import read_photo

HEIGHT, WIDTH, DPI = 240, 320, 300
PER_MM = DPI / 25.4
TAGS = {
    "EXIF:Artist": "A. Archivist",
    "EXIF:DateTimeOriginal": "1936:06:01 12:00:00",
    "IPTC:Keywords": "bridge",
    "XMP:Rating": "4",
}
GROUPS = ("EXIF", "IPTC", "XMP")
COLUMNS = ("source", "result", "depth", "alpha", "ICC", "DPI", *GROUPS, "pages", "L, mean difference")


@dataclass(frozen=True)
class Case:
    """One kind of source file."""

    label: str
    suffix: str
    options: dict[str, Any]
    """Of libvips' writer."""
    deep: bool = False
    alpha: bool = False
    bands: int = 1
    pages: int = 1


CASES = (
    Case("JPEG, gray", ".jpg", {"Q": 95}),
    Case("JPEG, RGB", ".jpg", {"Q": 95}, bands=3),
    Case("JPEG, CMYK", ".jpg", {"Q": 95}, bands=4),
    Case("PNG, 1 bit", ".png", {"bitdepth": 1}),
    Case("PNG, 8 bit, alpha", ".png", {}, alpha=True),
    Case("PNG, 16 bit, alpha", ".png", {}, deep=True, alpha=True),
    Case("TIFF, 8 bit, LZW", ".tif", {"compression": "lzw"}),
    Case("TIFF, 16 bit, Deflate, tiled", ".tif", {"compression": "deflate", "tile": True}, deep=True),
    Case("TIFF, 16 bit, alpha, BigTIFF", ".tif", {"compression": "none", "bigtiff": True}, deep=True, alpha=True),
    Case("TIFF, 1 bit, G4", ".tif", {"compression": "ccittfax4", "bitdepth": 1}),
    Case("TIFF, 3 pages", ".tif", {"compression": "lzw"}, pages=3),
    Case("WebP, alpha", ".webp", {"Q": 90}, alpha=True, bands=3),
    Case("AVIF", ".avif", {"compression": "av1", "Q": 90}, bands=3),
    Case("HEIC", ".heic", {"compression": "hevc", "Q": 90}, bands=3),
    Case("GIF", ".gif", {}, bands=3),
    Case("BMP", ".bmp", {}, bands=3),
    Case("PGM, 8 bit", ".pgm", {}),
    Case("PGM, 16 bit", ".pgm", {}, deep=True),
)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What each format keeps.")
    parser.add_argument("--model", help="model bundle; default the one in the package")
    options = parser.parse_args()
    if not shutil.which("exiftool"):
        raise SystemExit("missing program: exiftool (apt-get install libimage-exiftool-perl)")
    colorizer = Colorizer(options.model)
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for case in CASES:
        with tempfile.TemporaryDirectory() as name:
            try:
                source = make(case, Path(name))
            except pyvips.Error:
                print(f"| {case.label} | not tried: this build of libvips does not write it |")
                continue
            print("| " + " | ".join(row(case, source, Path(name) / "out", colorizer)) + " |")
    return 0


def make(case: Case, folder: Path) -> Path:
    """A photo with all that its format can hold."""
    path = folder / f"photo{case.suffix}"
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    gray = 0.5 + 0.35 * np.sin(x / 19) * np.cos(y / 13) + 0.1 * (x / WIDTH - 0.5)
    top, kind = (65535, np.uint16) if case.deep else (255, np.uint8)
    planes = [np.rint(gray * top)] * (3 if case.bands == 3 else 1)
    if case.bands == 4:
        planes = [np.zeros_like(gray)] * 3 + [np.rint((1 - gray) * top)]
    if case.alpha:
        planes.append(np.rint(np.clip(x / WIDTH * 1.5, 0, 1) * top))
    pixels = np.dstack(planes).astype(kind)
    image: Any = pyvips.Image.new_from_memory(
        pixels.tobytes(), WIDTH, HEIGHT, pixels.shape[2], "ushort" if case.deep else "uchar"
    )
    space = {1: "grey16" if case.deep else "b-w", 3: "rgb16" if case.deep else "srgb", 4: "cmyk"}[case.bands]
    image = image.copy(interpretation=space, xres=PER_MM, yres=PER_MM)
    if case.pages > 1:
        image = pyvips.Image.arrayjoin([image] * case.pages, across=1).copy()
        image.set_type(pyvips.GValue.gint_type, "page-height", HEIGHT)
    if case.bands == 3 and case.suffix not in (".gif", ".bmp"):
        image = image.icc_transform("p3", input_profile="srgb")
    if case.suffix in (".bmp", ".pgm"):  # which libvips does not write in every build
        Image.fromarray(pixels.squeeze()).save(path, "PPM" if case.suffix == ".pgm" else None)
    else:
        image.write_to_file(str(path), **case.options)
    for name, value in TAGS.items():
        args = ["exiftool", "-q", "-q", "-m", "-overwrite_original", f"-{name}={value}", str(path)]
        subprocess.run(args, check=False, capture_output=True)  # not every format can be written by it
    return path


def row(case: Case, source: Path, out: Path, colorizer: Colorizer) -> list[str]:
    """What came through."""
    plan = make_plan([str(source)], str(out))
    (result,) = run_jobs(plan.jobs, colorizer, FileOptions())
    if result.status != "done":
        return [case.label, f"{result.status}: {result.reason}"]
    target = result.job.target
    before, after = described(source), described(target)
    cells = [case.label, target.suffix.lstrip(".").upper()]
    made = result_of(target)
    deep = made.format == "ushort"
    cells.append(f"{16 if case.deep else case.options.get('bitdepth', 8)} -> {16 if deep else 8}")
    cells.append(("kept" if made.hasalpha() else "on white") if case.alpha else "-")
    had = "ICC_Profile" in before["groups"]
    has = "ICC_Profile" in after["groups"]
    cells.append(("sRGB" if has else "lost") if had else ("sRGB added" if has else "-"))
    cells.append(("kept" if after["dpi"] else "lost") if before["dpi"] else "-")
    for group in GROUPS:
        wanted = {name: value for name, value in TAGS.items() if name.startswith(group)}
        wanted = {name: value for name, value in wanted.items() if before["tags"].get(name) == value}
        kept = all(after["tags"].get(name) == value for name, value in wanted.items())
        note = " + note" if group == "XMP" and "lgorithmic" in json.dumps(after["tags"]) else ""
        cells.append((("kept" if kept else "lost") if wanted else "-") + note)
    with Image.open(target) as image:
        cells.append(f"{case.pages} of {case.pages}" if getattr(image, "n_frames", 1) == case.pages else "first")
    cells.append(lightness_difference(source, target))
    return cells


def result_of(path: Path) -> Any:
    """A result as libvips sees it; BMP and PNM, which not every build of it reads, by way of Pillow."""
    try:
        return pyvips.Image.new_from_file(str(path))
    except pyvips.Error:
        if path.suffix == ".ppm":  # of which Pillow reads 16 bits as 8
            raw = path.read_bytes()
            kind, width, height, top = raw.split(None, 4)[:4]
            pixels = np.frombuffer(raw, ">u2" if int(top) > 255 else "u1", offset=raw.index(top) + len(top) + 1)
            assert kind == b"P6"
            return pyvips.Image.new_from_array(
                pixels.reshape(int(height), int(width), 3).astype(pixels.dtype.newbyteorder("="))
            )
        with Image.open(path) as image:
            return pyvips.Image.new_from_array(np.asarray(image))


def described(path: Path) -> dict[str, Any]:
    """What exiftool finds."""
    done = subprocess.run(["exiftool", "-j", "-G", str(path)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)[0]
    tags = {key: str(value) for key, value in found.items()}
    dpi = any(key.endswith("XResolution") and value == str(DPI) for key, value in tags.items())
    return {"tags": tags, "groups": {key.split(":")[0] for key in tags}, "dpi": dpi or "PNG:PixelsPerUnitX" in tags}


def lightness_difference(source: Path, target: Path) -> str:
    """Mean difference of L between what was read and the result, over opaque pixels."""
    photo = read_photo(source)
    made = result_of(target)
    rgb = made.numpy()[..., :3].astype(np.float64) / (65535 if made.format == "ushort" else 255)
    gray = photo.gray / np.iinfo(photo.gray.dtype).max
    apart = np.abs(rgb_to_lab(rgb)[..., 0] - rgb_to_lab(np.dstack([gray] * 3))[..., 0])
    return f"{apart.mean():.2f}"


if __name__ == "__main__":
    sys.exit(main())
