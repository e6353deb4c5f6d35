"""The formats for programs: strict JSON, CSV that no spreadsheet runs, raw paths."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest

from searchengine.present.formats import (
    CSV_COLUMNS,
    as_json,
    csv_text,
    dump,
    facet_text,
    item_json,
    jsonl_lines,
    paths,
)
from searchengine.present.strict_json import plain
from searchengine.records import Facet, Item, Results

MakeResults = Callable[..., Results]


def strict(text: str) -> object:
    """Parse as a strict parser does: UTF-8, no NaN, no Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text.encode("utf-8"), parse_constant=refuse)


def test_json_has_the_documented_shape(make_results: MakeResults) -> None:
    results = make_results(("file:///a/b%20c.jpg", 0.25, {"width": 4, "path": "/a/b c.jpg"}))
    assert strict(dump(as_json(results))) == {
        "hits": [
            {
                "rank": 1,
                "id": f"{1:032x}",
                "uri": "file:///a/b%20c.jpg",
                "modality": "image",
                "score": 0.25,
                "relevance": None,
                "group": None,
                "folded": [],
                "metadata": {"width": 4, "path": "/a/b c.jpg"},
            }
        ],
        "corpus": "default",
        "modalities": ["image"],
        "model": "fake",
        "total": 676,
        "relevant": None,
        "cursor": None,
        "facets": [],
        "notes": [],
    }


def test_json_says_what_was_cut_grouped_folded_and_counted(make_results: MakeResults) -> None:
    plain_results = make_results(("file:///a.jpg", 0.25, {}))
    hit = replace(plain_results.hits[0], relevance=0.87654, group="2024", folded=("b", "c"))
    facet = Facet("camera", (("Canon", 3), ("Nikon", 1)), 2, 7)
    results = replace(
        plain_results, hits=(hit,), relevant=13, cursor="abc", facets=(facet,), notes=("so",)
    )
    said = as_json(results)
    assert (said["relevant"], said["cursor"], said["notes"]) == (13, "abc", ["so"])
    assert said["facets"] == [
        {
            "key": "camera",
            "counts": [{"value": "Canon", "count": 3}, {"value": "Nikon", "count": 1}],
            "others": 2,
            "unknown": 7,
        }
    ]
    one = said["hits"][0]
    assert (one["relevance"], one["group"], one["folded"]) == (0.8765, "2024", ["b", "c"])
    row = dict(zip(*(line.split(",") for line in csv_text(results).splitlines()), strict=True))
    assert (row["relevance"], row["group"], row["folded"]) == ("0.8765", "2024", "b c")


def test_facets_for_a_person() -> None:
    assert facet_text(Facet("camera", (("Canon", 1234), ("雪", 1)), 2, 7)) == (
        "camera\n  Canon      1,234\n  雪             1\n  (unknown)      7\n  and 2 more"
    )
    assert facet_text(Facet("camera", (), 0, 0)) == "camera\n  (no values)"


def test_json_of_no_hits_keeps_its_keys(make_results: MakeResults) -> None:
    assert as_json(make_results())["hits"] == []


def test_json_survives_what_is_no_json(make_results: MakeResults) -> None:
    meta = {"nan": float("nan"), "inf": [float("-inf"), 1.5], "name": "a\udcff.jpg", "b": b"\xff"}
    results = make_results(("file:///a", float("nan"), {"meta": meta}))
    parsed = strict(dump(as_json(results)))
    assert isinstance(parsed, dict)
    assert parsed["hits"][0]["score"] is None
    assert parsed["hits"][0]["metadata"]["meta"] == {
        "nan": None,
        "inf": [None, 1.5],
        "name": "a?.jpg",
        "b": "?",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.array([1, 2]), [1, 2]),
        (datetime(2024, 6, 1, tzinfo=timezone.utc), "2024-06-01T00:00:00+00:00"),
        ({3: (1, 2)}, {"3": [1, 2]}),
        ({"b", "a"}, ["a", "b"]),
        (True, True),
        (None, None),
        (complex(1, 2), "(1+2j)"),
    ],
)
def test_plain_values(value: object, expected: object) -> None:
    assert plain(value) == expected
    strict(dump(value))


def test_jsonl_is_one_hit_a_line(make_results: MakeResults) -> None:
    results = make_results(("file:///a", 0.5, {"caption": "one\ntwo"}), ("file:///b", 0.25, {}))
    lines = list(jsonl_lines(results))
    assert all("\n" not in line for line in lines)
    assert [strict(line) for line in lines] == as_json(results)["hits"]


def test_csv_header_does_not_depend_on_the_hits(make_results: MakeResults) -> None:
    assert csv_text(make_results()).splitlines() == [",".join(CSV_COLUMNS)]
    assert ",".join(CSV_COLUMNS).startswith(
        "rank,id,score,relevance,modality,group,folded,uri,path,width,height,taken_at,camera,"
    )


def test_csv_is_read_back(make_results: MakeResults) -> None:
    caption = 'a "red", round ball\n一个红球'
    metadata = {"caption": caption, "latitude": -33.5, "meta": {"price": 3}, "path": "/a,b.jpg"}
    text = csv_text(make_results(("file:///a%2Cb.jpg", -0.25, metadata)))
    row = next(csv.DictReader(io.StringIO(text, newline="")))
    assert row["caption"] == caption
    assert row["path"] == "/a,b.jpg"
    assert float(row["latitude"]) == -33.5
    assert float(row["score"]) == -0.25
    assert json.loads(row["meta"]) == {"price": 3}
    assert row["camera"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1"])
def test_csv_formulas_are_defused(make_results: MakeResults, text: str) -> None:
    out = csv_text(make_results(("file:///a", 0.5, {"caption": text, "camera": text})))
    row = next(csv.DictReader(io.StringIO(out, newline="")))
    assert row["caption"] == "'" + text.replace("\0", "").replace("\r", "\n")
    assert row["camera"] == row["caption"]


def test_paths_are_the_raw_bytes(make_results: MakeResults) -> None:
    results = make_results(
        ("file:///a/b%20c%FF%0Ad.jpg", 0.5, {}),
        ("s3://bucket/k%20x.png", 0.4, {}),
        ("file:///a/notes.csv#row=12", 0.3, {}),
    )
    if os.name == "posix":
        assert paths(results) == b"/a/b c\xff\nd.jpg\ns3://bucket/k%20x.png\n/a/notes.csv\n"
    assert len(paths(results, null=True).split(b"\0")) == 4
    assert paths(make_results()) == b""


def test_item_keeps_what_is_known() -> None:
    item = Item(
        id="0" * 32,
        uri="file:///a/%FF.jpg",
        modality="image",
        revision="secret",
        content_hash="1" * 32,
        size=3,
        mtime_ns=5,
        mime="image/jpeg",
        latitude=0.0,
    )
    value = item_json(item)
    strict(dump(value))
    assert value["latitude"] == 0.0
    assert value["path"].endswith("?.jpg")
    assert not {"revision", "caption", "meta"} & value.keys()
