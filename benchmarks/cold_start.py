"""Time of whole processes, from the shell's point of view: `--help`, and one photo of 1 Mpx, cold start included.

python benchmarks/cold_start.py [--repeats 7] [--model MODEL] [PHOTO]

Without PHOTO one is made from an example photo: 1152 x 864 px, JPEG. Medians; the first start of each, which fills the
disk cache and writes the byte code, is not counted.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "photos" / "gray" / "coffee.jpg"


def main() -> int:
    """Print one row for each command; exit 1 if a command fails."""
    parser = argparse.ArgumentParser(description="Time of whole processes.")
    parser.add_argument("photo", nargs="?", type=Path, metavar="PHOTO")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--model", help="model bundle; default the one in the package")
    options = parser.parse_args()
    program = shutil.which("colorizegan", path=str(Path(sys.executable).parent)) or shutil.which("colorizegan")
    if program is None:
        print("colorizegan is not installed in this environment: pip install .", file=sys.stderr)
        return 1

    with tempfile.TemporaryDirectory() as folder:
        photo = options.photo or make_photo(Path(folder) / "photo.jpg")
        result = Path(folder) / "result.jpg"
        colorize = [program, "colorize", str(photo), "-o", str(result), "--overwrite", "--quiet"]
        commands = {
            "colorizegan --help": [program, "--help"],
            "colorizegan --version": [program, "--version"],
            "colorizegan colorize PHOTO": [*colorize, *(("--model", options.model) if options.model else ())],
        }
        with Image.open(photo) as picture:
            width, height = picture.size
        print(f"{os.cpu_count()} cores; PHOTO is {width} x {height} px; median of {options.repeats} (least to most)\n")
        print("| command | seconds | range |\n|---|---|---|")
        for name, command in commands.items():
            try:
                seconds = [run(command) for _ in range(options.repeats + 1)][1:]
            except subprocess.CalledProcessError as error:
                print(f"{name}: exit {error.returncode}: {error.stderr.strip()}", file=sys.stderr)
                return 1
            print(f"| `{name}` | {statistics.median(seconds):.2f} | {min(seconds):.2f} to {max(seconds):.2f} |")
    return 0


def make_photo(path: Path) -> Path:
    """A gray JPEG of 1 Mpx, made from an example photo."""
    with Image.open(EXAMPLE) as picture:
        picture.resize((1152, 864), Image.Resampling.LANCZOS).save(path, quality=92)
    return path


def run(command: list[str]) -> float:
    """Seconds from start to end of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
