"""The pages of any question, put together, are its unpaged answer."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.query.conftest import ITEMS, Asked

COUNT = int(os.environ.get("SEARCHENGINE_TEST_PAGINGS", "25"))
WHERES = (None, 'camera == "Canon"', "meta.rating < 2", "taken_at >= 2015", "width > 1000")
shapes = st.fixed_dictionaries(
    {},
    optional={
        "min_relevance": st.sampled_from([0.0, 0.3, 0.6]),
        "min_score": st.sampled_from([-1.0, 0.0, 0.3]),
        "sort": st.sampled_from(["taken_at", "-taken_at", "meta.rating", "-score", "folder"]),
        "fold": st.booleans(),
        "diversity": st.sampled_from([0.0, 0.5, 1.0]),
        "group_by": st.sampled_from(["folder", "year", "meta.kind"]),
        "per_group": st.integers(1, 5),
        "facets": st.just(("camera",)),
        "expand": st.sampled_from(["alpha-qe", "diffusion"]),
    },
)
questions = st.fixed_dictionaries(
    {"where": st.sampled_from(WHERES), "modality": st.sampled_from(["image", "text", None])}
)


asking = given(
    asking=st.tuples(
        st.integers(0, 40), questions, st.just({}) | shapes, st.integers(7, 250), st.booleans()
    )
)


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        # A failing case is small as it is, and each costs seconds.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.parametrize("backend", ["memory", "lite"], indirect=True)
@examples(COUNT)
@asking
def test_pages_join_to_the_whole(asked: Asked, asking: Any) -> None:
    check_pages(asked, *asking)


@pytest.mark.parametrize("backend", ["server"], indirect=True)
@examples(max(6, COUNT // 4))
@asking
def test_pages_join_to_the_whole_on_a_server(asked: Asked, asking: Any) -> None:
    check_pages(asked, *asking)


def check_pages(
    asked: Asked,
    seed: int,
    question: dict[str, Any],
    shape: dict[str, Any],
    size: int,
    by_offset: bool,
) -> None:
    query = asked.vector(seed)
    whole = asked.engine.find(query, limit=2 * ITEMS, **question, **shape)
    hits: list[Any] = []
    cursor = None
    while len(hits) <= 2 * ITEMS:
        where = {"offset": len(hits)} if by_offset else {"cursor": cursor}
        page = asked.engine.find(query, limit=size, **where, **question, **shape)
        hits += page.hits
        assert (page.relevant, page.facets) == (whole.relevant, whole.facets)
        cursor = page.cursor
        if cursor is None:
            break
    assert [replace(hit, relevance=None) for hit in hits] == [
        replace(hit, relevance=None) for hit in whole.hits
    ]
    # Sums over other batches differ in their last digits.
    assert [hit.relevance for hit in hits] == pytest.approx(
        [hit.relevance for hit in whole.hits], abs=1e-4
    )
    assert len({(hit.id, hit.modality) for hit in hits}) == len(hits)
