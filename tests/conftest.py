"""A real Milvus server for the tests that need one: started once, always cleaned up."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.milvus_process import MilvusProcess

# Before torch is imported: see searchengine/encoders/seam.py. Test code imports it too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_HAS_WHEEL = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.fixture(scope="session")
def milvus_binaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the server's binaries are unpacked, once a session."""
    if not _HAS_WHEEL:
        pytest.skip("the milvus wheel, a whole server for tests, is for Linux on x86_64 only")
    if find_spec("milvus") is None:
        pytest.fail("no Milvus server to test against: pip install 'milvus==2.3.5'")
    folder = tmp_path_factory.mktemp("milvus-binaries")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def milvus_server_uri(
    milvus_binaries: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a Milvus server that all tests of the session share.

    Keep to a corpus name of your own, and drop it.
    """
    server = MilvusProcess(tmp_path_factory.mktemp("milvus"), milvus_binaries)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(server.base, ignore_errors=True)


@pytest.fixture
def killable_milvus(milvus_binaries: Path, tmp_path: Path) -> Iterator[MilvusProcess]:
    """A server of one's own, not started yet: ``start``, ``stop``, ``kill``, ``uri``."""
    server = MilvusProcess(tmp_path / "milvus", milvus_binaries)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.base, ignore_errors=True)


@pytest.fixture
def make_milvus(milvus_binaries: Path, tmp_path: Path) -> Iterator[Callable[..., MilvusProcess]]:
    """Make servers with other settings: ``make_milvus(auth=True)`` asks for a login."""
    made: list[MilvusProcess] = []

    def make(*, auth: bool = False) -> MilvusProcess:
        made.append(MilvusProcess(tmp_path / f"milvus-{len(made)}", milvus_binaries, auth=auth))
        return made[-1]

    try:
        yield make
    finally:
        for server in made:
            server.stop()
            shutil.rmtree(server.base, ignore_errors=True)


def _from_environment(variable: str, what: str) -> Path:
    """Skip where nobody named the folder; fail where it was named and is not there."""
    value = os.environ.get(variable)
    if not value:
        if os.environ.get("CI"):
            pytest.fail(f"CI runs all tests: set {variable} to {what}", pytrace=False)
        pytest.skip(f"needs {what}: name it in {variable}")
    path = Path(value)
    if not path.is_dir():
        pytest.fail(f"{variable}={value} is no folder: set it to {what}", pytrace=False)
    return path.resolve()  # uris are canonical: links in the way are resolved


@pytest.fixture(scope="session")
def photo_mini() -> Path:
    """The folder of a small real-photo model in OpenCLIP's local-dir layout."""
    return _from_environment("SEARCHENGINE_TEST_MODEL", "the folder of the model photo-mini")


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder with ``coco-cc`` and ``clothing``."""
    return _from_environment("SEARCHENGINE_TEST_PHOTOS", "the folder of the test photos")
