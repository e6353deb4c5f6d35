"""Key frames: which are kept, how they look, and what a broken film still gives."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from searchengine.containers.contract import Limits
from searchengine.containers.reel import Frame, Reel, is_blank
from searchengine.containers.video import read_frame, read_frames
from searchengine.errors import DecodeError, LimitError, ReadError
from tests.container_files import FPS, black, film, scene, turned

SHOTS = [(2.0, black()), (3.0, scene(0)), (3.0, scene(1)), (1.0, black()), (3.0, scene(2))]
FORMS = [
    ("mp4", "libx264", "video/mp4"),
    ("matroska", "libx264", "video/x-matroska"),
    ("webm", "libvpx", "video/webm"),
    ("mov", "mjpeg", "video/quicktime"),
    ("avi", "mpeg4", "video/x-msvideo"),
    ("mpegts", "mpeg2video", "video/mp2t"),
    ("mpeg", "mpeg2video", "video/mpeg"),
    ("flv", "flv", "video/x-flv"),
    ("asf", "wmv2", "video/x-ms-asf"),
]


def near(jpeg: bytes, image: Image.Image) -> bool:
    seen = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), np.float32)
    return float(np.abs(seen - np.asarray(image, np.float32)).mean()) < 8


@pytest.mark.parametrize(("form", "codec", "mime"), FORMS, ids=[f"{f}-{c}" for f, c, _ in FORMS])
def test_each_scene_gives_one_frame_that_is_found_again(form: str, codec: str, mime: str) -> None:
    data = film(SHOTS, form=form, codec=codec, fps=25 if codec == "mpeg2video" else FPS)
    found = read_frames(io.BytesIO(data), Limits())
    assert found.problem is None
    assert [part.number for part in found.frames] == [1, 2, 3]
    for part, at, number in zip(found.frames, (2, 5, 8), range(3), strict=True):
        assert at <= part.meta["t"] + 0.2 < at + 3, "in its own shot"
        assert near(part.jpeg, scene(number))
        assert (part.width, part.height, part.mime) == (160, 120, mime)
        assert part.meta["frames"] == 3
        again = read_frame(io.BytesIO(data), part.meta["t"], Limits())
        assert again == part.jpeg, "byte for byte: its content hash is that of the index"


def test_frames_are_upright_and_know_when_and_where_they_were_taken() -> None:
    facts = {"creation_time": "2024-06-01T12:30:00Z", "location": "+48.8566+002.3522/"}
    data = film(
        [(3, scene(0))], metadata=facts, options={"movflags": "use_metadata_tags"}, key_every_s=3
    )
    (part,) = read_frames(io.BytesIO(turned(data)), Limits()).frames
    assert (part.width, part.height) == (120, 160)
    assert near(part.jpeg, scene(0).transpose(Image.Transpose.ROTATE_270))
    assert part.taken_at == "2024-06-01T12:30:00+00:00"
    assert (part.latitude, part.longitude) == (48.8566, 2.3522)


def test_large_frames_are_reduced_and_keep_their_size_as_a_fact() -> None:
    (part,) = read_frames(
        io.BytesIO(film([(1, scene(0, (1280, 720)))], codec="mjpeg", form="avi")), Limits()
    ).frames
    assert (part.width, part.height) == (1280, 720)
    assert Image.open(io.BytesIO(part.jpeg)).size == (910, 512)


def test_a_long_film_gives_no_more_frames_than_the_limit_and_from_all_its_length() -> None:
    data = film([(1, scene(n)) for n in range(20)] * 2)
    found = read_frames(io.BytesIO(data), Limits(max_frames=6, frame_gap_s=1))
    times = [part.meta["t"] for part in found.frames]
    assert 3 <= len(times) <= 6
    assert times[0] < 10
    assert times[-1] > 30
    gaps = np.diff(times)
    assert gaps.min() >= 4
    closer = read_frames(io.BytesIO(data), Limits(frame_gap_s=1))
    assert len(closer.frames) == 40
    assert len(read_frames(io.BytesIO(data), Limits(frame_gap_s=5)).frames) == 8


def test_a_reel_thins_itself_and_leaves_out_what_shows_nothing_new() -> None:
    reel = Reel(1.0, 4)
    for second in range(100):
        if reel.wants(second) and reel.shows_something_new(scene(second), second):
            reel.keep(Frame(second, b"", 1, 1))
    assert [frame.seconds for frame in reel.frames] == [0, 32, 64, 96]
    assert not reel.wants(99.5)
    reel = Reel(1.0, 4)
    assert not reel.shows_something_new(black(), 0.0)
    assert reel.shows_something_new(scene(1), 1.0)
    assert not reel.shows_something_new(scene(1), 2.0)
    assert reel.shows_something_new(scene(2), 3.0)
    assert not reel.shows_something_new(Image.new("RGB", (90, 60), (10, 90, 200)), 4.0)


def test_dark_scenes_and_titles_are_not_blank() -> None:
    night = np.full((32, 32, 3), 4.0, np.float32)
    assert is_blank(night)
    night[4:9, 4:20] = 60.0
    assert not is_blank(night)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"RIFF\x10\0\0\0AVI " + b"\0" * 99,
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\0\0\0\x18ftypmp42" + b"\0" * 99,
    ],
    ids=["empty", "playlist", "avi", "concat", "mp4"],
)
def test_what_is_no_film_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match=r"empty|not a film|damaged|no moving pictures"):
        read_frames(io.BytesIO(data), Limits())


def test_a_film_that_breaks_off_keeps_what_came_before() -> None:
    whole = film(SHOTS, form="matroska")
    kept = read_frames(io.BytesIO(whole[: len(whole) // 2]), Limits())
    assert [part.meta["t"] for part in kept.frames] == [2.0]
    assert "breaks off" in str(kept.problem)
    for end in range(50, len(whole), 711):
        try:
            assert len(read_frames(io.BytesIO(whole[:end]), Limits()).frames) <= 3
        except DecodeError as error:
            assert error.reason == "undecodable"  # noqa: PT017 either will do, nothing else


def test_films_that_show_nothing_and_music_say_so() -> None:
    with pytest.raises(DecodeError, match="black or of one colour"):
        read_frames(io.BytesIO(film([(2, black())])), Limits())
    with pytest.raises(DecodeError, match="no moving pictures"):
        read_frames(io.BytesIO(_music()), Limits())
    with pytest.raises(LimitError, match="160 x 120"):
        read_frames(io.BytesIO(film([(1, scene(0))])), Limits(max_pixels=160 * 120 - 1))


def test_reading_can_be_stopped_and_a_failing_disk_is_no_broken_film() -> None:
    data = film(SHOTS)
    with pytest.raises(ReadError, match="stopped"):
        read_frames(io.BytesIO(data), Limits(), stopped=lambda: True)

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 50_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    large = film([(3, scene(n, (640, 480))) for n in range(3)], form="avi", codec="mjpeg")
    assert len(large) > 150_000
    with pytest.raises(ReadError, match="Input/output error"):
        read_frames(Failing(large), Limits())


def test_without_the_extra_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DecodeError, match=r"pip install 'crossmodal-searchengine\[video\]'"):
        read_frames(io.BytesIO(b"\0\0\0\x18ftypmp42"), Limits())


def _music() -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()
