from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from searchengine.encoders.contract import Vectors
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import MismatchError
from searchengine.query.engine import SearchEngine
from searchengine.query.kept_vectors import KeptVectors
from searchengine.records import Item, Side
from searchengine.store.contract import Row, SideSpec
from searchengine.store.memory import MemoryStore

MODEL = "0123456789abcdef"
DIM = 8
SIZE = 16 + 4 * DIM + 8


def vectors(count: int, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def known(kept: KeptVectors, texts: Sequence[str], prompts: str = "off") -> list[bool]:
    return [one is not None for one in kept.find(MODEL, DIM, texts, prompts)]


def test_the_next_process_finds_the_same_bits(tmp_path: Path) -> None:
    rows, texts = vectors(3), ["a dog", "", "caf\udce9"]
    KeptVectors(tmp_path, on_disk=10).keep(MODEL, texts, "off", rows)
    found = KeptVectors(tmp_path, on_disk=10).find(MODEL, DIM, [*texts, "a cat"], "off")
    assert found[3] is None
    for one, row in zip(found[:3], rows, strict=True):
        assert one is not None
        assert one.tobytes() == row.tobytes()


def test_model_and_prompts_are_told_apart(tmp_path: Path) -> None:
    kept = KeptVectors(tmp_path, on_disk=10)
    kept.keep(MODEL, ["a dog"], "off", vectors(1))
    assert known(kept, ["a dog"]) == [True]
    assert known(kept, ["a dog"], "single") == [False]
    assert kept.find("fedcba", DIM, ["a dog"], "off") == [None]


def test_no_text_is_on_the_disk_and_nobody_else_may_read(tmp_path: Path) -> None:
    KeptVectors(tmp_path, on_disk=10).keep(MODEL, ["a secret"], "off", vectors(1))
    (file,) = (tmp_path / "queries").iterdir()
    assert b"secret" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 in (0, 0o066)  # Windows has no such bits


def test_the_disk_keeps_the_newest_and_no_more_than_twice_as_many(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(40)]
    for text, row in zip(texts, vectors(40), strict=True):
        KeptVectors(tmp_path, on_disk=5).keep(MODEL, [text], "off", row[None])
        assert (tmp_path / "queries" / MODEL).stat().st_size <= 10 * SIZE
    assert known(KeptVectors(tmp_path, on_disk=5), texts) == [False] * 35 + [True] * 5


def test_memory_is_bounded_and_keeps_what_is_asked_for() -> None:
    kept = KeptVectors(in_memory=3 * (4 * DIM + 300))
    for text in ("a", "b", "c"):
        kept.keep(MODEL, [text], "off", vectors(1))
    assert known(kept, ["a"]) == [True]
    kept.keep(MODEL, ["d"], "off", vectors(1))
    assert kept.nbytes == 3 * (4 * DIM + 300)
    assert known(kept, ["a", "b", "c", "d"]) == [True, False, True, True]
    assert (kept.hits, kept.misses) == (4, 1)
    for again in range(3):  # the same text is not counted twice
        kept.keep(MODEL, ["d"], "off", vectors(1, again))
    assert kept.nbytes == 3 * (4 * DIM + 300)
    assert known(kept, ["a", "c"]) == [True, True]


def test_long_lists_and_switched_off_disks_are_not_written(tmp_path: Path) -> None:
    KeptVectors(tmp_path, on_disk=0).keep(MODEL, ["a dog"], "off", vectors(1))
    many = [f"label {number}" for number in range(17)]
    kept = KeptVectors(tmp_path, on_disk=99)
    kept.keep(MODEL, many, "off", vectors(17))
    assert known(kept, many) == [True] * 17
    assert not (tmp_path / "queries").exists()


@pytest.mark.parametrize("cut", [1, SIZE - 1])
def test_a_torn_record_is_left_out_and_mended(cut: int, tmp_path: Path) -> None:
    KeptVectors(tmp_path, on_disk=10).keep(MODEL, ["a", "b"], "off", vectors(2))
    file = tmp_path / "queries" / MODEL
    file.write_bytes(file.read_bytes()[:-cut])
    kept = KeptVectors(tmp_path, on_disk=10)
    assert known(kept, ["a", "b"]) == [True, False]
    kept.keep(MODEL, ["c"], "off", vectors(1))  # lands beside the grid, and the file is made anew
    KeptVectors(tmp_path, on_disk=10).keep(MODEL, ["d"], "off", vectors(1))
    assert known(KeptVectors(tmp_path, on_disk=10), ["a", "b", "d"]) == [True, False, True]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    KeptVectors(tmp_path, on_disk=10).keep(MODEL, ["a", "b"], "off", vectors(2))
    file = tmp_path / "queries" / MODEL
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    assert known(KeptVectors(tmp_path, on_disk=10), ["a", "b"]) == [False, True]


def test_a_folder_that_cannot_be_written_costs_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "queries").write_text("in the way")
    kept = KeptVectors(tmp_path, on_disk=10)
    for text in ("a", "b"):
        kept.keep(MODEL, [text], "off", vectors(1))
    assert known(kept, ["a", "b"]) == [True, True]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_threads_may_share_one(tmp_path: Path) -> None:
    kept, rows = KeptVectors(tmp_path, on_disk=200), vectors(200)

    def ask(number: int) -> None:
        kept.keep(MODEL, [str(number)], "off", rows[number : number + 1])
        found = kept.find(MODEL, DIM, [str(number)], "off")[0]
        assert found is not None
        assert (found == rows[number]).all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(200)))
    assert all(known(KeptVectors(tmp_path, on_disk=200), [str(n) for n in range(200)]))


def test_a_question_asked_again_loads_no_model(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    store = MemoryStore()
    side = Side("c", "text")
    store.ensure(SideSpec(side, encoder.name, encoder.fingerprint, encoder.dim))
    item = Item("1" * 32, "file:///a", "text", "r", "h", 1, 1, "text/plain", caption="a dog")
    store.upsert(side, [Row(item, encoder.encode_texts(["a dog"])[0])])

    def never(name: str) -> FakeEncoder:
        raise AssertionError("no model is needed")

    first = SearchEngine(store, lambda _: encoder, corpus="c", cache_dir=tmp_path, keep=9)
    second = SearchEngine(store, never, corpus="c", cache_dir=tmp_path, keep=9)
    answers = [one.search("a dog", modality="text").hits for one in (first, second)]
    assert answers[0] == answers[1]
    with pytest.raises(AssertionError, match="no model"):
        second.search("a cat", modality="text")
    other = SearchEngine(
        store, lambda _: FakeEncoder(salt="x"), corpus="c", model="x", cache_dir=tmp_path, keep=9
    )
    with pytest.raises(MismatchError):
        other.search("a dog", modality="text")
