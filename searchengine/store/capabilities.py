"""What a backend can do, decided from its kind and version before it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from searchengine.errors import UnsupportedError
from searchengine.store.filters.pushdown import Dialect
from searchengine.store.profiles import PROFILES, Needs

Backend = Literal["lite", "server", "memory"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one database can do. What it cannot is refused, never approximated."""

    backend: Backend
    version: str
    """As the backend spells it: ``milvus_lite-3.2.2``, ``v2.3.5``."""
    profiles: frozenset[str]
    """Names of the index profiles it really builds."""
    bm25: bool
    """Full-text search over captions."""
    group_by: bool
    """Hits grouped by a field inside the database."""
    range_search: bool
    """All hits above a score."""
    dialect: Dialect
    """What its filter expressions can say."""
    bulk: bool = False
    """Whether it reads files by itself (``Store.import_file``)."""

    @property
    def rows_apart(self) -> bool:
        """Whether hits are had sooner without their columns, and a page's rows then by id.

        A server: 144 whole rows of 512 components with the hits take 40 ms, the ids and then ten
        rows 27 ms. Milvus Lite walks all its keys for either.
        """
        return self.backend == "server"


def capabilities_of(version: str) -> Capabilities:
    """Return what the Milvus of that version string can do."""
    if version.startswith("milvus_lite"):
        return _capabilities("lite", version, Dialect(True, True, False), modern=True)
    number = version_number(version)
    dialect = Dialect(infix_like=number >= (2, 4), json_null=False, json_numbers=True)
    return _capabilities("server", version, dialect, modern=number >= (2, 5))


def memory_capabilities() -> Capabilities:
    """Return what ``MemoryStore`` can do: search exactly."""
    return Capabilities(
        backend="memory",
        version="memory",
        profiles=frozenset(("FLAT",)),
        bm25=True,
        group_by=False,
        range_search=False,
        dialect=Dialect(True, True, True),
    )


def version_number(version: str) -> tuple[int, int]:
    """Return major and minor of a server's version (``v2.3.5-lite``), (0, 0) if it has none."""
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _capabilities(backend: Backend, version: str, dialect: Dialect, modern: bool) -> Capabilities:
    return Capabilities(
        backend=backend,
        version=version,
        profiles=frozenset(
            name for name, profile in PROFILES.items() if _builds(backend, version, profile.needs)
        ),
        bm25=modern,
        group_by=modern,
        range_search=True,
        dialect=dialect,
        bulk=backend == "server",
    )


def check_bulk(capabilities: Capabilities) -> None:
    """Raise ``UnsupportedError`` unless the database can import files."""
    if not capabilities.bulk:
        raise UnsupportedError(
            f"{capabilities.version} has no bulk import",
            hint="write as usual, without --bulk; a Milvus server can import files",
        )


def _builds(backend: Backend, version: str, needs: Needs) -> bool:
    if backend == "lite":
        return needs.lite
    if needs.gpu and "gpu" not in version:
        return False
    if not needs.embedded and version.endswith("-lite"):
        return False
    return version_number(version) >= needs.server
