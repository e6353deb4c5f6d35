"""The index profiles: what each builds, how it is searched, and who can build it. Data.

To add one: an entry in ``PROFILES``. Sizes of lists follow the number of items,
so parameters are functions of it. Defaults favour recall; ``bench/`` measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchengine.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.store.capabilities import Capabilities

AUTO = "auto"
AUTO_THRESHOLD = 30_000
"""Items from which ``auto`` means HNSW: docs/decisions/0002-exact-until-measured.md."""

MOST_EFFORT = 32_768
"""The largest ``ef`` a server takes."""
Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Needs:
    """Who can build an index."""

    lite: bool = False
    server: tuple[int, int] = (2, 3)
    """The first server version that can."""
    gpu: bool = False
    embedded: bool = True
    """Whether the server in one wheel (``v2.3.5-lite``) can. It has no DiskANN, and
    its storage deletes the vectors under an index that holds none itself, as soon
    as they are read (its cache maps the very file, then unlinks it)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of index over the vectors of a side."""

    name: str
    needs: Needs
    build: Callable[[int, int], Params]
    """Build parameters for (items, dim)."""
    search: Callable[[int, int], Params]
    """Search parameters for (items, hits wanted)."""
    filtered: Callable[[int, int], Params]
    """The same under a filter, where an index has to look further."""
    oversample: int = 1
    """Candidates fetched per hit and scored again with the true vectors."""
    graph: bool = False
    """Whether search walks a graph, which a server thins out under a filter."""
    effort: str = ""
    """The search parameter that trades time for recall (``store.effort``); none where exact."""


def lists(count: int) -> int:
    """Return the number of inverted lists for so many items.

    4 sqrt(n), as FAISS advises, and no fewer than the 39 items a list that its
    k-means asks for.
    """
    return max(1, min(65_536, round(4 * math.sqrt(count)), count // 39))


def probes(count: int, wanted: int = 0) -> int:
    """Return how many lists to look into: all of the first 128, an eighth of more."""
    total = lists(count)
    return min(total, max(128, total // 8, wanted // 8))


def beam(count: int, wanted: int) -> int:
    """Return HNSW's ``ef``. In steps, so that the pages of one answer come from one beam."""
    for step in (256, 1_024, 4_096):
        if wanted <= step // 2:
            return step
    return MOST_EFFORT


def wide_beam(count: int, wanted: int) -> int:
    """Return HNSW's ``ef`` under a filter: the whole graph."""
    return max(beam(count, wanted), min(count, MOST_EFFORT))


def _nothing(count: int, other: int) -> Params:
    return {}


def _hnsw(count: int, dim: int) -> Params:
    return {"M": 16, "efConstruction": 200}


def _ef(count: int, wanted: int) -> Params:
    return {"ef": beam(count, wanted)}


def _wide_ef(count: int, wanted: int) -> Params:
    return {"ef": wide_beam(count, wanted)}


def _ivf(count: int, dim: int) -> Params:
    return {"nlist": lists(count)}


def _ivf_pq(count: int, dim: int) -> Params:
    pieces = next((m for m in (dim // 2, dim // 4, dim // 8) if m and dim % m == 0), dim)
    return {"nlist": lists(count), "m": pieces, "nbits": 8}


def _nprobe(count: int, wanted: int) -> Params:
    return {"nprobe": probes(count, wanted)}


def _all_lists(count: int, wanted: int) -> Params:
    return {"nprobe": lists(count)}


def _scann_search(count: int, wanted: int) -> Params:
    return {"nprobe": probes(count, wanted), "reorder_k": max(500, wanted * 10)}


def _scann_all(count: int, wanted: int) -> Params:
    return {"nprobe": lists(count), "reorder_k": max(1_000, wanted * 20)}


def _diskann_search(count: int, wanted: int) -> Params:
    return {"search_list": max(200, min(65_535, wanted * 2))}


_HNSW_SQ_SERVER = (2, 5)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("FLAT", Needs(lite=True), _nothing, _nothing, _nothing),
        Profile("HNSW", Needs(lite=True), _hnsw, _ef, _wide_ef, graph=True, effort="ef"),
        Profile(
            "HNSW_SQ",
            Needs(lite=True, server=_HNSW_SQ_SERVER),
            lambda count, dim: {**_hnsw(count, dim), "sq_type": "SQ8"},
            _ef,
            _wide_ef,
            oversample=4,
            graph=True,
            effort="ef",
        ),
        Profile("IVF_FLAT", Needs(lite=True), _ivf, _nprobe, _all_lists, effort="nprobe"),
        Profile(
            "IVF_SQ8",
            Needs(lite=True, embedded=False),
            _ivf,
            _nprobe,
            _all_lists,
            4,
            effort="nprobe",
        ),
        Profile("IVF_PQ", Needs(embedded=False), _ivf_pq, _nprobe, _all_lists, 16, effort="nprobe"),
        Profile("IVF_RABITQ", Needs(server=(2, 6)), _ivf, _nprobe, _all_lists, 16, effort="nprobe"),
        Profile("SCANN", Needs(), _ivf, _scann_search, _scann_all, 4, effort="nprobe"),
        Profile(
            "DISKANN",
            Needs(embedded=False),
            _nothing,
            _diskann_search,
            _diskann_search,
            2,
            graph=True,
            effort="search_list",
        ),
        Profile(
            "GPU_CAGRA",
            Needs(server=(2, 4), gpu=True),
            lambda count, dim: {"intermediate_graph_degree": 64, "graph_degree": 32},
            lambda count, wanted: {"itopk_size": max(256, wanted)},
            lambda count, wanted: {"itopk_size": max(1_024, wanted)},
            effort="itopk_size",
        ),
        Profile("AUTOINDEX", Needs(lite=True), _nothing, _ef, _wide_ef, graph=True, effort="ef"),
    )
}
"""All profiles, by name."""


def profile_name(name: str, capabilities: Capabilities) -> str:
    """Return the canonical name of a profile (``auto`` included) that the backend can build.

    Raises ``UnsupportedError`` that names the ones it can.
    """
    if name.lower() == AUTO:
        return AUTO
    upper = name.upper()
    if upper in capabilities.profiles:
        return upper
    known = ", ".join((AUTO, *sorted(capabilities.profiles)))
    what = "cannot build the index" if upper in PROFILES else "knows no index"
    raise UnsupportedError(f"{capabilities.version} {what} {upper}", hint=f"It can build: {known}.")


def resolve(name: str, count: int, *, mirrored: bool = False) -> str:
    """Return the profile in force for a requested one and a number of items.

    Rows that are ``mirrored`` are searched exactly whatever the index: a graph over them would be
    built, kept in memory and never asked.
    """
    if name != AUTO:
        return name
    return "FLAT" if mirrored or count < AUTO_THRESHOLD else "HNSW"
