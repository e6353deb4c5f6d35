"""clip-retrieval's layout, in and out."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.embeddings import Importing, check_model, export_embeddings, import_embeddings
from ingest.report import Report
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import MismatchError, NotFoundError, ReadError, UsageError
from searchengine.identity import file_uri
from searchengine.records import Side
from searchengine.store.filters import parse_filter
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

ENCODER = FakeEncoder()
Values = dict[str, Any]


def vectors(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Unit vectors as clip-retrieval writes them: float16."""
    made = np.random.default_rng(seed).normal(size=(count, ENCODER.dim))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float16)


def write_shard(
    folder: Path, number: str, made: np.ndarray[Any, Any], rows: list[Values], kind: str = "img_emb"
) -> None:
    """One shard, the way ``clip_inference/writer.py`` of clip-retrieval 2.45 names things."""
    for name in (kind, "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    np.save(folder / kind / f"{kind}_{number}.npy", made)
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "metadata" / f"metadata_{number}.parquet")


def url_rows(start: int, count: int) -> list[Values]:
    return [
        {
            "image_path": f"{n:09}",
            "caption": f"no {n}",
            "url": f"https://example.org/{n}.jpg",
            "key": f"{n:09}",
            "original_width": 640,
            "original_height": 480,
            "width": 256,
            "height": 256,
            "similarity": 0.5,
            "NSFW": None,
        }
        for n in range(start, start + count)
    ]


def imported(folder: Path, store: Any, **changes: Any) -> Report:
    options = {"corpus": "test", "card": ENCODER.card, **changes}
    return import_embeddings(Importing(folder, **options), store, Report())


@pytest.fixture
def laion(tmp_path: Path) -> Path:
    folder = tmp_path / "laion"
    write_shard(folder, "0000", vectors(5), url_rows(0, 5))
    write_shard(folder, "0001", vectors(3, 1), url_rows(5, 3))
    return folder


def test_an_index_moves_in(laion: Path) -> None:
    store = FlakyStore()
    report = imported(laion, store)
    assert (report.seen, report.written, report.failed) == (8, 8, 0)
    rows = contents(store)
    assert set(rows) == {f"https://example.org/{n}.jpg" for n in range(8)}
    row = rows["https://example.org/6.jpg"]
    assert (row["caption"], row["width"], row["height"]) == ("no 6", 640, 480)
    assert (row["mime"], row["folder"]) == ("image/jpeg", "https://example.org")
    assert row["meta"] == {
        "image_path": "000000006",
        "key": "000000006",
        "width": 256,
        "height": 256,
        "similarity": 0.5,
    }
    vector = np.frombuffer(row["vector"], np.float32)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert float(vector @ vectors(3, 1)[1].astype(np.float32)) > 0.999
    info = store.describe(Side("test", "image"))
    assert info is not None
    assert (info.fingerprint, info.settled) == (ENCODER.fingerprint, True)


def test_once_more_writes_nothing(laion: Path) -> None:
    store = FlakyStore()
    imported(laion, store)
    before, writes = contents(store), store.writes
    report = imported(laion, store)
    assert (report.written, report.unchanged) == (0, 8)
    assert store.writes == writes
    assert contents(store) == before
    write_shard(laion, "0001", vectors(3, 2), url_rows(5, 3))
    assert imported(laion, store).written == 3


def test_shards_go_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in ("10", "9", "0"):
        write_shard(tmp_path / "e", number, vectors(1, int(number)), [{"key": number}])
    store = FlakyStore()
    imported(tmp_path / "e", store)
    base = file_uri((tmp_path / "e").resolve())
    assert list(contents(store)) == [f"{base}#key={number}" for number in ("0", "9", "10")]


def test_what_is_wrong_is_a_row_in_the_report(laion: Path) -> None:
    made = vectors(5).astype(np.float32)
    made[1], made[2, 0], made[3, 0] = 0, np.nan, np.inf
    write_shard(laion, "0000", made, url_rows(0, 5))
    write_shard(laion, "0002", vectors(3), url_rows(8, 2))  # a row too few
    np.save(laion / "img_emb" / "img_emb_0003.npy", vectors(1))  # no metadata
    (laion / "img_emb" / "img_emb_0004.npy").write_bytes(b"\x93NUMPY no")
    np.save(laion / "img_emb" / "img_emb_0005.npy", np.array([object()]), allow_pickle=True)
    write_shard(laion, "0006", vectors(1), [{"url": "https://example.org/0.jpg"}])  # again
    store = FlakyStore()
    report = imported(laion, store)
    assert (report.written, report.skipped, report.failed) == (5, 1, 3 + 4)
    told = "\n".join(report.first_failures)
    assert "img_emb_0000.npy#row=2: the vector is zero" in told
    assert "3 vectors, but 2 rows" in told
    assert len(contents(store)) == 5


def test_a_long_row_fails_alone(tmp_path: Path) -> None:
    rows = [{"key": "a", "x": "y" * 70_000}, {"key": "b", "x": ""}]
    write_shard(tmp_path / "e", "0", vectors(2), rows)
    report = imported(tmp_path / "e", FlakyStore())
    assert (report.written, report.failed) == (1, 1)
    assert "65,536" in report.first_failures[0]


def test_paths_are_absolute_or_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    place = tmp_path.resolve() / "photos" / "a.jpg"
    rows = [{"image_path": str(place), "caption": "x"}, {"image_path": "sub/b.png", "caption": "y"}]
    write_shard(tmp_path / "e", "0", vectors(2), rows)
    store = FlakyStore()
    imported(tmp_path / "e", store)
    base = file_uri((tmp_path / "e").resolve())
    assert set(contents(store)) == {file_uri(place), f"{base}#key=sub%2Fb.png"}
    store = FlakyStore()
    imported(tmp_path / "e", store, images=tmp_path / "photos")
    held = contents(store)
    assert set(held) == {file_uri(place), file_uri(place.parent / "sub" / "b.png")}
    assert [row["meta"] for row in held.values()] == [{}, {}]


def test_captions_as_texts(tmp_path: Path) -> None:
    rows = [{"image_path": "1", "caption": "one"}, {"image_path": "2", "caption": " "}]
    write_shard(tmp_path / "e", "0", vectors(2), rows, kind="text_emb")
    with pytest.raises(UsageError, match=r"img_emb/\*\.npy"):
        imported(tmp_path / "e", FlakyStore())
    store = FlakyStore()
    report = imported(tmp_path / "e", store, modality="text")
    assert (report.written, report.failed) == (1, 1)
    (row,) = contents(store).values()
    assert (row["caption"], row["mime"], row["size"]) == ("one", "text/plain", 3)


def test_another_model_is_refused(laion: Path) -> None:
    store = FlakyStore()
    with pytest.raises(MismatchError, match="vectors of"):
        imported(laion, store, card=FakeEncoder(dim=ENCODER.dim + 1).card)
    assert store.describe(Side("test", "image")) is None
    imported(laion, store)
    with pytest.raises(MismatchError, match="corpus 'test' was made with fake"):
        imported(laion, store, card=FakeEncoder(salt="other").card)


def test_a_killed_import_goes_on_where_it_stopped(laion: Path) -> None:
    store = FlakyStore()
    store.crash_at, store.crash_after_write = 1, True
    with pytest.raises(Crash):
        imported(laion, store, write_rows=3)
    there = len(contents(store))
    assert 0 < there < 8
    store.crash_at = None
    report = imported(laion, store, write_rows=3)
    assert (report.unchanged, report.written) == (there, 8 - there)
    whole = FlakyStore()
    imported(laion, whole)
    assert contents(store) == contents(whole)


def test_an_import_can_be_stopped(laion: Path) -> None:
    stop = threading.Event()
    stop.set()
    store = FlakyStore()
    report = import_embeddings(Importing(laion, "test", ENCODER.card), store, Report(), stop=stop)
    assert (report.interrupted, report.seen, report.written) == (True, 8, 0)


@pytest.mark.parametrize("made", [np.zeros(4), np.zeros((2, 2, 2)), np.zeros((2, 64), np.int32)])
def test_arrays_that_are_no_vectors(tmp_path: Path, made: np.ndarray[Any, Any]) -> None:
    write_shard(tmp_path / "e", "0", made, [{"key": "a"}, {"key": "b"}])
    report = imported(tmp_path / "e", FlakyStore())
    assert report.failed == 1
    assert "not vectors (rows, dim)" in report.first_failures[0]


def test_what_is_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        imported(tmp_path / "nowhere", FlakyStore())
    with pytest.raises(UsageError, match=r"holds no img_emb/\*\.npy") as caught:
        imported(tmp_path, FlakyStore())
    assert "metadata_0.parquet" in caught.value.hint


# -- out, and in again ------------------------------------------------------------------------


@pytest.fixture
def indexed(tmp_path: Path) -> tuple[Path, FlakyStore]:
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(25):
        (photos / f"{n:02} ü.png").write_bytes(picture((n * 10, 255 - n * 10, 90)))
    (photos / "captions.jsonl").write_text(
        "".join(
            json.dumps({"file": f"{n:02} ü.png", "caption": f"no {n}", "n": n, "deep": {"a": [n]}})
            + "\n"
            for n in range(20)
        )
    )
    (photos / "notes.txt").write_text("First.\n\nSecond.\n\nThird.\n")
    store = FlakyStore()
    run(make_job(photos, store))
    return photos, store


@pytest.mark.parametrize("rows", [7, 25, 100])
def test_a_corpus_goes_out_and_comes_in_as_it_was(
    indexed: tuple[Path, FlakyStore], tmp_path: Path, rows: int
) -> None:
    photos, store = indexed
    copy = FlakyStore()
    for modality, folder in (("image", tmp_path / "i"), ("text", tmp_path / "t")):
        side = Side("test", modality)  # type: ignore[arg-type]
        done = export_embeddings(store, side, folder, rows=rows)
        assert done == store.count(side)
        assert imported(folder, copy, modality=modality).written == done
    assert contents(copy) == contents(store)
    encoder = CountingEncoder()
    report = run(make_job(photos, copy, encoder))
    assert (report.unchanged, report.embedded, encoder.images) == (28, 0, 0)


def test_an_export_is_what_plain_readers_expect(
    indexed: tuple[Path, FlakyStore], tmp_path: Path
) -> None:
    _, store = indexed
    export_embeddings(store, Side("test", "image"), tmp_path / "e", rows=10, half=True)
    names = [str(path.relative_to(tmp_path / "e")) for path in sorted((tmp_path / "e").rglob("*"))]
    assert [name for name in names if "." in name] == [
        *(f"img_emb/img_emb_{n}.npy" for n in range(3)),
        *(f"metadata/metadata_{n}.parquet" for n in range(3)),
        "searchengine.json",
    ]
    held = contents(store)
    for n, count in enumerate((10, 10, 5)):
        made = np.load(tmp_path / "e" / "img_emb" / f"img_emb_{n}.npy")
        assert (made.shape, made.dtype) == ((count, ENCODER.dim), np.float16)
        table = pq.read_table(tmp_path / "e" / "metadata" / f"metadata_{n}.parquet").to_pylist()
        for row, vector in zip(table, made, strict=True):
            assert Path(row["image_path"]).is_file()
            kept = held[file_uri(Path(row["image_path"]))]
            assert row["caption"] == kept["caption"]
            assert json.loads(row["meta"] or "{}") == kept["meta"]
            original = np.frombuffer(kept["vector"], np.float32)
            assert np.abs(original - vector).max() < 1e-3


def test_a_filter_and_an_export_of_nothing(
    indexed: tuple[Path, FlakyStore], tmp_path: Path
) -> None:
    _, store = indexed
    side = Side("test", "image")
    assert export_embeddings(store, side, tmp_path / "a", where=parse_filter("meta.n < 3")) == 3
    assert export_embeddings(store, side, tmp_path / "b", where=parse_filter("meta.n < 0")) == 0
    with pytest.raises(NotFoundError, match="holds no images"):
        export_embeddings(MemoryStore(), side, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_nothing_is_overwritten(indexed: tuple[Path, FlakyStore], tmp_path: Path) -> None:
    _, store = indexed
    (tmp_path / "e").mkdir()
    assert export_embeddings(store, Side("test", "text"), tmp_path / "e") == 3
    with pytest.raises(UsageError, match="there already"):
        export_embeddings(store, Side("test", "text"), tmp_path / "e")
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(UsageError, match="there already"):
        export_embeddings(store, Side("test", "text"), tmp_path / "f")
    with pytest.raises(ReadError, match="cannot write"):
        export_embeddings(store, Side("test", "text"), tmp_path / "f" / "g")


def test_an_export_that_fails_leaves_nothing(
    indexed: tuple[Path, FlakyStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store = indexed
    monkeypatch.setattr(
        "ingest.embeddings.exporting.row_of", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        export_embeddings(store, Side("test", "image"), tmp_path / "e")
    assert {path.name for path in tmp_path.iterdir()} == {"photos"}


def test_an_export_knows_its_model(indexed: tuple[Path, FlakyStore], tmp_path: Path) -> None:
    _, store = indexed
    export_embeddings(store, Side("test", "image"), tmp_path / "e")
    card = json.loads((tmp_path / "e" / "searchengine.json").read_text())
    assert card["fingerprint"] == ENCODER.fingerprint
    card["fingerprint"] = "another"
    (tmp_path / "e" / "searchengine.json").write_text(json.dumps(card))
    with pytest.raises(MismatchError, match="was exported from a corpus of"):
        imported(tmp_path / "e", FlakyStore())


def test_the_named_model_can_be_checked(indexed: tuple[Path, FlakyStore], tmp_path: Path) -> None:
    photos, store = indexed
    export_embeddings(store, Side("test", "image"), tmp_path / "e", half=True)
    job = Importing(tmp_path / "e", "copy", ENCODER.card)
    assert check_model(job, ENCODER, 5, max_pixels=10**6) > 0.999
    made = tmp_path / "e" / "img_emb" / "img_emb_0.npy"
    np.save(made, vectors(len(np.load(made))))
    with pytest.raises(MismatchError, match="did not make these embeddings"):
        check_model(job, ENCODER, 5, max_pixels=10**6)
    for path in photos.glob("*.png"):
        path.unlink()
    with pytest.raises(UsageError, match="nothing to verify by"):
        check_model(job, ENCODER, 5, max_pixels=10**6)


def test_vectors_are_mapped_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shard(tmp_path / "e", "0", vectors(3), url_rows(0, 3))
    monkeypatch.setattr(np, "load", _only_mapped(np.load))
    assert imported(tmp_path / "e", FlakyStore()).written == 3


def _only_mapped(load: Any) -> Any:
    def mapped(path: Any, **options: Any) -> Any:
        assert options == {"mmap_mode": "r", "allow_pickle": False}
        assert not isinstance(path, io.IOBase)
        return load(path, **options)

    return mapped
