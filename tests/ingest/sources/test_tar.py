"""Tars of pictures: webdataset's layout, and what is wrong with tars."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ingest.sources import TarSource, open_sources
from ingest.sources.contract import Asset, Scope, Skipped, singles
from searchengine.errors import LimitError, ReadError
from searchengine.identity import file_uri
from searchengine.records import Side
from tests.ingest.folders import CountingEncoder, FlakyStore, contents, make_job, picture, run

RED, GREEN, BLUE = ((200, 30, 30), (30, 180, 60), (40, 80, 210))


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return path


SAMPLES = {
    "0000.png": picture(RED),
    "0000.txt": b"a red field\n",
    "0000.json": json.dumps({"caption": "red", "width": 8, "url": "http://x/0"}).encode(),
    "0001.json": json.dumps({"caption": "green"}).encode(),
    "0001.png": picture(GREEN),
    "0001.cls": b"7",
    "sub/0002.PNG": picture(BLUE),
}


def listed(source: Any) -> tuple[list[Asset], list[Skipped]]:
    every = list(singles(source))
    return (
        [one for one in every if isinstance(one, Asset)],
        [one for one in every if isinstance(one, Skipped)],
    )


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar.xz", "w:xz")],
)
def test_samples(tmp_path: Path, name: str, mode: str) -> None:
    path = write_tar(tmp_path / name, SAMPLES, mode)
    source = open_sources([path])
    assets, skipped = listed(source)
    uri = file_uri(path.resolve())
    assert [asset.uri for asset in assets] == [
        f"{uri}#member=0000.png",
        f"{uri}#member=0001.png",
        f"{uri}#member=sub%2F0002.PNG",
    ]
    assert [asset.caption for asset in assets] == ["a red field", "green", None]
    assert [dict(asset.meta) for asset in assets] == [
        {"width": 8, "url": "http://x/0"},
        {"cls": 7},
        {},
    ]
    assert [source.open(asset) for asset in reversed(assets)] == [
        picture(BLUE),
        picture(GREEN),
        picture(RED),
    ]
    assert {asset.mtime_ns for asset in assets} == {1_700_000_000 * 10**9}
    assert skipped == []
    assert source.scopes == (Scope(f"{uri}#"),)


def test_the_stem_names_a_caption_before_the_sample_does(tmp_path: Path) -> None:
    names = ["trip.1.txt", "trip.1.png", "trip.2.png", "trip.2.txt"]
    data = {name: name.encode() if name.endswith("txt") else picture(RED) for name in names}
    data |= {"one.png": picture(RED), "one.seg.png": picture(BLUE), "one.caption": b"both"}
    assets, _ = listed(open_sources([write_tar(tmp_path / "a.tar", data)]))
    assert [asset.caption for asset in assets] == ["trip.1.txt", "trip.2.txt", "both", "both"]


def test_the_second_run_reads_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tar(tmp_path / "a.tar", SAMPLES)
    store, encoder = FlakyStore(), CountingEncoder()
    first = run(make_job(path, store, encoder)).as_json()
    assert (first["seen"], first["embedded"], first["failed"]) == (3, 3, 0)
    monkeypatch.setattr(TarSource, "open", lambda *_: pytest.fail("opened"))
    second = run(make_job(path, store, encoder)).as_json()
    assert (second["unchanged"], second["embedded"]) == (3, 0)


def test_an_unchanged_compressed_tar_is_not_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tar(tmp_path / "a.tar.gz", SAMPLES | {"9.png": b"no picture"}, "w:gz")
    store = FlakyStore()
    first = run(make_job(path, store))
    assert (first.embedded, first.failed) == (3, 1)
    assert run(make_job(path, store)).as_json()["failed"] == 1  # one row is missing: once more
    write_tar(path, SAMPLES, "w:gz")
    assert run(make_job(path, store)).as_json()["updated"] == 3
    with monkeypatch.context() as patched:
        patched.setattr("ingest.sources.tar.unpack", lambda *_: pytest.fail("decompressed"))
        report = run(make_job(path, store))
        assert (report.seen, report.unchanged, report.removed) == (3, 3, 0)
    side = Side("test", "image")
    (key, *_) = [row["id"] for row in store.scan(side)]
    store.delete(side, [key])  # as a run that died leaves it
    report = run(make_job(path, store))
    assert (report.unchanged, report.embedded) == (2, 1)
    less = {name: data for name, data in SAMPLES.items() if name != "0000.png"}
    write_tar(path, less, "w:gz")
    assert run(make_job(path, store)).as_json()["removed"] == 1


def test_a_truncated_compressed_tar_is_told_each_time(tmp_path: Path) -> None:
    plain = write_tar(tmp_path / "a.tar", SAMPLES).read_bytes()
    path = tmp_path / "b.tar.gz"
    path.write_bytes(gzip.compress(plain[: plain.index(picture(BLUE)) + 20]))
    store = FlakyStore()
    reports = [run(make_job(path, store)) for _ in range(2)]
    assert [(one.embedded, one.unchanged, one.failed) for one in reports] == [(2, 0, 1), (0, 2, 1)]


def test_a_rewritten_tar_keeps_the_vectors_of_what_it_still_holds(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", SAMPLES)
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(path, store, encoder))
    kept = {name: data for name, data in SAMPLES.items() if name != "0000.png"}
    write_tar(path, kept | {"0003.png": picture((1, 2, 3))})
    os.utime(path, ns=(1, 1))
    report = run(make_job(path, store, encoder)).as_json()
    assert (report["updated"], report["embedded"], report["removed"]) == (2, 1, 1)
    fresh = FlakyStore()
    run(make_job(path, fresh))
    assert contents(store) == contents(fresh)


def test_names_lead_nowhere(tmp_path: Path) -> None:
    names = ["../../etc/up.png", "/abs.png", "a\nb.png", "ü😀.png", "x#y?.png", "./dot.png"]
    path = write_tar(tmp_path / "a.tar", dict.fromkeys(names, picture(RED)))
    source = open_sources([path])
    assets, skipped = listed(source)
    assert len({asset.uri for asset in assets}) == len(names)
    assert all(asset.uri.isascii() and asset.uri.count("#") == 1 for asset in assets)
    assert [source.open(asset) for asset in assets] == [picture(RED)] * len(names)
    assert skipped == []
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (
            ("link.png", tarfile.SYMTYPE),
            ("hard.png", tarfile.LNKTYPE),
            ("pipe.png", tarfile.FIFOTYPE),
            ("device.png", tarfile.CHRTYPE),
            ("folder.png", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name in ("._0.png", ".hidden.png", "__MACOSX/0.png", "notes.md"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
    assets, skipped = listed(open_sources([path]))
    assert assets == []
    assert [(one.reason, one.failed) for one in skipped] == [("not-a-file", False)] * 4


def test_a_member_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"large.png": bytes(5000), "small.png": bytes(10)})
    source = open_sources([path], max_bytes=100)
    large, small = listed(source)[0]
    with pytest.raises(LimitError, match=r"ingest\.max_bytes"):
        source.open(large)
    assert source.open(small) == bytes(10)


def test_a_caption_that_is_too_large_is_a_row_of_its_own(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"0.png": picture(RED), "0.txt": b"x" * (2 << 20)})
    assets, skipped = listed(open_sources([path]))
    assert [asset.caption for asset in assets] == [None]
    assert [one.reason for one in skipped] == ["too-large"]


@pytest.mark.parametrize("keep", [0.1, 0.4, 0.6, 0.9])
def test_a_truncated_tar_gives_what_it_holds(tmp_path: Path, keep: float) -> None:
    members = {f"{n:03}.png": bytes(3000) for n in range(10)}
    path = write_tar(tmp_path / "a.tar", members)
    whole = path.read_bytes()[: 10 * 3584]
    path.write_bytes(whole[: int(len(whole) * keep)])
    source = open_sources([path])
    assets, skipped = listed(source)
    assert len(assets) == int(10 * keep)
    assert [source.open(asset) for asset in assets] == [bytes(3000)] * len(assets)
    assert len(skipped) <= 1
    assert all("breaks off" in one.message for one in skipped)
    assert source.scopes == ()


@pytest.mark.parametrize("data", [b"", b"no tar at all" * 100, b"\x1f\x8b" + b"x" * 600])
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_what_is_no_tar(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    store = FlakyStore()
    report = run(make_job(path, store))
    assert report.failed == 1
    assert any(word in report.first_failures[0] for word in ("no tar", "decompressed"))


@pytest.mark.parametrize("kind", [b"x", b"L", b"K", b"g"])
@pytest.mark.parametrize("size", [b"77777777777\0", b"\x80" + b"\0" * 3 + b"\x40" + b"\0" * 7])
def test_a_header_that_claims_to_be_huge(tmp_path: Path, kind: bytes, size: bytes) -> None:
    path = write_tar(tmp_path / "a.tar", SAMPLES)
    data = bytearray(path.read_bytes())
    at = data.index(b"0001.json")  # the header of the fourth member
    data[at + 124 : at + 136], data[at + 156 : at + 157] = size, kind
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    path.write_bytes(data)
    source = open_sources([path])
    assets, skipped = listed(source)
    assert [asset.caption for asset in assets] == ["a red field"]
    assert "breaks off: a header of" in skipped[0].message
    assert source.scopes == ()


def test_nothing_leaves_the_index_for_a_tar_that_cannot_be_read(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", SAMPLES)
    store = FlakyStore()
    run(make_job(path, store))
    before = contents(store)
    path.write_bytes(b"broken")
    assert run(make_job(path, store)).removed == 0
    assert contents(store) == before


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.unpacked._FREE", 1 << 20)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(bytes(30 << 20)))
    _, (skipped,) = listed(open_sources([path]))
    assert skipped.reason == "too-large"
    assert "200 times" in skipped.message


def test_a_member_that_is_there_twice_is_one_item(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"0.png": picture(RED)})
    write_tar(path, {"0.png": picture(BLUE)}, "a")
    assets, skipped = listed(open_sources([path]))
    assert len(assets) == 1
    assert [(one.reason, one.failed) for one in skipped] == [("repeated", False)]


def test_tars_and_folders_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(picture(GREEN))
    tars = [write_tar(tmp_path / f"{n}.tar", {"0.png": picture((n, 0, 0))}) for n in range(3)]
    source = open_sources([tars[0], tmp_path / "photos", *tars, tars[1]])
    assets, _ = listed(source)
    assert len(assets) == 4
    assert {source.open(asset) for asset in assets} == {
        picture(GREEN),
        *(picture((n, 0, 0)) for n in range(3)),
    }
    assert len(source.scopes) == 4
    with pytest.raises(ReadError):
        open_sources([tars[0], tars[1]]).open(assets[-1])


def test_only_texts_means_no_pictures_of_a_tar(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", SAMPLES)
    (tmp_path / "n.txt").write_text("A note.")
    assets, _ = listed(open_sources([path, tmp_path / "n.txt"], modality="text"))
    assert [asset.modality for asset in assets] == ["text"]


def test_a_tar_is_listed_in_bounded_memory(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        members = {f"{n:06}.png": b"x" for n in range(count)}
        source = TarSource(str(write_tar(tmp_path / f"{count}.tar", members)), max_bytes=10)
        del members
        tracemalloc.start()
        assert sum(1 for _ in source) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(2000) < peak(200) + 200_000
