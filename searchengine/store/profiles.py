"""The index profiles: what each builds, how it is searched, and who can build it. Data.

To add one: an entry in ``PROFILES``. The numbers in it are in ``store.index_params``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.errors import UnsupportedError
from searchengine.store.index_params import (
    Params,
    all_lists,
    diskann_search,
    ef,
    hnsw,
    ivf,
    ivf_pq,
    nothing,
    nprobe,
    scann_all,
    scann_search,
    wide_ef,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.store.capabilities import Capabilities

AUTO = "auto"
AUTO_THRESHOLD = 30_000
"""Items from which ``auto`` means HNSW: docs/decisions/0002-exact-until-measured.md."""

MAX_HITS = 16_384
"""Milvus's own limit on limit + offset."""
COSINE, PRODUCT = "COSINE", "IP"
"""Of unit vectors the same number. GPU indexes do not take the first."""


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
    when: str = ""
    """When to choose it, one line."""
    index: str = ""
    """Milvus's own name of the index, where it is not the profile's."""
    mapped: bool = False
    """Whether the index stays on the server's disk, mapped into memory page by page."""
    columns_mapped: bool = False
    """Whether the columns beside the vectors do, where the server can (2.4+)."""
    metric: str = COSINE
    """What it compares by; the scores are cosines either way."""
    most_hits: int = MAX_HITS
    """What one search may ask it for. Where more are wanted, all rows are compared."""

    @property
    def index_type(self) -> str:
        """Milvus's name of the index."""
        return self.index or self.name


_HNSW_SQ_SERVER = (2, 5)

_GPU_PROFILES = (
    # Metric and most hits: milvus.io/docs/gpu-index-overview.md, "Limits".
    Profile(
        "GPU_CAGRA",
        Needs(server=(2, 4), gpu=True),
        lambda count, dim: {"intermediate_graph_degree": 64, "graph_degree": 32},
        lambda count, wanted: {"itopk_size": max(256, wanted)},
        lambda count, wanted: {"itopk_size": max(1_024, wanted)},
        effort="itopk_size",
        metric=PRODUCT,
        most_hits=1_024,
        when="very many queries a second, and a GPU holds 1.8 times the vectors",
    ),
    Profile(
        "GPU_IVF_FLAT",
        Needs(gpu=True),
        ivf,
        nprobe,
        all_lists,
        effort="nprobe",
        metric=PRODUCT,
        most_hits=1_024,
        when="as GPU_CAGRA where the index is rebuilt often, or the server is 2.3",
    ),
    Profile(
        "GPU_IVF_PQ",
        Needs(gpu=True),
        ivf_pq,
        nprobe,
        all_lists,
        16,
        effort="nprobe",
        metric=PRODUCT,
        most_hits=1_024,
        when="very many queries a second over vectors that no GPU holds whole",
    ),
    Profile(
        "GPU_BRUTE_FORCE",
        Needs(server=(2, 4), gpu=True),
        nothing,
        nothing,
        nothing,
        metric=PRODUCT,
        most_hits=4_096,
        when="exact answers for many queries at once over what a GPU holds",
    ),
)

_MAPPED = Needs(server=(2, 4))
"""``mmap.enabled`` as a property of an index and of a collection: Milvus 2.4."""

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "FLAT",
            Needs(lite=True),
            nothing,
            nothing,
            nothing,
            when="exact answers matter more than speed, or most queries carry a selective filter",
        ),
        Profile(
            "HNSW",
            Needs(lite=True),
            hnsw,
            ef,
            wide_ef,
            graph=True,
            effort="ef",
            when="many items, memory for all of them",
        ),
        Profile(
            "HNSW_MMAP",
            _MAPPED,
            hnsw,
            ef,
            wide_ef,
            graph=True,
            effort="ef",
            index="HNSW",
            mapped=True,
            columns_mapped=True,
            when="as HNSW for a corpus some times larger than memory, most of it seldom asked for",
        ),
        Profile(
            "HNSW_SQ",
            Needs(lite=True, server=_HNSW_SQ_SERVER),
            lambda count, dim: {**hnsw(count, dim), "sq_type": "SQ8"},
            ef,
            wide_ef,
            oversample=4,
            graph=True,
            effort="ef",
            when="as HNSW with a quarter of the memory for vectors",
        ),
        Profile(
            "IVF_FLAT",
            Needs(lite=True),
            ivf,
            nprobe,
            all_lists,
            effort="nprobe",
            when="the index is rebuilt often: it builds faster than HNSW",
        ),
        Profile(
            "IVF_FLAT_MMAP",
            _MAPPED,
            ivf,
            nprobe,
            all_lists,
            effort="nprobe",
            index="IVF_FLAT",
            mapped=True,
            columns_mapped=True,
            when="larger than memory on a slow disk: a list is read in one piece, a graph is not",
        ),
        Profile(
            "IVF_SQ8",
            Needs(lite=True, embedded=False),
            ivf,
            nprobe,
            all_lists,
            4,
            effort="nprobe",
            when="as IVF_FLAT with a quarter of the memory",
        ),
        Profile(
            "IVF_PQ",
            Needs(embedded=False),
            ivf_pq,
            nprobe,
            all_lists,
            16,
            effort="nprobe",
            when="memory is what is short",
        ),
        Profile(
            "IVF_RABITQ",
            Needs(server=(2, 6)),
            ivf,
            nprobe,
            all_lists,
            16,
            effort="nprobe",
            when="as IVF_PQ, with one bit a dimension",
        ),
        Profile(
            "SCANN",
            Needs(),
            ivf,
            scann_search,
            scann_all,
            4,
            effort="nprobe",
            when="as IVF_PQ with better recall for more memory",
        ),
        Profile(
            "DISKANN",
            Needs(embedded=False),
            nothing,
            diskann_search,
            diskann_search,
            2,
            graph=True,
            effort="search_list",
            columns_mapped=True,
            when="the vectors do not fit into memory and the server has a fast disk (NVMe)",
        ),
        *_GPU_PROFILES,
        Profile(
            "AUTOINDEX",
            Needs(lite=True),
            nothing,
            ef,
            wide_ef,
            graph=True,
            effort="ef",
            when="the server's operator has tuned it",
        ),
    )
}
"""All profiles, by name."""


def named(index_type: str, mapped: bool) -> str | None:
    """Return the name of the profile of a server's index, ``None`` if there is none."""
    found = [one for one in PROFILES.values() if one.index_type == index_type]
    same = [one.name for one in found if one.mapped == mapped]
    return same[0] if same else next((one.name for one in found), None)


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
