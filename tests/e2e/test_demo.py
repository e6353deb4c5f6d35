"""``searchengine demo`` in an empty home without a hub."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.e2e.conftest import Home


def test_demo_answers_right_and_costs_nothing_twice(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    first = home.ok("demo", "--out", out, "--json")
    assert first.json["index"]["embedded"] == 300
    assert [query["right"] for query in first.json["queries"]] == [True] * 6
    assert {query["kind"] for query in first.json["queries"]} == {"text", "image"}
    hit = first.json["queries"][0]["hits"][0]
    assert hit["metadata"]["camera"] == "Drawing Board Sticker Sheet 1"
    assert hit["metadata"]["taken_at"].startswith(("2024", "2025"))
    assert "indexing" in first.err, "a progress bar"
    with Image.open(out / "contact-sheet.png") as sheet:
        assert min(sheet.size) > 500

    second = home.ok("demo", "--out", out)
    assert "300 unchanged" in second.err
    assert second.out.count("right scene first") == 7
    assert "6 of 6 queries put the right scene first" in second.out
