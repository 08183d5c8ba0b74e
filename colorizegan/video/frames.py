"""The frames of a film, decoded one after the other, with all that must not change: see `Film`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorizegan.errors import DecodeError, InputError, TooLargeError, first_line
from colorizegan.video.formats import NUMBER, is_pattern, picture_name
from colorizegan.video.pixels import pixels_of

# What may be opened, whatever a file's name says: no playlists, which lead to other files and to the network.
OPENED = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,mxf,dv,image2,nut,h264,hevc"
READ = "MP4, MOV, MKV, WebM, AVI, MPEG, FLV, Ogg, WMV, MXF and DV are read"
PIXELS = 1 << 26  # of a frame, 8K and a half


class Film:
    """A film file, open for reading. Close it, or use it in a `with`.

    Args:
        path: a file, or a pattern of pictures such as `frames/%05d.png`.
        rate: frames a second of pictures; films know their own.

    Raises InputError (no such file, or it may not be read), DecodeError (not a film: damaged, encrypted, empty, sound
    only, or of a format that is not read), TooLargeError (frames larger than PIXELS).
    """

    def __init__(self, path: Path, rate: Fraction = Fraction(24)) -> None:
        self.path = path
        self.damaged = 0
        """Packets that could not be decoded."""
        self.flawed = 0
        """Frames that came out of damaged packets."""
        self.asked_rate = rate
        self.last = 0
        """When the last frame that was given ends, in `time_base`."""
        self.open()
        try:
            first = next(self.decoded())
            context = self.stream.codec_context
            self.width, self.height = first.width, first.height
            self.pixels = pixels_of(self.stream)
            self.rate: Fraction = self.stream.guessed_rate or self.stream.average_rate or rate
            self.interlaced = first.interlaced_frame
            # PyAV tells and takes it from 18.1 on, which Python 3.10 does not get.
            self.field_order: int = getattr(context, "field_order", 0) if self.interlaced else 1
            self.display_matrix = display_matrix(first)
            self.turns = round(first.rotation / 90) % 4
            """Quarter turns to the left that bring a frame upright."""
            self.gray_only = len(first.format.components) < 3 and not first.format.is_rgb
        except BaseException:
            self.container.close()
            raise

    def open(self) -> None:
        """Open the file, from its beginning on."""
        self.container = open_container(self.path, self.asked_rate)
        try:
            self.stream = picture_stream(self.container, self.path)
            assert self.stream.time_base is not None
            self.time_base: Fraction = self.stream.time_base
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> Film:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    @property
    def about_frames(self) -> int:
        """How many frames there are; 0 where the file does not say."""
        if self.stream.frames:
            return self.stream.frames
        if self.stream.duration:
            return round(self.stream.duration * self.time_base * self.rate)
        return round(self.container.duration / av.time_base * self.rate) if self.container.duration else 0

    @property
    def end(self) -> int:
        """When the last frame ends, in `time_base`; 0 where the file does not say."""
        return (self.stream.start_time or 0) + self.stream.duration if self.stream.duration else 0

    @property
    def seconds(self) -> Fraction:
        """How long the film is, as the file says; 0 where it does not."""
        return self.seconds_at(self.end) if self.end else Fraction(self.container.duration or 0, av.time_base)

    @property
    def begin(self) -> Fraction:
        """What the film's own clock shows where players show 0, seconds: tapes and broadcasts begin anywhere."""
        start = self.container.start_time
        return Fraction(start - 1, av.time_base) if start else Fraction(0)  # it is rounded: no frame may lie before it

    def pts_at(self, seconds: Fraction) -> int:
        """The least pts that is not before `seconds` from the beginning."""
        return math.ceil((seconds + self.begin) / self.time_base)

    def seconds_at(self, pts: int) -> Fraction:
        """Seconds from the beginning."""
        return pts * self.time_base - self.begin

    def frames(self, *, since: int | None = None, deinterlace: bool = False) -> Iterator[VideoFrame]:
        """The frames in the order that they are shown in, each with its `pts` in `time_base`, which only grows.

        since: pts from which on; None = all. deinterlace: make one whole frame of each interlaced one (bwdif).
        """
        self.container.close()
        self.open()
        self.damaged = self.flawed = 0
        # A frame's neighbour before has a say in its other field, so that none may be left out.
        frames = filtered(deinterlacer(self.stream), self.decoded()) if deinterlace else self.decoded(since)
        step = max(1, round(1 / (self.rate * self.time_base)))
        last: int | None = None
        for frame in frames:
            # AVI may know only the order, and there are films whose times go back.
            if frame.pts is None or (last is not None and frame.pts <= last):
                frame.pts = 0 if last is None else last + (step if frame.pts is None else 1)
            last = frame.pts
            self.last = last + frame.duration
            if since is None or last >= since:
                self.flawed += frame.is_corrupt
                yield frame

    def times(self) -> list[int]:
        """The pts of all frames in order, without decoding them."""
        self.container.close()
        self.open()
        return sorted(packet.pts for packet in demuxed(self.container, [self.stream]) if packet.pts is not None)

    def decoded(self, since: int | None = None) -> Iterator[VideoFrame]:
        """What the decoder gives, from some frame up to `since` on; packets that it cannot read are counted."""
        self.stream.thread_type = "AUTO"
        found = False
        if since is not None and not is_pattern(self.path.name):
            self.container.seek(since, stream=self.stream)
            for frame in self.packets():
                if not found and (frame.pts is None or frame.pts > since):
                    break  # it came out too late: from the beginning then
                found = True
                yield frame
            if found:
                return
            self.container.close()
            self.open()
            self.stream.thread_type = "AUTO"
        for frame in self.packets():
            found = True
            yield frame
        if not found:
            raise DecodeError("has no frame that can be decoded", path=self.path)

    def packets(self) -> Iterator[VideoFrame]:
        packets = demuxed(self.container, [self.stream])
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.has_sidedata("encryption_info"):
                    raise DecodeError("is encrypted", path=self.path, remedy="only its owner can open it")
                frames = packet.decode()
            except av.error.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                if (frame.width, frame.height) != (self.stream.width, self.stream.height):
                    sizes = f"{self.stream.width} x {self.stream.height} to {frame.width} x {frame.height}"
                    raise DecodeError(f"changes its size from {sizes}", path=self.path, remedy="cut it there")
                yield frame


def check_is_there(path: Path) -> None:
    """InputError where there is no such film, or are no such pictures; none is opened."""
    if is_pattern(path.name):
        if not picture_numbers(path):
            raise InputError("no such pictures", path=path)
    elif not path.is_file():
        raise InputError("is no regular file" if path.exists() else "no such file", path=path)


def open_container(path: Path, rate: Fraction) -> InputContainer:
    """Open a file of one of OPENED; no other file and no address is ever opened because of it."""
    options = {"protocol_whitelist": "file", "format_whitelist": OPENED}
    name = str(path.absolute())
    check_is_there(path)
    if is_pattern(path.name):
        numbers = picture_numbers(path)
        if len(numbers) <= numbers[-1] - numbers[0]:  # FFmpeg would end there without a word
            gap = next(number for number, found in enumerate(numbers, numbers[0]) if number != found)
            what = f"{picture_name(path.name, gap)} is missing among the pictures"
            raise InputError(what, path=path, remedy="number them without a gap")
        options |= {"framerate": str(rate), "pattern_type": "sequence", "start_number": str(numbers[0])}
        at = len(name) - len(path.name)
        name = name[:at].replace("%", "%%") + name[at:]  # nothing in the names of folders means a number
    try:
        form = "image2" if is_pattern(path.name) else None
        return av.open(f"file:{name}", format=form, options=options, metadata_errors="replace")
    except (av.error.PermissionError, PermissionError):
        raise InputError("may not be read", path=path) from None
    except (av.error.FileNotFoundError, FileNotFoundError):
        raise InputError("no such file", path=path) from None
    except av.error.InvalidDataError:
        empty = not is_pattern(path.name) and path.stat().st_size == 0
        what = "is empty" if empty else "is no film, or damaged or cut off at its beginning"
        raise DecodeError(what, path=path) from None
    except av.error.ArgumentError:  # not of OPENED
        raise DecodeError("is no film of a format that is read", path=path, remedy=READ) from None
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise DecodeError(f"is no film that can be read ({first_line(error)})", path=path) from None


def picture_numbers(pattern: Path) -> list[int]:
    """The numbers of the pictures that a pattern means and that are there, in order."""
    before, after = map(re.escape, NUMBER.sub("\0", pattern.name, count=1).split("\0"))
    known = re.compile(f"{before}(\\d+){after}")
    names = [path.name for path in pattern.parent.iterdir()] if pattern.parent.is_dir() else []
    found = {name: int(match[1]) for name in names if (match := known.fullmatch(name))}
    return sorted(number for name, number in found.items() if name == picture_name(pattern.name, number))


def picture_stream(container: InputContainer, path: Path, most: int = PIXELS) -> VideoStream:
    """The stream that is the film; covers are none. TooLargeError where a frame has over `most` pixels."""
    for stream in container.streams.video:
        if Disposition.attached_pic in stream.disposition:
            continue
        context: Any = stream.codec_context  # None where FFmpeg has no decoder, whatever the types say
        if context is None:
            raise DecodeError("is of a codec that is not read", path=path)
        if stream.width * stream.height > most:
            what = f"has frames of {stream.width} x {stream.height} pixels"
            raise TooLargeError(what, path=path, remedy=f"at most {most >> 20} Mpx are taken")
        if stream.width < 1 or stream.height < 1 or context.format is None:  # pix_fmt of none ends PyAV 17
            raise DecodeError("has no frame that can be decoded", path=path)
        return stream
    raise DecodeError("has sound but no pictures" if container.streams.audio else "holds no film", path=path)


def demuxed(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
    """The packets of some streams. PyAV fails at those of streams that come up on the way; they are passed over."""
    while True:
        try:
            yield from container.demux(streams)
            return
        except IndexError:
            continue


def display_matrix(frame: VideoFrame) -> list[int] | None:
    """How a frame is to be turned when it is shown, as FFmpeg keeps it; None where it is not."""
    every: Any = frame.side_data  # typed as a dictionary, which it is only in part
    for i in range(len(every)):
        data = every[i]
        if data.type.name == "DISPLAYMATRIX":
            return [int(value) for value in np.frombuffer(bytes(data), np.int32)[:9]]
    return None


def deinterlacer(stream: VideoStream) -> Graph:
    """A graph that makes one whole frame of each interlaced one, and leaves others as they are."""
    graph = Graph()
    source = graph.add_buffer(template=stream, time_base=stream.time_base)
    bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph


def filtered(graph: Graph, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """The frames as a graph makes them, with times of the same time base."""
    time_base = Fraction(1)
    for frame in chain(frames, (None,)):
        graph.push(frame)
        if frame is not None:
            assert frame.time_base is not None
            time_base = frame.time_base
        for made in pulled(graph):
            if made.pts is not None and made.time_base is not None:  # the filter counts fields
                made.pts, made.duration = (round(x * made.time_base / time_base) for x in (made.pts, made.duration))
                made.time_base = time_base
            yield made


def pulled(graph: Graph) -> Iterator[VideoFrame]:
    """The frames that are ready in a graph."""
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
