"""The pixels of a film as they are written down: luma that stays as it is, and room for chroma."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from colorizegan.color.lab import rgb_to_gray

CHROMA = {(2, 2): "420", (1, 2): "422", (1, 1): "444"}  # by rows and columns of luma for one of chroma
BT709, FULL = 1, 2  # matrix and range, as FFmpeg numbers them
DEEP = 10  # bits of what is worked in where a film has more than 8
# Formats whose first plane is luma as it is, with its bits in the low end.
PLANAR = re.compile(r"(yuv[aj]?4\d\dp|gray)(\d+)?(le)?")


@dataclass(frozen=True)
class Pixels:
    """How the pixels of a film are written down while it is worked on, and in the result."""

    name: str
    """Of the format, such as yuv420p10le."""
    bits: int
    """8 or 10."""
    rows: int
    """Rows of luma for one of chroma: 1 or 2."""
    columns: int
    """The same of columns."""
    full_range: bool
    """Black is 0 and white the largest code, not 16 and 235 (of 8 bits)."""
    matrix: int
    """ITU-T H.273, table 4; 2 = not said."""
    primaries: int
    """The same, table 2."""
    transfer: int
    """The same, table 3."""

    def gray(self, luma: NDArray[Any]) -> NDArray[Any]:
        """Luma codes (H, W) as gray from black to white, uint8 or uint16 over their whole range."""
        return _gray_table(self.bits, self.full_range).take(luma, mode="clip")


@lru_cache(maxsize=4)
def _gray_table(bits: int, full_range: bool) -> NDArray[Any]:
    low, high = (0, (1 << bits) - 1) if full_range else (16 << (bits - 8), 235 << (bits - 8))
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    share = np.clip((np.arange(1 << bits) - low) / (high - low), 0, 1)
    return np.rint(share * np.iinfo(dtype).max).astype(dtype)


def pixels_of(stream: VideoStream) -> Pixels:
    """How the frames are worked on: with their own chroma and depth, as far as encoders take them."""
    form, context = stream.format, stream.codec_context
    gray, colored = len(form.components) < 3, form.is_rgb or not form.components[0].is_luma
    columns = 2 if colored or gray else round(form.width / form.chroma_width(form.width))
    rows = 2 if colored or gray else round(form.height / form.chroma_height(form.height))
    # Chroma for every second pixel needs even sides, in H.264 and most others.
    columns = 2 if columns >= 2 and stream.width % 2 == 0 else 1
    rows = 2 if rows >= 2 and columns == 2 and stream.height % 2 == 0 else 1
    deep = max(part.bits for part in form.components) > 8
    # Codes of gray go from 0 to the top unless it is said that they do not.
    full = colored or form.name.startswith("yuvj") or context.color_range == FULL or (gray and context.color_range == 0)
    return Pixels(
        f"yuv{CHROMA[rows, columns]}p" + (f"{DEEP}le" if deep else ""), DEEP if deep else 8, rows, columns, full,
        BT709 if colored else context.colorspace, context.color_primaries, context.color_trc,
    )  # fmt: skip


def luma_of(frame: VideoFrame, pixels: Pixels) -> NDArray[Any]:
    """The luma of a decoded frame, (H, W) uint8 or uint16 codes of `pixels.bits`; perhaps a view of the frame."""
    form = frame.format
    if form.is_rgb or not form.components[0].is_luma:
        deep = max(part.bits for part in form.components) > 8
        gray = rgb_to_gray(frame.to_ndarray(format="rgb48le" if deep else "rgb24"))
        return gray if pixels.bits == 8 else _shifted(gray, 16 - pixels.bits)
    if not PLANAR.fullmatch(form.name):
        bits = max(part.bits for part in form.components)
        planar = f"yuv{CHROMA[pixels.rows, pixels.columns]}p" + (f"{bits}le" if bits > 8 else "")
        same: int = 2 if pixels.full_range else 1
        frame = frame.reformat(format=planar, src_color_range=same, dst_color_range=same)
        form = frame.format
    return _shifted(plane_of(frame, 0), form.components[0].bits - pixels.bits)


def whole_gray(frame: VideoFrame, pixels: Pixels) -> NDArray[Any]:
    """The gray of a frame with all the bits that it has, (H, W) uint8 or uint16."""
    form = frame.format
    if form.is_rgb:
        return rgb_to_gray(frame.to_ndarray(format="rgb48le" if max(p.bits for p in form.components) > 8 else "rgb24"))
    if form.name.startswith("gray16"):
        return plane_of(frame.reformat(format="gray16le"), 0).copy()
    return pixels.gray(luma_of(frame, pixels))


def plane_of(frame: VideoFrame, index: int) -> NDArray[Any]:
    """One plane of a planar frame, (h, w) uint8 or uint16: a view."""
    plane = frame.planes[index]
    wide = frame.format.components[0].bits > 8
    row = plane.line_size // (2 if wide else 1)
    buffer: Any = plane
    return np.frombuffer(buffer, np.uint16 if wide else np.uint8).reshape(plane.height, row)[:, : plane.width]


def _shifted(x: NDArray[Any], bits: int) -> NDArray[Any]:
    """Codes with so many bits less, rounded; more where it is negative."""
    if bits <= 0:
        return x << -bits if bits else x
    top = (1 << (x.dtype.itemsize * 8 - bits)) - 1
    return np.minimum((x >> bits) + ((x >> (bits - 1)) & 1), top).astype(x.dtype)


def canvas(frame: VideoFrame, pixels: Pixels) -> tuple[VideoFrame, NDArray[Any]]:
    """A frame in the format of `pixels` to write chroma into, and its luma (H, W), which is that of `frame`.

    Flags, times and side data are kept where the format is the same; then `frame` itself is written into.
    """
    if frame.format.name.replace("yuvj", "yuv") == pixels.name:
        frame.make_writable()  # before anything looks at its planes: it may put them elsewhere
        return frame, plane_of(frame, 0)
    new = av.VideoFrame(frame.width, frame.height, pixels.name)
    luma = plane_of(new, 0)
    luma[:] = luma_of(frame, pixels)
    new.pts, new.duration = frame.pts, frame.duration
    assert frame.time_base is not None
    new.time_base = frame.time_base
    return new, luma
