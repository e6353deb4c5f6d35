"""Stores to test against: the fake, Milvus Lite and a real Milvus server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from searchengine.store import open_store
from searchengine.store.contract import Store

BACKENDS = ("memory", "lite", "server")


@pytest.fixture(scope="session")
def address_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """Return the address of a backend; the server is started when first asked for."""
    folder = tmp_path_factory.mktemp("lite")

    def address(backend: str) -> str:
        if backend == "memory":
            return "memory:tests"
        if backend == "lite":
            return str(folder / "milvus")
        return str(request.getfixturevalue("milvus_server_uri"))

    return address


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def store(backend: str, address_of: Callable[[str], str]) -> Iterator[Store]:
    """One open store a backend, shared by the tests."""
    opened = open_store(address_of(backend))
    yield opened
    opened.close()


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
