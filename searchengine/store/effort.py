"""How hard an index looks for neighbours: the one search parameter that a profile is tuned by.

HNSW's ``ef``, the ``nprobe`` of inverted lists, ...: more of it finds more and takes longer. A side
may carry an ``Effort`` that was measured on its own data (``searchengine tune``). It says what is
right for so many hits; for twice as many it is doubled, so that an answer never gets less beam a
hit than was measured, and in such steps that the pages of one answer come from one beam.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from searchengine.errors import UnsupportedError
from searchengine.store.index_params import MOST_EFFORT, lists
from searchengine.store.profiles import PROFILES
from searchengine.store.ranking import SLACK

if TYPE_CHECKING:
    from searchengine.store.contract import Effort
    from searchengine.store.index_params import Params
    from searchengine.store.profiles import Profile

_OUTGROWN = 2
"""An effort is given up when the side has so many times the items it was measured on."""


def tuned(profile: Profile, items: int, depth: int, effort: Effort) -> Params:
    """Return search parameters for ``depth`` candidates with a measured effort."""
    params = profile.search(items, depth)
    steps = math.ceil(math.log2(max(1.0, depth / depth_of(profile, effort.k))))
    value = min(effort.value * 2**steps, most(profile, items))
    return {**params, profile.effort: max(value, least(profile, depth))}


def usual(profile: Profile, items: int, k: int) -> int:
    """Return the effort that the profile makes for ``k`` hits when nothing was measured."""
    return int(profile.search(items, depth_of(profile, k))[profile.effort])


def depth_of(profile: Profile, k: int) -> int:
    """Return how many candidates are asked for when ``k`` hits are wanted."""
    return (k + SLACK) * profile.oversample


def least(profile: Profile, depth: int) -> int:
    """Return the least effort that can give so many candidates."""
    return 1 if profile.effort == "nprobe" else depth


def most(profile: Profile, items: int) -> int:
    """Return the effort beyond which there is nothing more to look at."""
    if profile.effort == "nprobe":
        return lists(items)
    return min(MOST_EFFORT, max(items, 1))


def check_tunable(index: str) -> None:
    """Raise ``UnsupportedError`` unless the index has an effort to choose."""
    if not PROFILES[index].effort:
        raise UnsupportedError(
            f"the index {index} compares every vector: there is nothing to tune",
            hint="'searchengine reindex HNSW' makes one that can be tuned.",
        )


def check_effort(index: str, effort: Effort) -> None:
    """Raise ``UnsupportedError`` unless the effort can be one of that index."""
    check_tunable(index)
    if effort.value < 1 or effort.k < 1:
        raise UnsupportedError(
            f"an effort of {effort.value} for {effort.k} hits is none",
            hint="Both are 1 at least.",
        )


def outgrown(effort: Effort, items: int) -> bool:
    """Tell whether the side is no longer the one the effort was measured on."""
    return not items <= _OUTGROWN * max(effort.items, 1)
