"""Films: how steady and how good the colours are, beside frame by frame; cuts, fades and flashes; speed; kills.

    python benchmarks/film.py colors CLIPS     (a tar or a folder of <clip>/<frame>.webp)
    python benchmarks/film.py cuts CLIPS
    python benchmarks/film.py speed CLIPS [--frames 480]
    python benchmarks/film.py kill CLIPS [--kills 20]

`colors`: each clip is made gray and coloured both ways with the same model, painted in full and compared as Lab.
Flicker is the mean change of ab from frame to frame along the true motion: optical flow of the whole frames by DIS at
its finest preset, where both ways agree within 0.7 px and brightness within 12 codes. AuC is the share of pixels
within an ab error, mean over thresholds 0..150; the share of the way is 1 less the error over that of gray. Where a
clip has no colours of its own, only flicker and colourfulness are told.
`cuts`: all clips joined hard, with fades through black, and with a flash, as one film; the colours of each shot are
compared with those of the clip alone.
`speed`: a film of 1280 x 720 with sound, by the command, beside a loop that colours and encodes frame by frame.
`memory`: that of a small film and of one ten times as long.
`kill`: the command is killed at random points and started anew; the result must be equal to an unbroken one.
"""

import argparse
import io
import random
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from film_measures import measured, true_motion
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import rgb_to_gray
from colorizegan.colorizer import Colorizer
from colorizegan.files import sha256_of_file
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look
from colorizegan.video.consistency import steady_colors
from colorizegan.video.guesses import Guesses

Pixels = NDArray[Any]
OLD = "oldfilm"  # names of clips without colours begin so


def main() -> None:
    """Print the figures of one of the five."""
    parser = argparse.ArgumentParser(description="Figures of films.")
    parser.add_argument("what", choices=["colors", "cuts", "speed", "memory", "kill"])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--frames", type=int, default=480)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--sheets", type=Path, help="colors: a folder for pictures to look at")
    options = parser.parse_args()
    clips = read_clips(options.clips)
    {"colors": colors, "cuts": cuts, "speed": speed, "memory": memory, "kill": kill}[options.what](clips, options)


def read_clips(source: Path) -> dict[str, list[Pixels]]:
    """The frames of each clip, (H, W, 3) uint8."""
    found: dict[str, list[Pixels]] = defaultdict(list)
    if source.is_dir():
        for path in sorted(source.glob("*/*.webp")):
            found[path.parent.name].append(np.asarray(Image.open(path).convert("RGB")))
        return found
    with tarfile.open(source) as tar:
        for member in sorted((m for m in tar if m.isfile()), key=lambda m: m.name):
            file = tar.extractfile(member)
            assert file is not None
            found[Path(member.name).parent.name].append(np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB")))
    return found


# --- colours ---


def colors(clips: dict[str, list[Pixels]], options: argparse.Namespace) -> None:
    colorizer = Colorizer(options.model)
    print("| clip | flicker: truth, by frame, film | ratio | CIEDE2000 by frame, film | AuC | share of the way | "
          "colourfulness | network on |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name, frames in clips.items():
        grays = [rgb_to_gray(frame) for frame in frames]
        flows = [true_motion(a, b) for a, b in pairwise(grays)]
        guesses = Guesses(colorizer, Look(), {})
        found = list(steady_colors(grays, guesses))
        film = [guesses.paint(gray, one.ab) for gray, one in zip(grays, found, strict=True)]
        single = [guesses.paint(gray, colorizer.predict(gray).ab) for gray in grays]
        truth = None if name.startswith(OLD) else frames
        a, b = (measured(version, truth, flows) for version in (single, film))
        own = measured(frames, None, flows)["flicker"] if truth else float("nan")
        keys = sum(one.key for one in found)
        print(
            f"| {name} | {own:.2f}, {a['flicker']:.2f}, {b['flicker']:.2f} | {b['flicker'] / a['flicker']:.2f} | "
            f"{a['error']:.2f}, {b['error']:.2f} | {a['auc']:.3f}, {b['auc']:.3f} | "
            f"{100 * a['share']:.1f} %, {100 * b['share']:.1f} % | "
            f"{100 * b['colorfulness'] / a['colorfulness']:.1f} % | {keys} of {len(frames)} |",
            flush=True,
        )
        if options.sheets is not None:
            options.sheets.mkdir(parents=True, exist_ok=True)
            pick = range(0, len(frames), max(1, len(frames) // 6))
            rows = [np.hstack([version[i] for i in pick]) for version in (single, film)]
            Image.fromarray(np.vstack(rows)).save(options.sheets / f"{name}.png")


# --- cuts ---


def cuts(clips: dict[str, list[Pixels]], options: argparse.Namespace) -> None:
    colorizer = Colorizer(options.model)
    shape = 426, 240
    longer = {
        name: [cv2.resize(rgb_to_gray(f), shape, interpolation=cv2.INTER_AREA) for f in frames]
        for name, frames in clips.items()
    }
    grays = {name: frames[:36] for name, frames in longer.items()}
    guesses = Guesses(colorizer, Look(), {})
    alone = {name: [one.ab for one in steady_colors(frames, guesses)] for name, frames in grays.items()}
    whole = [frame for frames in grays.values() for frame in frames]
    found = list(steady_colors(whole, guesses))
    wanted = [ab for name in grays for ab in alone[name]]
    differ = sum(not np.array_equal(one.ab, ab) for one, ab in zip(found, wanted, strict=True))
    print(f"hard cuts: {len({one.shot.first for one in found})} shots in a film of {len(grays)} clips; "
          f"{differ} of {len(found)} frames differ from those of the clip alone")  # fmt: skip

    fade = [i / 8 for i in range(8)]
    faded: list[Pixels] = []
    for frames in grays.values():
        faded += [(f * s).astype(np.uint8) for f, s in zip(frames[:8], fade, strict=True)]
        faded += frames[8:-8]
        faded += [(f * s).astype(np.uint8) for f, s in zip(frames[-8:], reversed(fade), strict=True)]
    found = list(steady_colors(faded, guesses))
    at, crossing = 0, 0
    for frames in grays.values():
        own = list(steady_colors(faded[at : at + len(frames)], guesses))
        crossing += sum(
            float(np.abs(one.ab - other.ab).max()) > 0.5
            for one, other in zip(found[at : at + len(frames)], own, strict=True)
        )
        at += len(frames)
    print(f"fades through black: {crossing} of {len(found)} frames differ by over 0.5 Lab units from those alone")

    # Through a dissolve: what is behind it may not depend on what was said of the shot before.
    for length in (12, 24, 36):
        joined = differ = 0
        for one, other in pairwise(longer.values()):
            before = one[: min(24, len(one) - length)]
            shares = [(i + 1) / (length + 1) for i in range(length)]
            mixed = [
                np.rint((1 - s) * a + s * b).astype(np.uint8)
                for s, a, b in zip(shares, one[len(before) :], other, strict=False)
            ]
            film = [*before, *mixed, *other[length:]]
            red = tuple(Hint(x, y, "#e01030") for x in range(40, shape[0], 60) for y in range(40, shape[1], 60))
            told = list(steady_colors(film, Guesses(colorizer, Look(), {3: red}), hinted=[3]))
            found = list(steady_colors(film, guesses, hinted=[3]))
            behind = len(before) + length
            joined += len({frame.shot.first for frame in found}) > 1
            away = [np.abs(x.ab - y.ab).mean() for x, y in zip(told[behind:], found[behind:], strict=True)]
            differ += max(away, default=0) > 0.5
        count = len(grays) - 1
        print(f"dissolves of {length} frames: {joined} of {count} are cuts; through {differ} comes over 0.5 of before")

    flashed = list(next(iter(grays.values())))
    for i in (15, 16):
        flashed[i] = np.maximum(flashed[i], 235)
    found = list(steady_colors(flashed, guesses))
    print(f"a flash of two frames: {len({one.shot.first for one in found})} shot")


# --- speed and memory ---


def speed(clips: dict[str, list[Pixels]], options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "hd.mp4"
        still = clips["oldfilm-v04"]
        frames = [frame for clip in clips.values() for frame in clip]
        write_film(source, frames, options.frames, (1280, 720), sound=True)
        write_film(folder / "quiet.mp4", still, options.frames, (1280, 720), sound=True)
        command = [sys.executable, "-m", "colorizegan", "video", "-q", "--force"]
        command += ["--model", options.model] if options.model else []
        for film in (source, folder / "quiet.mp4"):
            start = time.perf_counter()
            subprocess.run([*command, str(film), "-o", str(folder / f"out-{film.name}")], check=True)
            seconds = time.perf_counter() - start
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            print(f"{film.name}: {options.frames / seconds:.1f} frames a second, "
                  f"at most {used.ru_maxrss / 1024:.0f} MB (largest so far)", flush=True)  # fmt: skip
        start = time.perf_counter()
        count = frame_by_frame(source, folder / "plain.mp4", Colorizer(options.model), min(options.frames, 96))
        print(f"frame by frame: {count / (time.perf_counter() - start):.1f} frames a second")


def memory(clips: dict[str, list[Pixels]], options: argparse.Namespace) -> None:
    code = (
        "import resource, sys; from colorizegan.cli.main import app\n"
        "try: app(sys.argv[1:])\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    command = [sys.executable, "-c", code, "video", "-q", "--force", "--size", "64"]
    command += ["--model", options.model] if options.model else []
    with tempfile.TemporaryDirectory() as name:
        for count in (2_000, 20_000):
            small, target = Path(name) / f"small-{count}.mp4", Path(name) / f"{count}.mp4"
            write_film(small, [frame[::4, ::4] for frame in clips["oldfilm-v04"]], count, (104, 60), sound=False)
            done = subprocess.run([*command, small, "-o", target], capture_output=True, text=True, check=True)
            print(f"{count} small frames: at most {done.stdout.strip()} MB", flush=True)


def write_film(path: Path, frames: list[Pixels], count: int, size: tuple[int, int], *, sound: bool) -> None:
    """Write the frames, gray and again and again, 24 a second."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", 24, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        tone: Any = container.add_stream("aac", 48000) if sound else None
        for i in range(count):
            gray: Any = cv2.resize(rgb_to_gray(frames[i % len(frames)]), size, interpolation=cv2.INTER_LINEAR)
            picture = av.VideoFrame.from_ndarray(np.repeat(gray[..., None], 3, 2), "rgb24").reformat(format="yuv420p")
            picture.pts, picture.time_base = i, Fraction(1, 24)
            container.mux(stream.encode(picture))
            if tone is not None:
                wave = np.sin(np.arange(2000, dtype=np.float32) * np.float32(0.05))
                samples = av.AudioFrame.from_ndarray(np.stack((wave, wave)), "fltp", "stereo")
                samples.sample_rate, samples.pts = 48000, i * 2000
                container.mux(tone.encode(samples))
        for one in (stream, tone):
            if one is not None:
                container.mux(one.encode(None))


def frame_by_frame(source: Path, target: Path, colorizer: Colorizer, most: int) -> int:
    """The plain way: every frame a photo."""
    with av.open(str(source)) as film, av.open(str(target), "w") as result:
        stream: Any = result.add_stream("libx264", 24, options={"preset": "veryfast", "crf": "18"})
        count = 0
        for frame in film.decode(video=0):
            if not count:
                stream.width, stream.height = frame.width, frame.height
            picture = av.VideoFrame.from_ndarray(colorizer.colorize(frame.to_ndarray(format="rgb24")), "rgb24")
            result.mux(stream.encode(picture.reformat(format="yuv420p")))
            count += 1
            if count == most:
                break
        result.mux(stream.encode(None))
    return count


# --- kills ---


def kill(clips: dict[str, list[Pixels]], options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, whole, target = folder / "film.mp4", folder / "whole.mkv", folder / "killed.mkv"
        write_film(source, [frame for clip in clips.values() for frame in clip], 800, (428, 240), sound=True)
        # FFV1 codes the same frames as the same bytes, which x264 does not promise on every processor.
        command = [sys.executable, "-m", "colorizegan", "video", "-q", "--codec", "ffv1", str(source), "-o"]
        command[5:5] = ["--model", options.model] if options.model else []
        start = time.perf_counter()
        subprocess.run([*command, str(whole)], check=True)
        seconds = time.perf_counter() - start
        chance = random.Random(0)
        killed = ended = 0
        while killed < options.kills:
            process = subprocess.Popen([*command, str(target)])
            try:
                process.wait(chance.uniform(1, max(4.0, seconds / 4)))
                ended += 1  # it was through before: from the beginning
                assert sha256_of_file(target) == sha256_of_file(whole)
                target.unlink()
            except subprocess.TimeoutExpired:
                assert not target.exists()
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
        subprocess.run([*command, str(target)], check=True)
        equal = sha256_of_file(target) == sha256_of_file(whole)
        left = sorted(path.name for path in folder.iterdir())
        print(f"{killed} kills, {ended + 1} runs to the end; equal: {equal}; in the folder: {', '.join(left)}")


if __name__ == "__main__":
    main()
