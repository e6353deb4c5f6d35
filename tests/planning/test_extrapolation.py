"""What a real server took, against what was forecast for it: bench/results/plan_check.json.

``python bench/plan_check.py`` measures it; the forecasts are made anew here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from searchengine.planning.measured import loaded_bytes, stored_bytes
from searchengine.planning.segments import segment_rows

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "bench" / "results" / "plan_check.json").read_text("utf-8")
)["rows"]
CAPTION = 50
SMALL, LARGE, LARGEST = 10_000, 100_000, 1_000_000
WITHIN = 0.25
SEGMENT_MB = 512
"""Of the server that was measured, 2.3.5."""


def row_of(profile: str, items: int) -> dict[str, Any]:
    [row] = [one for one in ROWS if (one["profile"], one["items"]) == (profile, items)]
    return row


def memory(row: dict[str, Any]) -> float:
    """By the formulas, of the data alone."""
    sizes = (row["profile"], row["items"], row["dim"], CAPTION)
    return loaded_bytes(*sizes, words=False, segment_mb=SEGMENT_MB)


PROFILES = sorted({row["profile"] for row in ROWS})


def test_all_was_measured() -> None:
    assert PROFILES == ["FLAT", "HNSW", "IVF_FLAT"]
    assert {row["items"] for row in ROWS} >= {SMALL, LARGE}


@pytest.mark.parametrize(
    ("profile", "items"), [*((one, LARGE) for one in PROFILES), ("HNSW", LARGEST)]
)
def test_a_forecast_set_right_by_one_size_holds_at_others(profile: str, items: int) -> None:
    small, large = row_of(profile, SMALL), row_of(profile, items)
    base = small["memory"]["rss"] - memory(small)
    assert 0 < base < 400e6, "what the server takes without any data"
    assert base + memory(large) == pytest.approx(large["memory"]["rss"], rel=WITHIN)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['profile']}-{row['items']}")
def test_files_are_as_large_as_forecast(row: dict[str, Any]) -> None:
    sizes = (row["profile"], row["items"], row["dim"], CAPTION)
    said = stored_bytes(*sizes, segment_mb=SEGMENT_MB)
    stored = row["stored"]
    assert said == pytest.approx(stored["columns"] + stored["index"], rel=WITHIN)
    live = stored["columns"] + stored["index"]
    assert live <= stored["all"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['profile']}-{row['items']}")
def test_faiss_makes_the_index_as_large(row: dict[str, Any]) -> None:
    index = row["stored"]["index"]
    if row["profile"] == "FLAT":
        assert index == 0, "no index is built"
    else:
        assert index == pytest.approx(row["faiss_bytes"], rel=0.1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['profile']}-{row['items']}")
def test_segments_hold_no_more_rows_than_expected(row: dict[str, Any]) -> None:
    """Of 512 MB each in 2.3.5; merging may overfill one by a quarter (``expansionRate``)."""
    assert row["largest_segment_rows"] <= 1.25 * segment_rows(row["dim"], SEGMENT_MB)
    assert row["largest_segment_rows"] * row["segments"] >= row["items"]
