from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import EncoderError, QueryError
from searchengine.identity import file_uri, fragment_uri
from searchengine.query.pool import Candidate
from searchengine.query.stages.rescore import TwoTowerReranker, read_file, rescore
from tests.query.stages.candidates import candidate, frozen, ids, pools


class Fixed:
    """A reranker with its answers written down, by id."""

    def __init__(self, scores: dict[str, float]) -> None:
        self._scores = scores

    def scores(self, candidates: Sequence[Candidate]) -> np.ndarray:
        return np.array([self._scores[one.id] for one in candidates], np.float32)


def test_only_the_first_are_reordered() -> None:
    pool = [candidate(name) for name in "abcde"]
    judge = Fixed({"a": 1, "b": 3, "c": 2, "d": 9, "e": 8})
    assert ids(rescore(pool, judge, top=3)) == ["b", "c", "a", "d", "e"]
    assert ids(rescore(pool, judge)) == ["d", "e", "b", "c", "a"]


def test_one_it_could_not_look_at_keeps_its_place() -> None:
    pool = [candidate(name) for name in "abcd"]
    judge = Fixed({"a": 1, "b": np.nan, "c": 2, "d": 3})
    assert ids(rescore(pool, judge)) == ["d", "b", "c", "a"]
    blind = Fixed(dict.fromkeys("abcd", np.nan))
    assert rescore(pool, blind) == pool


def test_bad_input() -> None:
    with pytest.raises(QueryError, match="at least 1"):
        rescore([], Fixed({}), top=0)
    assert rescore([], Fixed({})) == []

    class Short:
        def scores(self, candidates: Sequence[Candidate]) -> np.ndarray:
            return np.zeros(1, np.float32)

    with pytest.raises(ValueError, match="scores for 2 candidates"):
        rescore([candidate("a"), candidate("b")], Short())


def picture(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(data, "PNG")
    return data.getvalue()


def vector_of(encoder: FakeEncoder, colour: str) -> np.ndarray:
    image = Image.open(io.BytesIO(picture(colour))).convert("RGB")
    return encoder.encode_images(encoder.preprocess(image)[None])[0]


def test_a_second_encoder_looks_at_the_files(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    pool = []
    for name in ("blue", "broken", "red", "gone", "green"):
        path = tmp_path / f"{name} #1.png"
        if name != "gone":
            path.write_bytes(b"no picture" if name == "broken" else picture(name))
        pool.append(candidate(name, uri=file_uri(path)))
    judge = TwoTowerReranker(encoder, vector_of(encoder, "red"))
    scores = judge.scores(pool)
    assert np.isnan(scores).tolist() == [False, True, False, True, False]
    assert scores[2] == pytest.approx(1)
    expected = float(vector_of(encoder, "green") @ vector_of(encoder, "red"))
    assert scores[4] == pytest.approx(expected, abs=1e-5)
    done = ids(rescore(pool, judge))
    assert done[0] == "red"
    assert [done[1], done[3]] == ["broken", "gone"]


def test_texts_are_read_from_their_captions() -> None:
    encoder = FakeEncoder()
    pool = [
        candidate("far", modality="text", caption="something else"),
        candidate("none", modality="text", caption=None),
        candidate("same", modality="text", caption="a red boat"),
    ]
    judge = TwoTowerReranker(encoder, encoder.encode_texts(["a red boat"])[0])
    assert ids(rescore(pool, judge)) == ["same", "none", "far"]


def test_more_than_a_batch() -> None:
    encoder = FakeEncoder()
    words = [f"text {n}" for n in range(70)]
    pool = [candidate(word, modality="text", caption=word) for word in words]
    judge = TwoTowerReranker(encoder, encoder.encode_texts(["text 65"])[0])
    together = encoder.encode_texts(words) @ encoder.encode_texts(["text 65"])[0]
    np.testing.assert_allclose(judge.scores(pool), together, atol=1e-5)


class Picky(FakeEncoder):
    """Makes no vector of a text that says bad, and of none at all when it is broken."""

    broken = False

    def encode_texts(self, texts: Sequence[str]) -> Any:
        bad = tuple(at for at, text in enumerate(texts) if text == "bad")
        if self.broken or bad:
            raise EncoderError("no vector", bad_rows=() if self.broken else bad)
        return super().encode_texts(texts)


def test_what_the_encoder_makes_no_vector_of_keeps_its_place() -> None:
    encoder = Picky()
    query = encoder.encode_texts(["good"])[0]
    pool = [
        candidate(str(at), modality="text", caption=text)
        for at, text in enumerate(["other", "bad", "bad", "good"])
    ]
    assert ids(rescore(pool, TwoTowerReranker(encoder, query))) == ["3", "1", "2", "0"]
    encoder.broken = True
    with pytest.raises(EncoderError):
        TwoTowerReranker(encoder, query).scores(pool)


def test_the_query_must_be_of_the_second_space() -> None:
    with pytest.raises(QueryError, match=r"fake makes \(32,\)") as caught:
        TwoTowerReranker(FakeEncoder(), np.ones(3, np.float32))
    assert "the encoder that reranks" in caught.value.hint


def test_what_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"whole")
    uri = file_uri(path)
    assert read_file(candidate("a", uri=uri)) == b"whole"
    assert read_file(candidate("a", uri=fragment_uri(uri, "page", 2))) is None
    assert read_file(candidate("a", uri="s3://bucket/a.jpg")) is None
    assert read_file(candidate("a", uri=file_uri(tmp_path))) is None
    assert read_file(candidate("a")) is None


@settings(deadline=None)
@given(pools(), st.integers(1, 15), st.data())
def test_a_permutation_of_the_first(pool: list[Candidate], top: int, data: st.DataObject) -> None:
    values = st.one_of(st.just(float("nan")), st.integers(-2, 2).map(float))
    judge = Fixed({one.id: data.draw(values) for one in pool})
    before = frozen(pool)
    done = rescore(pool, judge, top=top)
    assert frozen(pool) == before
    assert sorted(frozen(done[:top])) == sorted(before[:top])
    assert frozen(done[top:]) == before[top:]
    assert frozen(rescore(pool, judge, top=top)) == frozen(done)
