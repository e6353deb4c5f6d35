"""Films and PDFs from the file to the answer and to what is shown of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import index
from searchengine import SearchEngine
from searchengine.errors import DecodeError, NotFoundError
from searchengine.present.contact_sheet import contact_sheet
from searchengine.present.terminal import terminal_sheet
from tests.container_files import black, film, pdf, scene
from tests.ingest.folders import picture


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films") / "things"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(film([(2, black()), (4, scene(0)), (4, scene(1))]))
    (folder / "book.pdf").write_bytes(pdf(["a red bicycle", "two boats", "an owl"]))
    (folder / "plain.png").write_bytes(picture((40, 160, 60), (64, 48)))
    return folder


@pytest.fixture(scope="module")
def engine(things: Path) -> Iterator[SearchEngine]:
    where = {"store__uri": str(things.parent / "db"), "cache_dir": str(things.parent / "cache")}
    report = index([things], model__name="fake", **where)
    assert (report.embedded, report.failed) == (6, 0)
    with SearchEngine.open(**where) as engine:
        yield engine


def test_hits_are_grouped_by_file_and_shown(engine: SearchEngine, things: Path) -> None:
    found = engine.similar(str(things / "plain.png"), limit=10, group_by="file")
    groups = [hit.group for hit in found.hits]
    assert sorted(set(groups)) == sorted(map(str, things.iterdir()))
    assert groups == sorted(groups, key=groups.index), "each film and book stands together"
    frames = [hit for hit in found.hits if hit.metadata["mime"] == "video/mp4"]
    assert [hit.metadata["meta"]["t"] for hit in frames] in ([2.0, 6.0], [6.0, 2.0])
    sheet = terminal_sheet(found, true_colour=False)
    assert "film.mp4#frame=1" in sheet
    for words in ("gone", "broken", "inside", "readable", "machine"):
        assert words not in sheet
    drawn = contact_sheet(found, query_text="owl", thumb=120)
    colours = {colour for _, colour in drawn.getcolors(1 << 24) or []}
    for ground in ((200, 40, 40), (40, 160, 60)):  # of the film's two scenes
        assert any(max(abs(a - b) for a, b in zip(c, ground, strict=True)) < 9 for c in colours)


def test_pages_are_found_by_their_words_and_named_as_they_are_shown(
    engine: SearchEngine, things: Path
) -> None:
    found = engine.search("an owl", hybrid=True, text_weight=1.0, limit=1)
    assert found.hits[0].uri.endswith("book.pdf#page=3")
    book = things / "book.pdf"
    assert engine.items([f"{book}#page=3"])[0].caption == "an owl"
    again = engine.similar(f"{book}#page=2", limit=1)
    assert again.hits[0].uri.endswith("book.pdf#page=2")
    assert again.hits[0].score > 0.9999
    os.utime(book, ns=(1, 1))  # no longer known to be what was indexed: the page itself is read
    assert engine.similar(f"{book}#page=2", limit=1).hits[0].score > 0.9999
    with pytest.raises(NotFoundError, match="not in the index"):
        engine.similar(f"{things / 'film.mp4'}#frame=9")
    with pytest.raises(DecodeError, match="not a picture") as caught:
        engine.similar(str(book))
    assert "book.pdf#page=3" in caught.value.hint
    with pytest.raises(NotFoundError, match="indexed in parts") as named:
        engine.items([str(book)])
    assert f"{book}#page=" in named.value.hint
    item = engine.items([f"{things / 'film.mp4'}#frame=1"])[0]
    assert engine.picture(engine.example(f"id:{item.id}"))[:3] == b"\xff\xd8\xff"  # type: ignore[index]


def test_a_whole_file_is_removed_at_once(engine: SearchEngine, things: Path) -> None:
    assert engine.remove([str(things / "book.pdf"), f"{things / 'film.mp4'}#frame=2"]) == 4
    with pytest.raises(NotFoundError, match="is not in corpus"):
        engine.remove([str(things / "book.pdf")])
    left = {hit.uri.rsplit("/", 1)[1] for hit in engine.search("x", limit=9).hits}
    assert left == {"film.mp4#frame=1", "plain.png"}
