"""Films and PDFs inside tars, and in tables of pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest

from ingest.report import Report
from ingest.sources import TarSource, open_sources
from ingest.sources.contract import Asset, singles
from ingest.sources.shards import cut
from ingest.sources.tar import TarListing
from searchengine.containers.contract import container_kind
from searchengine.containers.reading import picture_bytes, place_of
from searchengine.errors import DecodeError, UnsupportedError
from searchengine.identity import file_uri, item_id
from searchengine.present.thumbnails import item_thumbnail
from searchengine.query.pool import Candidate
from searchengine.query.stages.values import value_of
from tests.container_files import film, pdf, scene
from tests.ingest.folders import CountingEncoder, FlakyStore, contents, make_job, picture, run
from tests.ingest.hostile import encode, photo
from tests.ingest.sources.test_picture_table import write_csv, write_jsonl, write_parquet
from tests.ingest.sources.test_tar import write_tar
from tests.ingest.test_containers import unopened
from tests.raw_files import dng, preview
from tests.web import site

SHOTS = [(3.0, scene(0)), (3.0, scene(1)), (3.0, scene(2))]
FILM, SHORTER = film(SHOTS), film(SHOTS[:1])
BOOK = pdf(["page one", "page two"])
MEMBERS = {
    "0/a film.mp4": FILM,
    "0/a film.txt": b"boats & ships",
    "b.pdf": BOOK,
    "c.png": picture((10, 200, 30)),
}
PARTS = [
    "0%2Fa%20film.mp4&frame=1",
    "0%2Fa%20film.mp4&frame=2",
    "0%2Fa%20film.mp4&frame=3",
    "b.pdf&page=1",
    "b.pdf&page=2",
    "c.png",
]


def of_tar(path: Path) -> list[str]:
    return [f"{file_uri(path.resolve())}#member={part}" for part in PARTS]


def totals(report: Report) -> tuple[int, int, int, int]:
    found = report.as_json()
    return found["seen"], found["embedded"], found["unchanged"], found["failed"]


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz")])
def test_in_a_tar_they_are_what_they_are_in_a_folder(
    tmp_path: Path, name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tar(tmp_path / name, MEMBERS, mode)
    store, encoder = FlakyStore(), CountingEncoder()
    assert totals(run(make_job(path, store, encoder))) == (6, 6, 0, 0)
    rows = contents(store)
    assert sorted(rows) == sorted(of_tar(path))
    frame, page = rows[of_tar(path)[1]], rows[of_tar(path)[3]]
    assert (frame["mime"], frame["width"], frame["height"]) == ("video/mp4", 160, 120)
    assert frame["caption"] == "boats & ships"
    assert frame["meta"] == {"t": 4.0, "frames": 3, "duration": 9.0}
    assert frame["id"] == item_id(frame["uri"])
    assert (page["mime"], page["caption"]) == ("application/pdf", "page one")

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "f.mp4").write_bytes(FILM)
    (folder / "b.pdf").write_bytes(BOOK)
    apart = FlakyStore()
    run(make_job(folder, apart, encoder))
    there = {row["content_hash"]: row["vector"] for row in contents(apart).values()}
    here = {
        row["content_hash"]: row["vector"] for row in rows.values() if row["mime"] != "image/png"
    }
    assert here == there

    def refuse(*_: Any) -> Any:
        raise AssertionError("listed")

    if mode == "w:gz":  # all of it is in the index: nobody decompresses it
        monkeypatch.setattr(TarListing, "read", refuse)
    images, writes = encoder.images, store.writes
    assert totals(run(unopened(make_job(path, store, encoder)))) == (6, 0, 6, 0)
    assert (encoder.images, store.writes) == (images, writes)


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz")])
@pytest.mark.parametrize("lost", [1, 4, 5])
def test_a_missing_part_is_made_again(tmp_path: Path, name: str, mode: str, lost: int) -> None:
    from searchengine.records import Side

    path = write_tar(tmp_path / name, MEMBERS, mode)
    store = FlakyStore()
    run(make_job(path, store))
    before = contents(store)
    store.delete(Side("test", "image"), [item_id(of_tar(path)[lost])])
    assert totals(run(make_job(path, store))) == (6, 1, 5, 0)
    assert contents(store) == before


def test_a_tar_that_has_changed_loses_what_is_gone(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(path, store, encoder))
    write_tar(path, {**MEMBERS, "0/a film.mp4": SHORTER, "b.pdf": pdf(["page one"])})
    report = run(make_job(path, store, encoder))
    assert report.as_json()["removed"] == 3
    assert sorted(contents(store)) == sorted([of_tar(path)[at] for at in (0, 3, 5)])


def test_a_broken_one_is_a_row_and_harms_no_other(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {**MEMBERS, "x.mp4": b"no film", "y.pdf": BOOK[:40]})
    report = Report(path=tmp_path / "report.jsonl")
    assert totals(run(make_job(path, FlakyStore()), report)) == (8, 6, 0, 2)
    told = "\n".join(report.first_failures)
    assert "member=x.mp4: not a film" in told
    assert "member=y.pdf: damaged PDF" in told


def test_a_member_as_a_file_ends_where_it_ends(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    source = TarSource(str(path), max_bytes=10)  # which bounds what is held whole
    assets = {one.uri: one for one in singles(source) if isinstance(one, Asset)}
    with source.open_file(assets[of_tar(path)[3].partition("&")[0]]) as file:
        assert file.read() == BOOK
        assert file.seek(-5, io.SEEK_END) == len(BOOK) - 5
        assert file.read(100) == BOOK[-5:]
        assert file.read(1) == b""


def test_shards_of_a_listing_open_what_is_inside(tmp_path: Path) -> None:
    (tmp_path / "f.mp4").write_bytes(FILM)
    shards = list(cut([str(tmp_path)]))
    source = shards[0].build_source()
    (asset,) = (one for one in singles(source) if isinstance(one, Asset))
    with source.open_file(asset) as file:  # type: ignore[attr-defined]
        assert file.read() == FILM


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, data in (("a.mp4", FILM), ("b.pdf", BOOK), ("c.png", picture((9, 9, 200)))):
        (folder / name).write_bytes(data)
    return folder


def test_a_table_that_names_them(files: Path) -> None:
    rows = [{"path": name, "caption": name[0] * 3} for name in ("a.mp4", "b.pdf", "c.png")]
    table = write_csv(files / "t.csv", rows)
    store = FlakyStore()
    assert totals(run(make_job(table, store))) == (6, 6, 0, 0)
    a, b = (file_uri((files / name).resolve()) for name in ("a.mp4", "b.pdf"))
    rows_now = contents(store)
    assert {f"{a}#frame=3", f"{b}#page=2", file_uri((files / "c.png").resolve())} < set(rows_now)
    assert rows_now[f"{b}#page=1"]["caption"] == "bbb\npage one"
    assert totals(run(unopened(make_job(table, store)))) == (6, 0, 6, 0)
    (files / "a.mp4").write_bytes(SHORTER)
    assert run(make_job(table, store)).as_json()["removed"] == 2
    assert set(contents(store)) == set(rows_now) - {f"{a}#frame=2", f"{a}#frame=3"}


def test_a_table_that_names_them_on_the_web(tmp_path: Path) -> None:
    from searchengine.settings import NetSettings

    net = NetSettings(allow=True, allow_private=True, timeout_s=5, retries=1)
    with site() as web:
        urls = [
            web.serve("/a.mp4", FILM, "video/mp4"),
            web.serve("/b.pdf", BOOK, "application/pdf"),
        ]
        table = write_csv(tmp_path / "t.csv", [{"url": url} for url in urls])
        store = FlakyStore()
        assert totals(run(make_job(table, store, net=net))) == (5, 5, 0, 0)
        assert {f"{urls[0]}#frame=2", f"{urls[1]}#page=2"} < set(contents(store))


@pytest.mark.parametrize(("data", "kind"), [(FILM, "frame"), (BOOK, "page")])
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_a_table_that_holds_them(tmp_path: Path, data: bytes, kind: str, suffix: str) -> None:
    count = {"frame": 3, "page": 2}[kind]
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        write_parquet(path, [{"content": one, "caption": "c"} for one in (data, b"junk", data)])
    else:
        cells = [base64.b64encode(one).decode() for one in (data, bytes(80), data)]
        write_jsonl(path, [{"content": one, "caption": "c"} for one in cells])
    store, report = FlakyStore(), Report(path=tmp_path / "report.jsonl")
    assert totals(run(make_job(path, store), report)) == (2 * count + 1, 2 * count, 0, 1)
    uri = file_uri(path.resolve())
    wanted = {f"{uri}#row={row}&{kind}={n}" for row in (1, 3) for n in range(1, count + 1)}
    assert set(contents(store)) == wanted
    assert "row=2" in report.first_failures[0]
    again = run(make_job(path, store))
    assert totals(again)[1:] == (0, 2 * count, 1)  # the one that failed is tried again


def test_pictures_in_a_table_stay_pictures(tmp_path: Path) -> None:
    cells = [picture((9, 9, 9)), picture((200, 9, 9)), BOOK]
    path = write_parquet(tmp_path / "t.parquet", [{"image": cell} for cell in cells])
    assert {getattr(one, "parts", "?") for one in open_sources([path])} == {None}
    assert totals(run(make_job(path, FlakyStore()))) == (3, 2, 0, 1)


def test_what_files_begin_like() -> None:
    assert {container_kind(one[:1024]) for one in (FILM, SHORTER)} == {"frame"}
    for form, codec in (("matroska", "libx264"), ("avi", "mjpeg"), ("flv", "flv1")):
        assert container_kind(film(SHOTS[:1], form=form, codec=codec)[:1024]) == "frame"
    assert container_kind(BOOK) == "page"
    kinds = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")
    pictures = [*(encode(photo(), kind) for kind in kinds), dng(previews=(preview(),)), b""]
    assert {container_kind(data[:1024]) for data in pictures} == {None}


def test_the_picture_behind_a_part_of_a_member(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    store = FlakyStore()
    run(make_job(path, store))
    rows = contents(store)
    for uri, row in rows.items():
        data = picture_bytes(uri, row["meta"])
        assert item_id(uri) == row["id"]
        assert not isinstance(item_thumbnail(uri, row["meta"], (64, 64)), str)
        if "frame" in uri:
            assert picture_bytes(place_of(uri, row["meta"])) == data
    frames = [picture_bytes(uri, rows[uri]["meta"]) for uri in of_tar(path)[:3]]
    assert len(set(frames)) == 3
    with pytest.raises(DecodeError, match="any more"):
        picture_bytes(of_tar(path)[3].replace("b.pdf", "gone.pdf"))
    with pytest.raises(UnsupportedError):
        picture_bytes(of_tar(path)[0])  # without its time


def test_decoders_of_ones_own_open_the_parts(tmp_path: Path) -> None:
    from searchengine.apart import Decoders

    path = write_tar(tmp_path / "a.tar", MEMBERS)
    decoders = Decoders(1)
    try:
        for uri, meta in ((of_tar(path)[1], {"t": 4.0}), (of_tar(path)[4], {})):
            assert picture_bytes(uri, meta, decoders=decoders) == picture_bytes(uri, meta)
        assert decoders.workers.pids()
    finally:
        decoders.close()


def test_frames_are_grouped_by_their_film_and_not_by_its_tar() -> None:
    def group(uri: str) -> Any:
        return value_of(Candidate("1", 0.5, "image", {"uri": uri}), "file")

    assert group("file:///x/a.tar#member=f.mp4&frame=1") == "/x/a.tar#member=f.mp4"
    assert group("file:///x/f.mp4#frame=1") == "/x/f.mp4"
    assert group("file:///x/a.tar#member=c.png") == "/x/a.tar"
    assert group("http://x/a?b=1&c=2#frame=1") == "http://x/a?b=1&c=2"
