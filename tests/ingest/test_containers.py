"""Films and PDFs through the pipeline: one file, many items."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.job import Job
from ingest.report import Report
from ingest.runners.local import LocalRunner
from ingest.sources import open_sources
from searchengine.containers.contract import Limits
from searchengine.errors import ReadError
from searchengine.identity import file_uri, item_id
from tests.container_files import black, film, pdf, scene
from tests.ingest.folders import CountingEncoder, Crash, FlakyStore, contents, make_job, run

FILM = film([(2, black()), (3, scene(0)), (3, scene(1)), (3, scene(2))])
BOOK = pdf(["page one", "page two", "page three"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "things"
    root.mkdir()
    (root / "film.mp4").write_bytes(FILM)
    (root / "book.pdf").write_bytes(BOOK)
    return root.resolve()


def uris(folder: Path, *names: str) -> set[str]:
    return {file_uri(folder / name.split("#")[0]) + "#" + name.split("#")[1] for name in names}


FRAMES = ("film.mp4#frame=1", "film.mp4#frame=2", "film.mp4#frame=3")
PAGES = ("book.pdf#page=1", "book.pdf#page=2", "book.pdf#page=3")


def unopened(job: Job) -> Job:
    """The job, with a source that refuses to open anything."""
    build = job.build_source

    def refuse(asset: object) -> Any:
        raise AssertionError("opened")

    def build_refusing() -> Any:
        source = build()
        source.open = source.open_file = refuse  # type: ignore[method-assign, attr-defined]
        return source

    return replace(job, build_source=build_refusing)


def test_a_film_and_a_pdf_become_items_of_their_own(folder: Path) -> None:
    (folder / "book.txt").write_text("A book of pages")
    store = FlakyStore()
    report = run(make_job(folder, store)).as_json()
    assert (report["seen"], report["embedded"], report["failed"]) == (6, 6, 0)
    rows = contents(store)
    assert set(rows) == uris(folder, *FRAMES, *PAGES)
    frame = rows[file_uri(folder / "film.mp4") + "#frame=2"]
    assert frame["id"] == item_id(frame["uri"])
    assert (frame["mime"], frame["width"], frame["height"]) == ("video/mp4", 160, 120)
    assert frame["meta"] == {"t": 6.0, "frames": 3, "duration": 11.0}
    assert frame["folder"] == str(folder)
    page = rows[file_uri(folder / "book.pdf") + "#page=3"]
    assert page["caption"] == "A book of pages\npage three"
    assert page["meta"] == {"page": 3, "pages": 3}


def test_the_second_run_opens_nothing(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    before, writes = contents(store), store.writes
    report = run(unopened(make_job(folder, store, encoder))).as_json()
    assert (report["seen"], report["unchanged"], report["removed"]) == (6, 6, 0)
    assert (contents(store), store.writes, encoder.images) == (before, writes, encoder.images)


@pytest.mark.parametrize("write_rows", [1, 2, 5])
def test_a_run_that_dies_inside_a_file_is_made_up_for(folder: Path, write_rows: int) -> None:
    whole = FlakyStore()
    run(make_job(folder, whole))
    for crash_at in range(1, 6):
        store = FlakyStore()
        store.crash_at = crash_at
        try:
            run(make_job(folder, store, write_rows=write_rows, batch_size=1))
        except Crash:
            store.crash_at = None
        run(make_job(folder, store))
        assert contents(store) == contents(whole)


def test_only_the_missing_pages_are_drawn_again(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    from searchengine.records import Side

    store.delete(Side("test", "image"), [item_id(file_uri(folder / "book.pdf") + "#page=2")])
    before = encoder.images
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["unchanged"], report["embedded"], report["removed"]) == (5, 1, 0)
    assert encoder.images == before + 1


def test_a_moved_or_touched_file_keeps_its_vectors(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    before = encoder.images
    (folder / "film.mp4").rename(folder / "renamed.mp4")
    os.utime(folder / "book.pdf", ns=(1, 1))
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["moved"], report["updated"], report["embedded"]) == (3, 3, 0)
    assert encoder.images == before
    assert set(contents(store)) == uris(
        folder, *(name.replace("film", "renamed") for name in FRAMES), *PAGES
    )


def test_parts_that_are_gone_leave_the_index_and_only_they(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store))
    (folder / "book.pdf").write_bytes(pdf(["page one"]))
    report = run(make_job(folder, store)).as_json()
    assert (report["removed"], report["failed"]) == (2, 0)
    assert set(contents(store)) == uris(folder, *FRAMES, PAGES[0])
    (folder / "film.mp4").unlink()
    assert run(make_job(folder, store)).as_json()["removed"] == 3
    assert set(contents(store)) == uris(folder, PAGES[0])


def test_a_single_file_is_pruned_within_itself(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store))
    (folder / "book.pdf").write_bytes(pdf(["page one", "page two"]))
    assert run(make_job(folder / "book.pdf", store)).as_json()["removed"] == 1
    assert set(contents(store)) == uris(folder, *FRAMES, *PAGES[:2])


def test_a_file_that_broke_leaves_and_one_that_cannot_be_read_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest.sources.folder import FolderSource

    store = FlakyStore()
    run(make_job(folder, store))
    (folder / "film.mp4").write_bytes(FILM[:100])
    os.utime(folder / "book.pdf", ns=(1, 1))
    whole = FolderSource.open_file

    def refuse(self: FolderSource, asset: Any) -> Any:
        if asset.uri.endswith("pdf"):
            raise ReadError("permission denied")
        return whole(self, asset)

    monkeypatch.setattr(FolderSource, "open_file", refuse)
    report = run(make_job(folder, store)).as_json()
    assert (report["failed"], report["removed"]) == (2, 3)
    assert set(contents(store)) == uris(folder, *PAGES)


def test_broken_parts_are_rows_and_the_rest_is_indexed(folder: Path, tmp_path: Path) -> None:
    (folder / "film.mp4").unlink()
    (folder / "book.pdf").write_bytes(pdf(["one", None, "three"]))
    (folder / "half.mkv").write_bytes(_half_a_film())
    report = Report(path=tmp_path / "report.jsonl")
    done = run(make_job(folder, FlakyStore()), report).as_json()
    assert (done["seen"], done["embedded"], done["failed"]) == (5, 3, 2)
    told = "\n".join(report.first_failures)
    assert "book.pdf#page=2: page 2 is damaged" in told
    assert "half.mkv: breaks off at" in told


def test_limits_bound_what_is_indexed(folder: Path) -> None:
    store = FlakyStore()
    job = replace(make_job(folder, store), limits=Limits(max_frames=1, max_pages=2))
    report = run(job).as_json()
    assert (report["embedded"], report["failed"]) == (3, 1)
    assert set(contents(store)) == uris(folder, FRAMES[0], *PAGES[:2])


def test_a_run_that_is_stopped_says_so_and_the_next_one_finishes_it(folder: Path) -> None:
    for number in range(6):
        (folder / f"more{number}.mp4").write_bytes(film([(3, scene(n)) for n in (number, 7)]))
    stop, store, report = threading.Event(), FlakyStore(), Report()

    def after_the_first(now: Report) -> None:
        if now.embedded:
            stop.set()

    job = make_job(folder, store, batch_size=1, workers=1)
    LocalRunner().run(job, report, stop=stop, on_progress=after_the_first)
    assert report.interrupted
    assert 0 < len(contents(store)) < 18
    rest = run(make_job(folder, store)).as_json()
    assert (rest["failed"], rest["removed"]) == (0, 0)
    assert len(contents(store)) == 18


def test_settings_reach_the_job(tmp_path: Path) -> None:
    from ingest.job import job_for
    from searchengine.settings import load_settings

    flags = {"ingest.max_frames": 7, "ingest.frame_gap_s": 0.5, "ingest.max_pages": 3}
    job = job_for([tmp_path], load_settings(flags=flags))
    assert job.limits == Limits(job.max_pixels, max_frames=7, frame_gap_s=0.5, max_pages=3)


def test_listing_opens_no_container(folder: Path) -> None:
    assets = list(open_sources([folder]))
    assert [getattr(asset, "parts", None) for asset in assets] == ["page", "frame"]


def test_the_same_frame_in_another_film_keeps_its_own_facts(tmp_path: Path) -> None:
    for name, year in (("a.mp4", "2023"), ("b.mp4", "2024")):
        stamp = {"creation_time": f"{year}-06-01T12:00:00Z"}
        (tmp_path / name).write_bytes(film([(2, scene(1))], metadata=stamp))
    store = FlakyStore()
    run(make_job(tmp_path / "a.mp4", store))
    assert run(make_job(tmp_path / "b.mp4", store)).as_json()["copied"] == 1
    assert [row["taken_at"][:4] for _, row in sorted(contents(store).items())] == ["2023", "2024"]


def _half_a_film() -> bytes:
    whole = film([(2, black()), (3, scene(0)), (3, scene(1)), (3, scene(2))], form="matroska")
    return whole[: len(whole) // 2]
