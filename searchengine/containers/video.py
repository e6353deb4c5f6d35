"""The key frames of a film, by FFmpeg through PyAV (the extra ``video``).

Only key frames are decoded: they stand by themselves, and an encoder puts one where a shot begins.
Of the file nothing is believed: its format comes from its first bytes and is given to FFmpeg (that
would else try its playlists and network protocols, too), its codec must be one of those that films
have, and sizes are checked before a frame is decoded.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from searchengine.containers.contract import Part, as_jpeg, shown_size
from searchengine.containers.reel import Frame, Reel
from searchengine.containers.video_facts import read_facts
from searchengine.decode import check_pixels
from searchengine.errors import DecodeError, ItemError, LimitError, ReadError
from searchengine.extras import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL import Image

    from searchengine.containers.contract import Limits

_ISO_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_CODECS = frozenset(
    {"h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
    | {"prores", "dnxhd", "h263", "h263p", "flv", "vp6", "vp6f", "theora", "wmv1", "wmv2", "wmv3"}
    | {"vc1", "msmpeg4v2", "msmpeg4v3", "msmpeg4", "dvvideo", "cfhd", "ffv1", "vvc"}
)
_HEAD = 1024
_MOST_DECODED = 20_000
"""Frames decoded of one film, whatever its time stamps say."""
_MOST_DAMAGED = 100
"""Frames that may be broken before the rest is given up."""
_ENDS_EARLY = 0.9
"""A film that ends before this share of the length it claims has been cut off."""
_SAME_TIME = 0.0006
"""Seconds by which a time in ``meta`` (in whole milliseconds) may be off."""

_STEPS_BACK = (0.0, 5.0, 60.0)
"""Seconds to begin before it, one after the other: some formats are sought by guessing."""


@dataclass(frozen=True, slots=True)
class Film:
    """What was found in a film."""

    frames: tuple[Part, ...]
    problem: ItemError | None
    """Why there may be fewer than there should be."""


def read_frames(
    file: BinaryIO, limits: Limits, *, stopped: Callable[[], bool] = lambda: False
) -> Film:
    """Return the key frames of a film that show something, in the order of time.

    They are ``frame_gap_s`` or more apart, blank ones and those like the one before are left out,
    and where more than ``max_frames`` remain, they are thinned over the whole length.

    Raises ``DecodeError``, ``LimitError`` and ``ReadError`` where there are none at all, and
    ``ReadError`` once ``stopped()``.
    """
    av, name, mime = _library(), *_format_of(file)
    reel = Reel(limits.frame_gap_s, limits.max_frames)
    problem: ItemError | None = None
    seen = 0
    with _translated(av), _opened(av, file, name) as container:
        stream = _stream(container, limits)
        facts = read_facts({**stream.metadata, **container.metadata})
        length = _length(container, stream)
        try:
            for image, size, seconds in _key_frames(av, container, stream, reel.wants):
                seen += 1
                if stopped():
                    break
                if seen > _MOST_DECODED:
                    raise LimitError(f"has more than {_MOST_DECODED:,} key frames")
                if reel.shows_something_new(image, seconds):
                    reel.keep(Frame(seconds, as_jpeg(image), *size))
        except ItemError as error:
            problem = error
    if stopped():
        raise ReadError("stopped while the film was being read")
    if not reel.frames:
        raise problem or DecodeError(
            "the film shows nothing: its key frames are black or of one colour"
            if seen
            else "the film has no key frame that can be decoded"
        )
    count = len(reel.frames)
    parts = [
        Part(
            number=number,
            jpeg=frame.jpeg,
            width=frame.width,
            height=frame.height,
            mime=mime,
            meta={"t": round(frame.seconds, 3), "frames": count, **length},
            taken_at=facts.taken_at(frame.seconds),
            camera=facts.camera,
            latitude=facts.latitude,
            longitude=facts.longitude,
        )
        for number, frame in enumerate(reel.frames, start=1)
    ]
    return Film(tuple(parts), problem)


def read_frame(file: BinaryIO, seconds: float, limits: Limits) -> bytes:
    """Return the key frame at a time as a JPEG: byte for byte what ``read_frames`` gave.

    Raises ``DecodeError`` where there is none, ``LimitError`` and ``ReadError``.
    """
    av, (name, _) = _library(), _format_of(file)
    with _translated(av), _opened(av, file, name) as container:
        stream = _stream(container, limits)
        for earlier in _STEPS_BACK:
            at = max(0.0, seconds - earlier) + _SAME_TIME
            start = stream.start_time or 0
            container.seek(start + int(at / stream.time_base), stream=stream)
            for image, _, found in _key_frames(av, container, stream, lambda _: True):
                if abs(found - seconds) <= 2 * _SAME_TIME:
                    return as_jpeg(image)
                if found > seconds:
                    break
    raise DecodeError(f"the film has no key frame at {seconds:g} s any more")


@contextmanager
def _translated(av: Any) -> Iterator[None]:
    """Raise FFmpeg's errors, and those of reading, as this package's."""
    try:
        yield
    except av.FFmpegError as error:
        raise DecodeError(f"damaged or unknown film: {_reason(error)}") from error
    except OSError as error:
        raise ReadError(f"cannot read: {error.strerror or error}") from error
    except MemoryError:
        raise LimitError("not enough memory to decode this film") from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DecodeError(f"damaged or unknown film: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:200]


def _library() -> Any:
    try:
        import av
    except ImportError:
        raise missing_extra("films", "video") from None
    return av


def _format_of(file: BinaryIO) -> tuple[str, str]:
    """Return FFmpeg's name of the format, and the media type, from the first bytes."""
    try:
        file.seek(0)
        head = file.read(_HEAD)
        file.seek(0)
    except OSError as error:
        raise ReadError(f"cannot read: {error.strerror or error}") from error
    if not head:
        raise DecodeError("the file is empty (0 bytes)")
    if head[4:8] in _ISO_BOXES:
        return "mov", "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska", "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    for name, mime, magic, at in (
        ("avi", "video/x-msvideo", b"AVI ", 8),
        ("mpeg", "video/mpeg", b"\0\0\x01\xba", 0),
        ("asf", "video/x-ms-asf", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0),
        ("flv", "video/x-flv", b"FLV\x01", 0),
        ("ogg", "video/ogg", b"OggS", 0),
    ):
        if head[at : at + len(magic)] == magic:
            return name, mime
    if any(head[at : at + 1] == head[at + step : at + step + 1] == b"G"
           for at, step in ((0, 188), (4, 192))):  # fmt: skip
        return "mpegts", "video/mp2t"
    raise DecodeError(
        "not a film: the content is none of MP4, QuickTime, Matroska, AVI, MPEG, WMV, FLV, Ogg"
    )


def _opened(av: Any, file: BinaryIO, name: str) -> Any:
    return av.open(file, mode="r", format=name, metadata_errors="replace")


def _stream(container: Any, limits: Limits) -> Any:
    """Return the stream of pictures, ready to decode key frames; sizes checked."""
    streams = [one for one in container.streams.video if not _is_cover(one)]
    if not streams:
        raise DecodeError("there are no moving pictures in it")
    stream = streams[0]
    context = stream.codec_context
    if context is None or context.name not in _CODECS:
        codec = "unknown" if context is None else context.name
        raise DecodeError(f"films of the codec {codec} are not read")
    check_pixels(context.width, context.height, limits.max_pixels)
    context.skip_frame = "NONKEY"
    context.thread_count = 1  # films are decoded side by side, one a worker
    return stream


def _is_cover(stream: Any) -> bool:
    """Whether a stream is the picture on the sleeve of a piece of music."""
    return bool(stream.disposition.value & 0x0400)


def _length(container: Any, stream: Any) -> dict[str, float]:
    if stream.duration:
        return {"duration": round(float(stream.duration * stream.time_base), 3)}
    return {"duration": round(container.duration / 1e6, 3)} if container.duration else {}


def _key_frames(
    av: Any, container: Any, stream: Any, wanted: Callable[[float], bool]
) -> Iterator[tuple[Image.Image, tuple[int, int], float]]:
    """Yield key frames upright and small, their size in the film, and their time in seconds.

    Raises ``DecodeError`` at the end for what was damaged on the way.
    """
    start, base = stream.start_time or 0, stream.time_base
    damaged, reached = "", 0.0
    failures = 0
    demuxed = container.demux(stream)
    while True:
        try:
            packet = next(demuxed, None)
        except (av.FFmpegError, LookupError, ValueError) as error:  # PyAV trips over some damage
            raise DecodeError(f"breaks off at {reached:.0f} s: {_reason(error)}") from error
        if packet is None:
            break
        ends = packet.size == 0  # the last one, which brings what the decoder still holds
        stamp = packet.pts if packet.pts is not None else packet.dts
        seconds = reached if stamp is None else float((stamp - start) * base)
        reached = max(reached, seconds)
        if not ends and not (packet.is_keyframe and wanted(seconds)):
            continue
        try:
            frames = packet.decode()
        except (av.FFmpegError, LookupError, ValueError) as error:
            failures += 1
            damaged = damaged or f"damaged at {reached:.0f} s: {_reason(error)}"
            if failures > _MOST_DAMAGED:
                raise DecodeError(damaged) from error
            continue
        for frame in frames:
            at = seconds if frame.pts is None else float((frame.pts - start) * frame.time_base)
            yield (*_shown(frame, stream), at)
    if damaged:
        raise DecodeError(damaged)
    claimed = _length(container, stream).get("duration", 0.0)
    if reached < _ENDS_EARLY * claimed - 1.0:
        raise DecodeError(f"breaks off at {reached:.0f} s of {claimed:.0f} s")


def _shown(frame: Any, stream: Any) -> tuple[Image.Image, tuple[int, int]]:
    """Return a frame as it is looked at, reduced, and its size as it is looked at."""
    from PIL.Image import Transpose, fromarray

    width, height = frame.width, frame.height
    aspect = stream.sample_aspect_ratio
    if aspect and 0.2 < aspect < 5:  # the pixels of some films are not square
        width = max(1, round(width * float(aspect)))
    small = shown_size(width, height)
    picture = frame.reformat(width=small[0], height=small[1], format="rgb24").to_ndarray()
    image = fromarray(picture)
    quarters = round(frame.rotation / 90) % 4
    turn = (None, Transpose.ROTATE_90, Transpose.ROTATE_180, Transpose.ROTATE_270)[quarters]
    if turn is not None:
        image = image.transpose(turn)
    return image, ((height, width) if quarters % 2 else (width, height))
