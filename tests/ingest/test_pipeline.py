"""The pipeline on a small folder, with the fakes that ship."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.report import Report
from ingest.runners.local import LocalRunner
from ingest.sources.contract import Asset
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import (
    EncoderError,
    MismatchError,
    NotFoundError,
    ReadError,
    StoreUnavailableError,
)
from searchengine.identity import file_uri, item_id
from searchengine.records import Side
from searchengine.store.contract import SideInfo
from searchengine.store.memory import MemoryStore
from tests.ingest.folders import (
    CountingEncoder,
    Crash,
    FlakyStore,
    contents,
    make_job,
    picture,
    run,
)

RED, GREEN, BLUE = (220, 30, 30), (40, 160, 60), (40, 80, 210)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    (root / "red.png").write_bytes(picture(RED))
    (root / "green.png").write_bytes(picture(GREEN))
    (root / "sub" / "blue.png").write_bytes(picture(BLUE))
    return root.resolve()


def test_first_run_embeds_everything_and_the_second_nothing(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    first = run(make_job(folder, store, encoder)).as_json()
    assert (first["seen"], first["embedded"], first["failed"]) == (3, 3, 0)
    before, writes = contents(store), store.writes
    second = run(make_job(folder, store, encoder)).as_json()
    assert (second["seen"], second["embedded"], second["unchanged"]) == (3, 0, 3)
    assert encoder.images == 3
    assert store.writes == writes
    assert contents(store) == before


def test_rows_know_what_the_file_is(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store))
    row = contents(store)[file_uri(folder / "red.png")]
    stat = (folder / "red.png").stat()
    assert row["id"] == item_id(file_uri(folder / "red.png"))
    assert (row["width"], row["height"], row["mime"]) == (8, 6, "image/png")
    assert (row["size"], row["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns)
    assert row["folder"] == str(folder)


def test_a_changed_file_is_embedded_again(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    (folder / "red.png").write_bytes(picture((250, 250, 250)))
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["embedded"], report["unchanged"]) == (1, 2)
    fresh = FlakyStore()
    run(make_job(folder, fresh))
    assert contents(store) == contents(fresh)


def test_a_touched_file_keeps_its_vector(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    os.utime(folder / "red.png", ns=(1, 1))
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["embedded"], report["updated"], report["unchanged"]) == (0, 1, 2)
    assert encoder.images == 3
    assert contents(store)[file_uri(folder / "red.png")]["mtime_ns"] == 1


def test_an_edited_caption_reaches_the_row_without_the_model(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    (folder / "red.txt").write_text("a red field")
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["embedded"], report["updated"]) == (0, 1)
    assert contents(store)[file_uri(folder / "red.png")]["caption"] == "a red field"


def test_a_moved_file_keeps_its_vector(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    (folder / "red.png").rename(folder / "sub" / "crimson.png")
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["embedded"], report["moved"], report["removed"]) == (0, 1, 0)
    assert encoder.images == 3
    assert set(contents(store)) == {
        file_uri(folder / name) for name in ("green.png", "sub/blue.png", "sub/crimson.png")
    }


def test_a_copy_takes_the_vector_over(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(folder, store, encoder))
    (folder / "again.png").write_bytes((folder / "red.png").read_bytes())
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["embedded"], report["copied"], report["moved"]) == (0, 1, 0)
    assert encoder.images == 3


def test_a_vanished_file_leaves_the_index_unless_told_otherwise(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store))
    (folder / "red.png").unlink()
    assert run(make_job(folder, store, prune=False)).as_json()["removed"] == 0
    assert len(contents(store)) == 3
    assert run(make_job(folder, store)).as_json()["removed"] == 1
    assert file_uri(folder / "red.png") not in contents(store)


def test_pruning_stays_inside_the_folders_of_the_run(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "photos-2"
    other.mkdir()
    (other / "a.png").write_bytes(picture(RED))
    store = FlakyStore()
    run(make_job([folder, other], store))
    (other / "a.png").unlink()
    (folder / "red.png").unlink()
    assert run(make_job(folder, store)).as_json()["removed"] == 1
    assert file_uri(other.resolve() / "a.png") in contents(store)


def test_a_file_that_became_unreadable_as_a_picture_leaves_the_index(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store))
    (folder / "red.png").write_bytes(b"this is no picture")
    report = run(make_job(folder, store)).as_json()
    assert (report["failed"], report["removed"], report["embedded"]) == (1, 1, 0)
    assert file_uri(folder / "red.png") not in contents(store)


def test_a_file_that_cannot_be_read_keeps_its_row(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest.sources.folder import FolderSource

    store = FlakyStore()
    run(make_job(folder, store))
    os.utime(folder / "red.png", ns=(5, 5))

    def refuse(self: object, asset: object) -> bytes:
        raise ReadError("permission denied")

    monkeypatch.setattr(FolderSource, "open", refuse)
    report = run(make_job(folder, store)).as_json()
    assert (report["failed"], report["removed"]) == (1, 0)
    assert file_uri(folder / "red.png") in contents(store)


def test_failures_are_rows_in_a_file(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"")
    report = Report(path=tmp_path / "reports" / "run.jsonl")
    run(make_job(folder, FlakyStore()), report)
    rows = [json.loads(line) for line in (tmp_path / "reports/run.jsonl").read_text().splitlines()]
    assert [row["uri"] for row in rows] == [file_uri(folder / "bad.jpg")]
    assert rows[0]["reason"] == "undecodable"
    assert rows[0]["message"]
    assert report.as_json()["embedded"] == 3


def test_dry_run_writes_nothing_and_tells_what_it_would_do(folder: Path) -> None:
    store, encoder = FlakyStore(), CountingEncoder()
    assert run(make_job(folder, store, encoder, dry_run=True)).as_json()["embedded"] == 3
    assert store.sides() == []
    run(make_job(folder, store, encoder))
    (folder / "red.png").rename(folder / "crimson.png")
    (folder / "green.png").unlink()
    (folder / "new.png").write_bytes(picture((15, 15, 15)))
    before = contents(store)
    report = run(make_job(folder, store, encoder, dry_run=True)).as_json()
    assert (report["embedded"], report["moved"], report["removed"]) == (1, 1, 1)
    assert contents(store) == before
    assert encoder.images == 3


def test_texts_go_to_their_own_side(folder: Path) -> None:
    (folder / "notes.md").write_text("# Red\n\nA red ball.\n\nA blue sea.\n")
    store, encoder = FlakyStore(), CountingEncoder()
    report = run(make_job(folder, store, encoder)).as_json()
    assert store.count(Side("test", "image")) == 3
    assert store.count(Side("test", "text")) == report["embedded"] - 3 > 0
    assert encoder.texts == report["embedded"] - 3
    run(make_job(folder, store, encoder))
    assert encoder.texts == report["embedded"] - 3
    (folder / "notes.md").unlink()
    assert run(make_job(folder, store, encoder)).as_json()["removed"] == encoder.texts
    assert store.count(Side("test", "text")) == 0


def test_only_one_modality_leaves_the_other_side_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("A red ball.")
    store = FlakyStore()
    run(make_job(folder, store))
    (folder / "notes.txt").unlink()
    assert run(make_job(folder, store, modality="image")).as_json()["removed"] == 0
    assert store.count(Side("test", "text")) == 1


def test_another_encoder_is_refused_before_anything_is_read(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store))
    other = FakeEncoder(salt="another")
    job = make_job(folder, store, other)
    job = replace(job, describe_model=lambda _: None)
    with pytest.raises(MismatchError, match="fake"):
        run(job)


def test_one_item_the_model_fails_on_is_a_row_in_the_report(folder: Path) -> None:
    encoder = FakeEncoder(fail_on=RED)
    store = FlakyStore()
    report = run(make_job(folder, store, encoder)).as_json()
    assert (report["embedded"], report["failed"]) == (2, 1)
    assert file_uri(folder / "red.png") not in contents(store)


def test_a_file_that_became_one_the_model_fails_on_leaves_the_index(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store, FakeEncoder(fail_on=RED)))
    (folder / "green.png").write_bytes(picture(RED))
    (folder / "white.png").write_bytes(picture((250, 250, 250)))
    report = run(make_job(folder, store, FakeEncoder(fail_on=RED))).as_json()
    assert (report["failed"], report["removed"], report["embedded"]) == (2, 1, 1)
    assert set(contents(store)) == {file_uri(folder / n) for n in ("sub/blue.png", "white.png")}
    assert store.sides()[0].settled


def test_an_item_the_database_would_refuse_is_a_row_in_the_report(folder: Path) -> None:
    store = FlakyStore()
    run(make_job(folder, store))
    for name in ("red", "new"):
        (folder / f"{name}.json").write_text(json.dumps({"caption": "x", "notes": "y" * 70_000}))
    (folder / "new.png").write_bytes(picture((1, 2, 3)))
    report = run(make_job(folder, store)).as_json()
    assert (report["failed"], report["embedded"], report["unchanged"]) == (2, 0, 2)
    assert set(contents(store)) == {file_uri(folder / n) for n in ("green.png", "sub/blue.png")}


def test_a_model_that_fails_on_everything_ends_the_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(picture(RED))
    store = FlakyStore()
    with pytest.raises(EncoderError, match="fake"):
        run(make_job(tmp_path, store, FakeEncoder(fail_on=RED)))
    assert store.sides() == [], "a broken model leaves no corpus that bears its name"


def test_missing_path_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        run(make_job(tmp_path / "nowhere", FlakyStore()))
    report = run(make_job(tmp_path, FlakyStore())).as_json()
    assert (report["seen"], report["failed"]) == (0, 0)


def test_stop_finishes_the_batch_in_hand(folder: Path) -> None:
    for n in range(40):
        (folder / f"n{n:02d}.png").write_bytes(picture((n, n, n)))
    stop, store = threading.Event(), FlakyStore()
    report = Report()

    def after_first_batch(now: Report) -> None:
        if now.embedded:
            stop.set()

    LocalRunner().run(
        make_job(folder, store, batch_size=4), report, stop=stop, on_progress=after_first_batch
    )
    assert report.interrupted
    assert report.embedded in (4, 8)  # the next batch may have been started meanwhile
    assert len(contents(store)) == report.embedded  # what was embedded was also written
    rest = run(make_job(folder, store)).as_json()
    assert (rest["unchanged"], rest["embedded"]) == (report.embedded, 43 - report.embedded)


def test_what_is_encoded_is_written_though_nothing_more_comes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        (folder / f"n{n:02d}.png").write_bytes(picture((n, n, n)))
    store, encoder = FlakyStore(), CountingEncoder()
    job = make_job(folder, store, encoder, batch_size=1, write_rows=1)
    source = job.build_source()
    written: list[int] = []

    def open_slowly(asset: Asset) -> bytes:
        encoded, since, deadline = 0, time.monotonic(), time.monotonic() + 60
        while asset.uri == file_uri(folder / "red.png") and time.monotonic() < deadline:
            if encoded != encoder.images:
                encoded, since = encoder.images, time.monotonic()
            if encoded and time.monotonic() > since + 1 and len(contents(store)) == encoded:
                written.append(encoded)
                break
            time.sleep(0.01)
        return type(source).open(source, asset)

    monkeypatch.setattr(source, "open", open_slowly)
    run(replace(job, build_source=lambda: source))
    assert written, "what had been encoded before was not in the index yet"
    assert len(contents(store)) == 23


def test_a_batch_that_fails_beside_a_good_one_is_no_broken_model(tmp_path: Path) -> None:
    """The good one takes longer; a model is judged by the batches in their order."""
    for n in range(4):
        (tmp_path / f"{n}.png").write_bytes(picture(RED, (8, 6 + n)) if n >= 2 else picture(GREEN))
    failed = threading.Event()

    class Two(FakeEncoder):
        calls_at_a_time = 2

        def encode_images(self, pixels: Any) -> Any:
            if (pixels[0] == GREEN).all():
                assert failed.wait(20)
                return super().encode_images(pixels)
            try:
                return super().encode_images(pixels)
            finally:
                if len(pixels) == 1:  # the items of the batch are tried singly by now
                    failed.set()

    job = make_job(tmp_path, FlakyStore(), Two(fail_on=RED), batch_size=2, workers=1)
    report = run(job).as_json()
    assert (report["embedded"], report["failed"]) == (2, 2)


def test_what_a_dead_run_left_unsettled_is_settled_by_the_next(folder: Path) -> None:
    class DiesBeforeSettling(FlakyStore):
        dying = True

        def settle(self, side: Side) -> SideInfo:
            if self.dying:
                raise Crash
            return super().settle(side)

    store = DiesBeforeSettling()
    with pytest.raises(Crash):
        run(make_job(folder, store))
    store.dying = False
    assert not store.sides()[0].settled
    report = run(make_job(folder, store)).as_json()
    assert (report["unchanged"], report["embedded"]) == (3, 0)
    assert store.sides()[0].settled


class _DownStore(MemoryStore):
    def close(self) -> None:
        """Stay."""

    def upsert(self, side: Side, rows: object) -> None:
        raise StoreUnavailableError("the database went away")


def test_a_database_that_goes_away_ends_the_run_with_its_reason(folder: Path) -> None:
    report = Report()
    with pytest.raises(StoreUnavailableError, match="went away"):
        run(make_job(folder, _DownStore()), report)
    assert report.acknowledged == 0
    assert report.finished is not None
