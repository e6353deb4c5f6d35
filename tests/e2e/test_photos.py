"""Real photos, a real-photo model, both backends: as good as a plain loop with exact cosine."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ingest
from searchengine import SearchEngine
from searchengine.store.open import open_store

PROFILES = ("FLAT", "HNSW", "IVF_FLAT")
TOLERANCE = 0.01


@pytest.fixture(scope="module", params=["lite", "server"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "lite":
        return str(tmp_path_factory.mktemp("lite") / "milvus")
    return str(request.getfixturevalue("milvus_server_uri"))


@pytest.fixture(scope="module")
def corpus(address: str) -> Iterator[str]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    yield name
    store = open_store(address)
    for info in store.sides():
        if info.side.corpus.startswith(name):
            store.drop(info.side.corpus, info.side.modality)
    store.close()


def kind(uri: str) -> str:
    """The class folder of a product photo."""
    return uri.rsplit("/", 2)[1]


def recall(ranks: list[int], k: int) -> float:
    return sum(rank <= k for rank in ranks) / len(ranks)


@pytest.fixture(scope="module")
def captions(photos: Path) -> list[tuple[str, str]]:
    """(file, caption) of every caption of coco-cc."""
    with (photos / "coco-cc" / "captions.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["file"], text) for row in rows for text in row["captions"]]


@pytest.fixture(scope="module")
def plain_ranks(plain, photos: Path, captions: list[tuple[str, str]]) -> list[int]:  # type: ignore[no-untyped-def]
    files = sorted({file for file, _ in captions})
    images = plain.images([photos / "coco-cc" / file for file in files])
    scores = plain.texts([text for _, text in captions]) @ images.T
    right = np.array([files.index(file) for file, _ in captions])
    order = np.argsort(-scores, axis=1)
    return [int(place) + 1 for place in (order == right[:, None]).argmax(axis=1)]


@pytest.mark.parametrize("profile", PROFILES)
def test_captions_find_their_photos(
    address: str,
    corpus: str,
    profile: str,
    photo_mini: Path,
    photos: Path,
    captions: list[tuple[str, str]],
    plain_ranks: list[int],
) -> None:
    name = f"{corpus}-coco-{profile.lower()}"
    report = ingest.index(
        [photos / "coco-cc"],
        corpus=name,
        model__name=f"local-dir:{photo_mini}",
        store__uri=address,
        store__profile=profile,
    ).as_json()
    assert (report["seen"], report["embedded"], report["failed"]) == (76, 76, 0)
    ranks = []
    with SearchEngine.open(corpus=name, store__uri=address) as engine:
        info = engine.side()
        assert info.index == profile
        vectors = engine.encoder(info).encode_texts([text for _, text in captions])
        answers = engine.store.search(info.side, vectors, limit=10, fields=("uri",))
        for (file, _), found in zip(captions, answers, strict=True):
            files = [one.fields["uri"].rsplit("/", 1)[1] for one in found]
            assert len(files) == 10
            ranks.append(files.index(file) + 1 if file in files else 11)
        for (_, text), found in list(zip(captions, answers, strict=True))[::40]:
            assert [hit.id for hit in engine.search(text).hits] == [one.id for one in found]
    for k in (1, 5, 10):
        assert recall(ranks, k) == pytest.approx(recall(plain_ranks, k), abs=TOLERANCE), k


def test_nearest_product_is_of_the_same_class(
    address: str,
    corpus: str,
    photo_mini: Path,
    photos: Path,
    plain,  # type: ignore[no-untyped-def]
) -> None:
    folder = photos / "clothing"
    paths = sorted(folder.rglob("*.jpg"))
    vectors = plain.images(paths)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    best = scores.argmax(axis=1)
    expected = np.mean([paths[n].parent.name == paths[m].parent.name for n, m in enumerate(best)])

    name = f"{corpus}-clothing"
    options = {"corpus": name, "model__name": f"local-dir:{photo_mini}", "store__uri": address}
    report = ingest.index([folder], **options).as_json()
    assert (report["embedded"], report["failed"]) == (600, 0)
    with SearchEngine.open(corpus=name, store__uri=address) as engine:
        side = engine.side().side
        rows = list(engine.store.scan(side, fields=("uri", "vector")))
        stored = np.stack([row["vector"] for row in rows])
        answers = engine.store.search(side, stored, limit=2, fields=("uri",))
        right = []
        for row, found in zip(rows, answers, strict=True):
            nearest = next(one for one in found if one.fields["uri"] != row["uri"])
            right.append(kind(row["uri"]) == kind(nearest.fields["uri"]))
        for path in paths[::40]:
            first, second = engine.similar(path, limit=2).hits
            assert first.score == pytest.approx(1, abs=1e-5)
            assert str(path) in (first.metadata["path"], second.metadata["path"])
            alone = engine.similar(path, limit=1, exclude_self=True).hits
            assert str(path) != alone[0].metadata["path"]
        assert not engine._encoders, "an unchanged indexed file needs no model"
    assert np.mean(right) == pytest.approx(expected, abs=TOLERANCE)
    again = ingest.index([folder], **options).as_json()
    assert (again["embedded"], again["unchanged"]) == (0, 600)


def test_stored_vectors_are_the_plain_loops(
    address: str,
    corpus: str,
    photo_mini: Path,
    photos: Path,
    plain,  # type: ignore[no-untyped-def]
) -> None:
    name = f"{corpus}-vectors"
    ingest.index(
        [photos / "coco-cc"],
        corpus=name,
        model__name=f"local-dir:{photo_mini}",
        store__uri=address,
    )
    store = open_store(address)
    rows = [
        row
        for info in store.sides()
        if info.side.corpus == name
        for row in store.scan(info.side, fields=("uri", "vector"))
    ]
    store.close()
    expected = plain.images([photos / "coco-cc" / row["uri"].rsplit("/", 1)[1] for row in rows])
    cosines = (np.stack([row["vector"] for row in rows]) * expected).sum(axis=1)
    assert len(rows) == 76
    assert cosines.min() >= 0.99999
