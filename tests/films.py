"""Films for the tests, made by Debian's ffmpeg, which is also the one that is asked what a film is."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


class FFmpeg:
    """The programs ffmpeg and ffprobe."""

    def make(self, path: Path, *arguments: str) -> Path:
        """Write a film."""
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, str(path)], check=True, stdin=subprocess.DEVNULL)
        return path

    def moving(self, path: Path, *arguments: str, size: str = "96x64", seconds: float = 1, rate: str = "12") -> Path:
        """Write a gray film in which things move."""
        source = f"mandelbrot=s={size}:r={rate}:end_scale=0.3:end_pts=60"
        return self.make(
            path, "-f", "lavfi", "-i", source, *arguments[: arguments.index("--") if "--" in arguments else 0],
            "-vf", "format=gray,format=yuv420p", "-t", str(seconds), "-c:v", "libx264", "-preset", "veryfast",
            *arguments[arguments.index("--") + 1 if "--" in arguments else 0 :],
        )  # fmt: skip

    def two_shots(self, path: Path, first: int = 1) -> Path:
        """Write a gray film of two shots, of `first` seconds and of one, with two seconds of sound."""
        return self.make(
            path, "-f", "lavfi", "-i", f"testsrc2=s=128x96:r=12:d={first}",
            "-f", "lavfi", "-i", "mandelbrot=s=128x96:r=12", "-f", "lavfi", "-i", "sine=f=440:d=2", "-filter_complex",
            "[1:v]trim=duration=1[m];[0:v][m]concat=n=2,format=gray,format=yuv420p[v]", "-map", "[v]", "-map", "2",
            "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac",
        )  # fmt: skip

    def ask(self, path: Path, *what: str) -> dict[str, Any]:
        """What ffprobe says of a film."""
        command = ["ffprobe", "-v", "error", "-of", "json", *what, str(path)]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def decoded(self, path: Path, form: str, *, count: int = -1) -> list[NDArray[Any]]:
        """The planes of all frames as bytes, each frame a flat array."""
        frame = self.ask(path, "-select_streams", "v:0", "-show_entries", "stream=width,height")["streams"][0]
        command = ["ffmpeg", "-v", "error", "-noautorotate", "-i", str(path), "-map", "v:0", "-fps_mode", "passthrough"]
        command += ["-frames:v", str(count)] if count > 0 else []
        command += ["-f", "rawvideo", "-pix_fmt", form, "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        samples = {"yuv420p": 1.5, "gray": 1, "rgb24": 3, "yuv444p": 3, "yuv420p10le": 3, "gray10le": 2}[form]
        size = int(frame["width"] * frame["height"] * samples)
        return [np.frombuffer(raw[i : i + size], np.uint8) for i in range(0, len(raw), size)]

    def times(self, path: Path) -> list[str]:
        """When each frame is shown."""
        found = self.ask(path, "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time")["frames"]
        return [frame.get("best_effort_timestamp_time", "") for frame in found]


def write(page: NDArray[np.uint8], words: str, place: tuple[int, int], size: int, ink: int) -> None:
    """Fat letters on a page, their upper left corner at (x, y); by Pillow, as OpenCV's are others in each version."""
    image = Image.fromarray(page)
    ImageDraw.Draw(image).text(place, words, ink, ImageFont.load_default(size), stroke_width=1)
    page[:] = np.asarray(image)


def texture(seed: int, height: int, width: int) -> NDArray[np.float32]:
    """A picture with things of many sizes, L 0..100."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for size in (4, 8, 16, 32):
        cells = rng.normal(0, 1, (height // size + 2, width // size + 2)).astype(np.float32)
        big = np.kron(cells, np.ones((size, size), np.float32))
        shift = rng.integers(0, size, 2)
        picture += big[shift[0] : shift[0] + height, shift[1] : shift[1] + width]
    low, high = np.percentile(picture, (1, 99))
    return np.clip((picture - low) / (high - low) * 90 + 5, 0, 100).astype(np.float32)
