"""Tables with a picture a row: its bytes, its path or its url."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.sources import FolderSource, open_sources
from ingest.sources.contract import Asset, Scope, Skipped
from searchengine.errors import DecodeError, UsageError
from searchengine.identity import file_uri
from searchengine.settings import NetSettings, TableSettings
from tests.ingest.folders import CountingEncoder, FlakyStore, contents, make_job, picture, run
from tests.web import Site, site

Rows = list[dict[str, Any]]
COLOURS = [(n * 20, 255 - n * 20, 90) for n in range(10)]
NET = NetSettings(allow=True, allow_private=True, timeout_s=5, retries=1)


def write_jsonl(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_csv(path: Path, rows: Rows) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue())
    return path


def write_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=4)
    return path


WRITERS = {".jsonl": write_jsonl, ".csv": write_csv, ".parquet": write_parquet}


@pytest.fixture(params=sorted(WRITERS))
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Rows], Path]:
    return lambda rows: WRITERS[request.param](tmp_path / f"table{request.param}", rows)


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        yield served


def listed(source: Any) -> tuple[list[Asset], list[Skipped]]:
    every = list(source)
    return (
        [one for one in every if isinstance(one, Asset)],
        [one for one in every if isinstance(one, Skipped)],
    )


# -- paths ------------------------------------------------------------------------------------


def test_paths(tmp_path: Path, write: Callable[[Rows], Path]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a b.png").write_bytes(picture(COLOURS[0]))
    (tmp_path / "sub" / "b.png").write_bytes(picture(COLOURS[1]))
    rows = [
        {"file": "a b.png", "caption": "first", "tag": "x"},
        {"file": str(tmp_path / "sub" / "b.png"), "caption": "second", "tag": "y"},
        {"file": "gone.png", "caption": "third", "tag": "z"},
        {"file": "", "caption": "fourth", "tag": "z"},
    ]
    source = open_sources([write(rows)])
    assets, skipped = listed(source)
    assert [asset.uri for asset in assets] == [
        file_uri(tmp_path.resolve() / name) for name in ("a b.png", "sub/b.png")
    ]
    assert [(asset.caption, asset.meta) for asset in assets] == [
        ("first", {"tag": "x"}),
        ("second", {"tag": "y"}),
    ]
    assert [source.open(asset) for asset in assets] == [picture(COLOURS[n]) for n in (0, 1)]
    assert [one.reason for one in skipped] == ["unreadable", "undecodable"]
    assert "gone.png: cannot read: no such file" in skipped[0].message
    assert "row 4 names no picture" in skipped[1].message


def test_a_row_and_the_folder_name_one_item(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(picture(COLOURS[0]))
    table = write_jsonl(tmp_path / "t.jsonl", [{"file": "photos/a.png"}])
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(tmp_path / "photos", store, encoder))
    report = run(make_job(table, store, encoder))
    assert (report.unchanged, report.embedded, encoder.images) == (1, 0, 1)


def test_a_row_of_a_file_in_a_folder_of_the_same_run(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(picture(COLOURS[0]))
    table = write_jsonl(tmp_path / "t.jsonl", [{"file": "photos/a.png", "caption": "x"}])
    store = FlakyStore()
    for _ in range(2):
        report = run(make_job([tmp_path / "photos", table], store))
        assert (report.seen, report.skipped) == (1, 1)
        assert [row["caption"] for row in contents(store).values()] == ["x"]
    assert report.unchanged == 1


def test_captions_of_neighbouring_rows_are_joined(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(COLOURS[0]))
    rows = [{"image": "a.png", "caption": text, "n": n} for n, text in enumerate("xyx")]
    table = write_jsonl(tmp_path / "t.jsonl", rows)
    (asset,) = listed(open_sources([table]))[0]
    assert asset.caption == "x\ny"
    assert asset.meta == {"n": 2}
    revision = asset.revision
    rows[1]["caption"] = "z"
    (asset,) = listed(open_sources([write_jsonl(table, rows)]))[0]
    assert asset.revision != revision


def test_a_table_of_texts_stays_one(tmp_path: Path) -> None:
    rows = [
        {"text": "An article.", "name": "Ann", "source": "x.jpg and more"},
        {"text": "Another.", "name": "Bob", "source": ""},
    ]
    source = open_sources([write_jsonl(tmp_path / "t.jsonl", rows)])
    assert isinstance(source, FolderSource)
    assert [asset.modality for asset in listed(source)[0]] == ["text", "text"]


def test_captions_tables_are_for_their_folder(tmp_path: Path) -> None:
    table = write_jsonl(tmp_path / "captions.jsonl", [{"file": "a.png", "caption": "x"}])
    with pytest.raises(UsageError, match="captions of the pictures in its folder"):
        open_sources([table])


# -- bytes ------------------------------------------------------------------------------------


def inline(suffix: str, data: bytes, n: int) -> Any:
    if suffix == ".parquet":
        return data
    text = base64.b64encode(data).decode()
    return f"data:image/png;base64,{text}" if n % 2 else text


def inline_rows(suffix: str, count: int = 10) -> Rows:
    return [
        {"key": f"k{n}", "image": inline(suffix, picture(COLOURS[n]), n), "caption": f"no {n}"}
        for n in range(count)
    ]


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_pictures_in_the_table(tmp_path: Path, suffix: str) -> None:
    path = WRITERS[suffix](tmp_path / f"t{suffix}", inline_rows(suffix))
    source = open_sources([path])
    assets, skipped = listed(source)
    uri = file_uri(path.resolve())
    assert [asset.uri for asset in assets] == [f"{uri}#row={n}" for n in range(1, 11)]
    assert [asset.caption for asset in assets] == [f"no {n}" for n in range(10)]
    assert [asset.meta for asset in assets] == [{"key": f"k{n}"} for n in range(10)]
    wanted = [picture(colour) for colour in COLOURS]
    assert [source.open(asset) for asset in assets] == wanted
    assert [source.open(assets[n]) for n in (7, 2, 9, 0)] == [wanted[n] for n in (7, 2, 9, 0)]
    assert skipped == []
    assert source.scopes == (Scope(f"{uri}#"),)


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_rows_may_be_known_by_an_id(tmp_path: Path, suffix: str) -> None:
    rows = inline_rows(suffix, 3)
    path = WRITERS[suffix](tmp_path / f"t{suffix}", rows)
    columns = TableSettings(id_column="key")
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(path, store, encoder, table=columns))
    before = set(contents(store))
    assert before == {f"{file_uri(path.resolve())}#id=k{n}" for n in range(3)}
    WRITERS[suffix](path, rows[::-1][:2])
    report = run(make_job(path, store, encoder, table=columns)).as_json()
    assert (report["embedded"], report["updated"], report["removed"]) == (0, 2, 1)


def test_the_second_run_reads_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "t.parquet", inline_rows(".parquet"))
    store, encoder = FlakyStore(), CountingEncoder()
    assert run(make_job(path, store, encoder)).embedded == 10
    monkeypatch.setattr("ingest.sources.inline.column_values", lambda *_: pytest.fail("read"))
    assert run(make_job(path, store, encoder)).unchanged == 10


def test_structs_of_bytes_and_path(tmp_path: Path) -> None:
    rows = [
        {"image": {"bytes": picture(COLOURS[n]), "path": f"{n}.png"}, "text": f"no {n}"}
        for n in range(3)
    ]
    source = open_sources([write_parquet(tmp_path / "t.parquet", rows)])
    assets, _ = listed(source)
    assert [asset.caption for asset in assets] == ["no 0", "no 1", "no 2"]
    assert [source.open(asset) for asset in assets] == [picture(COLOURS[n]) for n in range(3)]


def test_rows_without_a_picture_fail_alone(tmp_path: Path) -> None:
    rows = inline_rows(".parquet", 4)
    rows[1]["image"], rows[2]["image"] = None, b"no picture"
    store = FlakyStore()
    report = run(make_job(write_parquet(tmp_path / "t.parquet", rows), store))
    assert (report.embedded, report.failed) == (2, 2)


def test_a_row_that_is_gone_meanwhile(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", inline_rows(".jsonl", 3))
    source = open_sources([path])
    assets, _ = listed(source)
    write_jsonl(path, inline_rows(".jsonl", 1))
    with pytest.raises(Exception, match="row 3 is no longer there"):
        source.open(assets[2])
    assert source.open(assets[0]) == picture(COLOURS[0])


# -- urls -------------------------------------------------------------------------------------


def test_urls(web: Site, write: Callable[[Rows], Path]) -> None:
    urls = [web.serve(f"/{n}.png", picture(COLOURS[n])) for n in range(3)]
    web.serve("/page", b"<html>", "text/html")
    rows = [
        {"URL": url, "TEXT": f"no {n}", "similarity": "0.3"}
        for n, url in enumerate([*urls, web.url + "/page", web.url + "/gone", "", urls[0]])
    ]
    table, store, encoder = write(rows), FlakyStore(), CountingEncoder()
    report = run(make_job(table, store, encoder, net=NET)).as_json()
    assert (report["embedded"], report["failed"], report["skipped"]) == (3, 3, 1)
    held = contents(store)
    assert set(held) == set(urls)
    row = held[urls[1]]
    assert (row["caption"], row["meta"]) == ("no 1", {"similarity": "0.3"})
    assert row["size"] == len(picture(COLOURS[1]))
    assert row["folder"] == web.url
    asked = dict(web.asked)
    again = run(make_job(table, store, encoder, net=NET)).as_json()
    assert (again["unchanged"], again["embedded"], again["failed"]) == (3, 0, 3)
    assert {path: web.asked[path] - asked[path] for path in asked} == {
        "/0.png": 0,
        "/1.png": 0,
        "/2.png": 0,
        "/page": 1,
        "/gone": 1,
    }


def test_urls_are_fetched_side_by_side(tmp_path: Path, web: Site) -> None:
    colours = [(n * 6, 90, 255 - n * 6) for n in range(40)]
    urls = [web.serve(f"/{n}.png", picture(colours[n]), after_s=0.05) for n in range(40)]
    table = write_jsonl(tmp_path / "t.jsonl", [{"url": url} for url in urls])
    net = NET.model_copy(update={"connections": 12, "per_host": 12})
    report = run(make_job(table, FlakyStore(), net=net, workers=1))
    assert report.embedded == 40
    assert 4 <= web.most <= 12


def test_two_tables_that_name_one_url(tmp_path: Path, web: Site) -> None:
    url = web.serve("/a.png", picture(COLOURS[0]))
    first = write_jsonl(tmp_path / "1.jsonl", [{"url": url, "caption": "one"}])
    second = write_jsonl(tmp_path / "2.jsonl", [{"url": url.upper()[:4] + url[4:] + "#x"}])
    store = FlakyStore()
    report = run(make_job([first, second], store, net=NET))
    assert (report.seen, report.skipped) == (1, 1)
    assert [row["caption"] for row in contents(store).values()] == ["one"]


def test_an_edited_caption_keeps_the_vector(tmp_path: Path, web: Site) -> None:
    url = web.serve("/a.png", picture(COLOURS[0]))
    table = write_jsonl(tmp_path / "t.jsonl", [{"url": url, "caption": "one"}])
    store, encoder = FlakyStore(), CountingEncoder()
    run(make_job(table, store, encoder, net=NET))
    write_jsonl(table, [{"url": url, "caption": "two"}])
    report = run(make_job(table, store, encoder, net=NET))
    assert (report.updated, report.embedded) == (1, 0)
    (row,) = contents(store).values()
    assert (row["caption"], row["size"]) == ("two", len(picture(COLOURS[0])))


def test_nothing_is_fetched_unless_allowed(tmp_path: Path, web: Site) -> None:
    url = web.serve("/a.png", picture(COLOURS[0]))
    table = write_jsonl(tmp_path / "t.jsonl", [{"url": url, "text": "words"}])
    with pytest.raises(UsageError, match="column url") as caught:
        open_sources([table])
    assert "--allow-net" in caught.value.hint
    (text,) = open_sources([table], modality="text")
    assert isinstance(text, Asset)
    assert text.caption == "words"
    (tmp_path / "b.png").write_bytes(picture(COLOURS[1]))
    rows = [{"image": name} for name in ("b.png", *["b.png"] * 80, url)]
    late = write_jsonl(tmp_path / "late.jsonl", rows)
    report = run(make_job(late, FlakyStore()))
    assert (report.embedded, report.failed) == (1, 1)
    assert "--allow-net" in report.first_failures[0]
    assert not web.asked


def test_private_addresses_are_a_row_in_the_report(tmp_path: Path, web: Site) -> None:
    url = web.serve("/a.png", picture(COLOURS[0]))
    table = write_jsonl(tmp_path / "t.jsonl", [{"url": url}])
    report = run(make_job(table, FlakyStore(), net=NetSettings(allow=True)))
    assert report.failed == 1
    assert "net.allow_private" in report.first_failures[0]
    assert not web.asked


# -- columns ----------------------------------------------------------------------------------


def test_columns_may_be_named(tmp_path: Path, write: Callable[[Rows], Path]) -> None:
    (tmp_path / "a.png").write_bytes(picture(COLOURS[0]))
    rows = [{"where": "a.png", "said": "words", "caption": "not this", "nr": "17"}]
    table = write(rows)
    columns = TableSettings(image_column="where", caption_column="Said", id_column="nr")
    (asset,) = open_sources([table], table=columns)
    assert isinstance(asset, Asset)
    assert asset.caption == "words"
    assert asset.meta == {"caption": "not this", "nr": "17"}


def test_the_column_of_texts_may_be_named(tmp_path: Path, write: Callable[[Rows], Path]) -> None:
    write([{"Body": "The words.", "title": "A title"}])
    columns = TableSettings(caption_column="body")
    for path in (tmp_path, next(tmp_path.iterdir())):
        (asset,) = open_sources([path], table=columns)
        assert isinstance(asset, Asset)
        assert (asset.modality, asset.caption) == ("text", "The words.")
        assert asset.meta == {"title": "A title"}


@pytest.mark.parametrize("option", ["image_column", "caption_column", "id_column"])
def test_a_column_that_is_not_there(write: Callable[[Rows], Path], option: str) -> None:
    table = write([{"file": "a.png", "text": "x"}])
    with pytest.raises(UsageError, match="no column 'nope'") as caught:
        open_sources([table], table=TableSettings(**{option: "nope"}))
    assert caught.value.hint == "its columns are: file, text"


def test_what_is_no_table_is_a_row_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"no parquet")
    (skipped,) = open_sources([path])
    assert isinstance(skipped, Skipped)
    assert skipped.reason == DecodeError.reason


def test_an_embedding_column_is_no_picture(tmp_path: Path) -> None:
    rows = [{"text": "x", "vector": b"\0" * 16, "hash": b"\1" * 8}]
    source = open_sources([write_parquet(tmp_path / "t.parquet", rows)])
    assert [asset.modality for asset in listed(source)[0]] == ["text"]
