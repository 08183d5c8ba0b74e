"""The encoded parts and what is copied from the source become the resulting film.

Sound, subtitles, chapters, attachments, covers and tags go over as they are, packet by packet; only the picture is
new, with the times of the source's frames.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
from av.container import Flags, InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from colorizegan.errors import OutputError, first_line
from colorizegan.video.encode import START, Encoder, NotedFile
from colorizegan.video.frames import Film, demuxed, open_container

LONG = 10  # seconds that a film's last frame may last
QUICKTIME = ("mp4", "mov")
# Tags that tell of the file as it was written, not of the film.
OWN_TAGS = ("rotate", "encoder", "major_brand", "minor_version", "compatible_brands", "duration")
COUNTS = ("bps", "number_of_", "_statistics", "duration", "encoder", "rotate")
START_CODES = {"libx264": "h264_mp4toannexb"}  # AVI wants them, and does not make them by itself
MADE_ANEW = ("tmcd", "bin_data", "none")  # tracks of QuickTime that follow from tags and chapters


@dataclass(frozen=True)
class Part:
    """A file of encoded frames."""

    path: Path
    times: tuple[tuple[int, int], ...]
    """pts and duration of each frame, in the film's time base."""
    delay: int
    """How many places a frame is coded after the one that it is shown at, at most."""


def join(
    file: BinaryIO,
    form: str,
    film: Film,
    parts: Sequence[Part],
    encoder: Encoder,
    note: str,
    *,
    start: Fraction | None = None,
    end: Fraction | None = None,
) -> list[str]:
    """Write a film into a file that is open at its beginning; what could not be kept, as clauses.

    Args:
        form: name of the container's format.
        film: the source.
        parts: all of the picture, in order, as `encoder` made them.
        note: who made the colours, kept as a comment where there is none.
        start: where the picture begins, seconds from the film's beginning; then the result begins at 0. None = there.
        end: where it ends, seconds from the film's beginning; None = at its end.
    """
    losses: list[str] = []
    copies: dict[int, Stream] = {}
    noted = NotedFile(file)
    options = {"mpegts_copyts": "1"} if form == "mpegts" else {}
    if form in QUICKTIME and film.time_base.numerator == 1:
        options = {"video_track_timescale": str(film.time_base.denominator)}
    with (
        open_container(film.path, film.rate) as source,
        av.open(str(parts[0].path)) as first,
        av.open(noted, "w", format=form, options=options) as result,
    ):
        result.flags |= Flags.bitexact.value
        # --- the streams, in the source's order ---
        picture, start_codes = -1, None
        for stream in source.streams:
            if stream.index == film.stream.index:
                made = result.add_stream_from_template(first.streams.video[0], opaque=True)
                if form == "avi" and encoder.name in START_CODES:
                    start_codes = av.BitStreamFilterContext(START_CODES[encoder.name], first.streams.video[0], made)
                made.time_base = film.time_base
                made.codec_context.framerate = film.rate
                if encoder.tag and form in QUICKTIME:
                    made.codec_context.codec_tag = encoder.tag
                if film.display_matrix is not None:
                    made.set_display_matrix(film.display_matrix)
                _describe(made, stream, form)
                picture = made.index
            else:
                copy = _copy_of(stream, result, form, losses)
                if copy is not None:
                    copies[stream.index] = copy
        tags = {key: value for key, value in source.metadata.items() if key.lower() not in OWN_TAGS}
        result.metadata.update({"comment": note} | tags)
        if start is None and end is None:
            result.set_chapters(source.chapters())
        # --- their packets, by the time of their decoding ---
        result.start_encoding()
        begin = None if start is None else start + film.begin
        until = None if end is None else end + film.begin
        zero = round((begin or Fraction(0)) / film.time_base)
        if form == "avi":  # begins with its first frame, whatever its time is
            zero = parts[0].times[0][0]
        last = 0 if end is not None else film.end - parts[-1].times[-1][0]
        pictures = _picture_packets(parts, film.time_base, zero, last if 0 < last * film.time_base < LONG else 0)
        if start_codes is not None:
            pictures = ((time, changed) for time, packet in pictures for changed in start_codes.filter(packet))
        others = _copied_packets(source, copies, begin, until)
        for _, index, packet in heapq.merge(
            ((time, picture, packet) for time, packet in pictures), others, key=lambda item: item[0]
        ):
            packet.stream = result.streams[index]
            result.mux_one(packet)
            noted.check()
    noted.check()
    return losses


def _describe(made: Stream, stream: Stream, form: str) -> None:
    """Copy tags, disposition and number of a stream."""
    made.metadata.update({
        key: value for key, value in stream.metadata.items() if not key.lower().startswith(COUNTS)
    })  # fmt: skip
    made.disposition = stream.disposition
    if form == "mpegts":
        made.id = stream.id


def _copy_of(stream: Stream, result: OutputContainer, form: str, losses: list[str]) -> Stream | None:
    """The stream of the result that takes a stream over as it is; None where the container does not hold it."""
    context: Any = stream.codec_context  # None where FFmpeg has no decoder, whatever the types say
    name = context.name if context else getattr(stream, "name", None) or "none"  # one of no known kind has no name
    if stream.type == "data" and name in MADE_ANEW:
        return None
    try:
        made = result.add_stream_from_template(stream, opaque=True)
    except (ValueError, av.error.FFmpegError):
        what = "a stream of unknown kind" if stream.type == "unknown" else f"{stream.type} ({name})"
        losses.append(f"stream {stream.index}, {what}, does not go into a film of this kind and is left out")
        return None
    _describe(made, stream, form)
    assert stream.time_base is not None
    made.time_base = stream.time_base
    return made


def _picture_packets(
    parts: Sequence[Part], time_base: Fraction, zero: int, last: int
) -> Iterator[tuple[float, Packet[Any]]]:
    """The packets of all parts with their true times, counted from `zero` on: (seconds, packet).

    `last` is the duration of the last frame, 0 = what its decoder said.

    The time of decoding is that of showing of the frame so many places before as frames are coded late at most.
    """
    times = [time for part in parts for time in part.times]
    delay = max(part.delay for part in parts)
    step = max(1, times[1][0] - times[0][0]) if len(times) > 1 else 1
    before, coded, header = 0, 0, None
    for part in parts:
        with av.open(str(part.path)) as container:
            stream = container.streams.video[0]
            header = header or bytes(stream.codec_context.extradata or b"")
            if header != bytes(stream.codec_context.extradata or b""):
                raise OutputError("the parts of the film do not fit together", remedy="--overwrite makes them anew")
            for packet in container.demux(stream):
                if packet.pts is None:
                    continue
                shown = before + packet.pts - START
                pts, duration = times[shown]
                if shown + 1 < len(times):  # decoders may give that of the frame that is decoded next
                    duration = times[shown + 1][0] - pts
                elif last:
                    duration = last
                dts = times[coded - delay][0] if coded >= delay else times[0][0] - (delay - coded) * step
                packet.pts, packet.dts, packet.duration = pts - zero, dts - zero, duration
                packet.time_base = time_base
                coded += 1
                yield float((dts - zero) * time_base), packet
        before += len(part.times)


def _copied_packets(
    source: InputContainer, copies: dict[int, Stream], start: Fraction | None, end: Fraction | None
) -> Iterator[tuple[float, int, Packet[Any]]]:
    """The packets of the streams that are copied: (seconds, index in the result, packet).

    `start` and `end` by the film's own clock.
    """
    streams = [stream for stream in source.streams if stream.index in copies and stream.type != "attachment"]
    if not streams:
        return
    last, newest = 0.0, dict[int, int]()  # seconds; time of decoding of each stream's last packet
    try:
        for packet in demuxed(source, streams):
            at = packet.pts if packet.dts is None else packet.dts
            if at is None:
                continue
            time = at * packet.time_base
            if (start is not None and time < start) or (end is not None and time >= end):
                continue
            zero = round((start or 0) / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - zero
            if packet.dts is not None:
                # Damage makes times go back, which no container takes.
                strict = packet.stream.type in ("audio", "video")
                packet.dts = max(packet.dts - zero, newest.get(packet.stream_index, packet.dts - zero - 1) + strict)
                packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
                newest[packet.stream_index] = packet.dts
            last = max(last, float(time - (start or 0)))  # streams of their own order would hold up the merging
            yield last, copies[packet.stream_index].index, packet
    except av.error.FFmpegError as error:
        if not source.streams.video:
            raise OutputError(f"the sound cannot be copied ({first_line(error)})") from error
