"""Stores to test against: the fake, Milvus Lite with and without its mirror, a real server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from searchengine.store import open_store
from searchengine.store.contract import Store

BACKENDS = ("memory", "lite", "server")
LITE_ALONE = "lite alone"
"""Milvus Lite that answers all reads itself: what it does where a mirror would be too large."""


@pytest.fixture(scope="session")
def address_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """Return the address of a backend; the server is started when first asked for."""
    folder = tmp_path_factory.mktemp("lite")

    def address(backend: str) -> str:
        if backend == "memory":
            return "memory:tests"
        if backend.startswith("lite"):
            return str(folder / backend)
        return str(request.getfixturevalue("milvus_server_uri"))

    return address


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def store(backend: str, address_of: Callable[[str], str]) -> Iterator[Store]:
    """One open store a backend, shared by the tests."""
    opened = open_backend(backend, address_of)
    yield opened
    opened.close()


def open_backend(backend: str, address_of: Callable[[str], str]) -> Store:
    """Open a store of its own on a backend."""
    if backend == LITE_ALONE:
        return open_store(address_of(backend), mirror_mb=0)
    return open_store(address_of(backend))


@pytest.fixture
def corpus(store: Store) -> Iterator[str]:
    """A corpus name of the test's own, dropped at the end."""
    name = f"t {uuid.uuid4().hex}"
    yield name
    for side in [info.side for info in store.sides() if info.side.corpus == name]:
        store.drop(name, side.modality)


@pytest.fixture
def corpus_name() -> str:
    """A name that no other test uses, for tests that open their own store."""
    return f"t {uuid.uuid4().hex}"
