"""A real Milvus server for the tests that need one: started once, always cleaned up."""

from __future__ import annotations

import contextlib
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# Before torch is imported: see searchengine/encoders/seam.py. Test code imports it too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_STARTUP_S = 90.0
_HAS_WHEEL = sys.platform == "linux" and platform.machine() == "x86_64"

_RUNNER = r"""
import os, socket, sys, time, urllib.request
import milvus

base, binaries, port, auth = sys.argv[1:5]
unpack = milvus._initialize_data_files
if not os.path.isdir(os.path.join(binaries, "bin")):
    unpack(binaries)
bin_dir = os.path.join(base, "bin")
if not os.path.exists(bin_dir):
    os.symlink(os.path.join(binaries, "bin"), bin_dir)
milvus._initialize_data_files = lambda base_dir: None  # it would unpack over a running binary


def bound(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Milvus does
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen()
        return sock
    except OSError:
        sock.close()
        return None


def free_port():
    with bound(0) as sock:
        return sock.getsockname()[1]


# The embedded etcd takes 2379 and 2380 unless a file says otherwise: two servers would clash.
etcd = os.path.join(base, "etcd.yaml")
client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
with open(etcd, "w") as file:
    file.write(
        f"name: default\ndata-dir: {base}/data/etcd.data\n"
        f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
        f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
        f"initial-cluster: default={peer}\n"
    )

config_class = milvus.MilvusServerConfig
config_class.try_bind_port = lambda self, port: bound(port)
write_config = config_class.write_config


def write_config_too(self):
    write_config(self)
    path = os.path.join(self.base_data_dir, "configs", "milvus.yaml")
    with open(path) as file:
        text = file.read()
    text = text.replace("\netcd:\n", f"\netcd:\n  config:\n    path: {etcd}\n", 1)
    # Given an absolute path, Milvus 2.3 with local storage deletes the vectors of an index that
    # does not hold them itself (IVF_SQ8, IVF_PQ) as soon as they are read: its cache unlinks them.
    text = text.replace(f"\nlocalStorage:\n  path: {base}/data", "\nlocalStorage:\n  path: data")
    with open(path, "w") as file:
        file.write(text)


config_class.write_config = write_config_too
server = milvus.MilvusServer(
    wait_for_started=False, **({"proxy_port": int(port)} if int(port) else {})
)
server.set_base_dir(base)
server.config.set("common.security.authorizationEnabled", auth == "auth")
server.start()
while server.server_proc.poll() is None:
    try:
        url = f"http://127.0.0.1:{server.webservice_port}/healthz"
        with urllib.request.urlopen(url, timeout=5) as answer:
            if b"OK" in answer.read():
                break
    except OSError:
        time.sleep(0.1)
else:
    sys.exit("milvus ended: see " + os.path.join(base, "logs"))
print(server.listen_port, flush=True)
sys.stdin.read()  # until whoever started this says stop, or is gone
server.stop()
"""


class MilvusProcess:
    """A Milvus standalone of its own, in processes of its own, with its data in ``base``."""

    def __init__(self, base: Path, binaries: Path, *, auth: bool = False) -> None:
        self.base = base
        self._binaries = binaries
        self._auth = "auth" if auth else "open"
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def uri(self) -> str:
        """Where it listens; the same over restarts."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> str:
        """Start, or start again, over the same data; return the uri once it answers."""
        self.base.mkdir(parents=True, exist_ok=True)
        arguments = [str(self.base), str(self._binaries), str(self._port), self._auth]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUNNER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.base / "runner.log").open("w"),
            text=True,
            start_new_session=True,  # so that kill() reaches the server behind the runner
            env={**os.environ, "HOME": str(self.base)},
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _STARTUP_S)
        line = self._process.stdout.readline() if ready else ""
        if not line.strip().isdigit():
            self.kill()
            log = (self.base / "runner.log").read_text()
            raise RuntimeError(f"Milvus did not start: {log[-2000:]}")
        self._port = int(line)
        return self.uri

    def stop(self) -> None:
        """Stop as an administrator would."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        self.kill()

    def kill(self) -> None:
        """Stop as a power cut would: SIGKILL, no goodbye."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._wait_until_gone()

    def _wait_until_gone(self) -> None:
        """The server is the runner's child, so its end is seen by its port alone."""
        import socket

        until = time.monotonic() + 10
        while self._port and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                return
            time.sleep(0.05)


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
