"""Hits to show, and pictures behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from searchengine.records import Hit, Modality, Results

MakeResults = Callable[..., Results]


@pytest.fixture
def make_results() -> MakeResults:
    """Return a maker: ``make_results((uri, score, metadata), ...)``."""

    def make(
        *found: tuple[str, float, dict[str, Any]],
        modality: Modality = "image",
        total: int = 676,
        corpus: str = "default",
    ) -> Results:
        hits = tuple(
            Hit(rank, f"{rank:032x}", uri, score, modality, metadata)
            for rank, (uri, score, metadata) in enumerate(found, start=1)
        )
        return Results(hits, corpus, (modality,), "fake", total)

    return make
