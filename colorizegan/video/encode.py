"""Frames to an encoded stream: the encoders, which of their formats fits a film, and how strong they press."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av.container import Flags, OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorizegan.errors import UsageError
from colorizegan.video.formats import CONTAINERS
from colorizegan.video.frames import Film
from colorizegan.video.pixels import CHROMA, FULL, Pixels

START = 64  # more frames than any encoder waits for, so that no time is below that of decoding
INTERLACED = 1 << 18 | 1 << 29  # flags of FFmpeg: code fields, and look for motion in fields


@dataclass(frozen=True)
class Encoder:
    """An encoder of FFmpeg, set for a quality."""

    name: str
    options: dict[str, str] = field(default_factory=dict[str, str])
    tag: str = ""
    """What players of MP4 know the codec by, where that is not the default."""


def encoder_for(suffix: str, codec: str | None, quality: int, bits: int) -> Encoder:
    """The encoder for a result whose name ends with `suffix`; UsageError for a codec that does not go into it.

    `quality` 1..100 is a rate factor of each encoder: the same number looks about the same with each.
    """
    _, held = CONTAINERS[suffix]
    codec = codec or ("av1" if held[0] == "vp9" and bits > 8 else held[0])
    if codec not in held:
        raise UsageError(f"{suffix} does not hold {codec}", remedy=f"use {', '.join(held)}, or .mkv, which holds all")
    factor = round((100 - quality) * 0.45 + 9)  # of H.264, 0..51: 80 gives 18
    lossless = quality == 100
    if codec == "h264":
        press = {"qp": "0"} if lossless else {"crf": str(min(factor, 51))}
        # What x264 has for one kind of processor reads what was never written, where rows are no multiple of 16.
        return Encoder("libx264", {"preset": "veryfast", "x264-params": "cpu-independent=1", **press})
    if codec == "hevc":
        quiet = "log-level=none" + (":lossless=1" if lossless else "")
        press = {} if lossless else {"crf": str(min(factor + 2, 51))}
        return Encoder("libx265", {"preset": "veryfast", "x265-params": quiet, **press}, "hvc1")
    if codec == "vp9":
        press = {"lossless": "1"} if lossless else {"crf": str(min(round(factor * 1.5), 63)), "b": "0"}
        return Encoder("libvpx-vp9", {"deadline": "good", "cpu-used": "5", "row-mt": "1", **press})
    if codec == "av1":
        os.environ.setdefault("SVT_LOG", "1")  # it would write to standard error; nothing else keeps it from that
        return Encoder("libsvtav1", {"preset": "9", "crf": str(min(max(round(factor * 1.5), 1), 63))})
    if codec == "ffv1":
        return Encoder("ffv1", {"level": "3", "slicecrc": "1", "slices": "12"})
    return Encoder("prores_ks", {"profile": "3"})


def fitted(pixels: Pixels, encoder: Encoder) -> Pixels:
    """The pixels of a film in the format nearest to their own that an encoder takes."""
    taken = {form.name for form in av.Codec(encoder.name, "w").video_formats or ()}
    kinds = [(rows, columns) for rows, columns in CHROMA if rows <= pixels.rows and columns <= pixels.columns]
    kinds += [kind for kind in CHROMA if kind not in kinds]  # less chroma than it has, where nothing else is taken
    for bits in (pixels.bits, 18 - pixels.bits):
        for rows, columns in kinds:
            name = f"yuv{CHROMA[rows, columns]}p" + ("10le" if bits > 8 else "")
            if name in taken:
                return replace(pixels, name=name, bits=bits, rows=rows, columns=columns)
    raise AssertionError(f"{encoder.name} takes none of the formats")


class NotedFile:
    """A file for FFmpeg to write into. What goes wrong is raised by `check`: PyAV would print some of it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None
        self.read, self.seek, self.tell = file.read, file.seek, file.tell
        self.readable, self.writable, self.seekable = file.readable, file.writable, file.seekable

    def write(self, data: bytes) -> int:
        """Write, unless something has gone wrong before."""
        if self.error is None:
            try:
                self.file.write(data)
                self.file.flush()
            except OSError as error:
                self.error = error
        return len(data)

    def check(self) -> None:
        if self.error is not None:
            raise self.error


class PartWriter:
    """Encodes frames of a film into a file of its own, which `result` joins with others.

    The encoder and that file know frame i of the part by the time i and START + i: Matroska counts milliseconds, which
    are too coarse for the true times. These are in `times`. reorder: whether frames may be coded in another order than
    they are shown in.
    """

    def __init__(self, file: BinaryIO, film: Film, pixels: Pixels, encoder: Encoder, *, reorder: bool) -> None:
        self.file = NotedFile(file)
        self.container: OutputContainer = av.open(self.file, "w", format="matroska")
        self.container.flags |= Flags.bitexact.value
        stream: Any = self.container.add_stream(encoder.name, film.rate, options=dict(encoder.options))
        self.stream: VideoStream = stream
        context = self.stream.codec_context
        context.width, context.height, context.pix_fmt = film.width, film.height, pixels.name
        context.time_base = 1 / film.rate
        context.framerate = film.rate
        context.color_range = FULL if pixels.full_range else film.stream.codec_context.color_range
        context.colorspace, context.color_primaries = pixels.matrix, pixels.primaries
        context.color_trc = pixels.transfer
        aspect = film.stream.sample_aspect_ratio
        if aspect is not None and aspect > 0:
            context.sample_aspect_ratio = aspect
        if not reorder:
            context.max_b_frames = 0
        if hasattr(context, "field_order"):
            context.field_order = film.field_order
        if film.interlaced:
            context.flags |= INTERLACED
        self.step = 1 / (film.rate * film.time_base)
        self.coded = 0
        self.times: list[tuple[int, int]] = []
        """pts and duration of each frame, in the film's time base."""
        self.delay = 0
        """How many places a frame is coded after the one that it is shown at, at most."""

    def add(self, frame: VideoFrame) -> None:
        """Encode one frame; its `pts` is in the film's time base."""
        assert frame.pts is not None
        usual = abs(frame.duration - self.step) < 1  # rounded down in some containers
        self.times.append((frame.pts, round(self.step) if usual else frame.duration))
        frame.pict_type = 0  # the encoder's own choice, not what the source had
        frame.pts, frame.duration, frame.time_base = len(self.times) - 1, 1, self.stream.codec_context.time_base
        self.write(self.stream.encode(frame))

    def close(self) -> None:
        """Encode what is left and end the file."""
        self.write(self.stream.encode(None))
        self.container.close()
        self.file.check()

    def write(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            number = packet.pts
            assert number is not None
            self.delay = max(self.delay, self.coded - number)
            packet.pts, packet.dts, packet.duration = START + number, self.coded, 1
            packet.time_base = Fraction(1, 1000)
            self.coded += 1
            self.container.mux_one(packet)
        self.file.check()
