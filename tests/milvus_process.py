"""A real Milvus server in processes of its own, from the wheel ``milvus``: for tests, benches."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

_STARTUP_S = 90.0
_GONE_S = 20.0

_RUNNER = r"""
import fcntl, os, random, socket, sys, tempfile, time, urllib.request
import milvus

base, binaries, port, auth = sys.argv[1:5]
port = int(port)
unpack = milvus._initialize_data_files
if not os.path.isdir(os.path.join(binaries, "bin")):
    unpack(binaries)
bin_dir = os.path.join(base, "bin")
if not os.path.exists(bin_dir):
    os.symlink(os.path.join(binaries, "bin"), bin_dir)
milvus._initialize_data_files = lambda base_dir: None  # it would unpack over a running binary

# Ports are found free first and taken later: of several servers, one starts at a time.
starting = open(os.path.join(tempfile.gettempdir(), "milvus-process.lock"), "w")
fcntl.flock(starting, fcntl.LOCK_EX)


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


taken = {port}


def own_port():
    # None of the usual ones, which may be another server's; and none that systems give to clients:
    # a connection may take it between here and the server, or one that looks for a server gone.
    while True:
        port = random.randrange(20_000, 32_000)
        if port not in taken and (sock := bound(port)) is not None:
            sock.close()
            taken.add(port)
            return port


# The embedded etcd takes 2379 and 2380 unless a file says otherwise: two servers would clash.
etcd = os.path.join(base, "etcd.yaml")
client, peer = (f"http://127.0.0.1:{own_port()}" for _ in range(2))
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

ports = {
    name: own_port()
    for name in milvus.MilvusServerConfig().configurable_items
    if name.endswith("_port") and not name.startswith("etcd")
}
server = milvus.MilvusServer(wait_for_started=False, **(ports | {"proxy_port": port or own_port()}))
server.webservice_port = own_port()
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
    with open(os.path.join(base, "logs", "milvus-stdout.log"), errors="replace") as file:
        said = file.read()[-2000:]
    sys.exit(f"milvus ended with {server.server_proc.returncode}: {said}")
starting.close()
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
        """Start, or start again, over the same data; return the uri once it answers.

        Ports are found free first and taken later, so a start may fail: it is tried twice.
        """
        try:
            return self._start()
        except RuntimeError as error:
            logging.getLogger(__name__).warning("trying again: %s", error)
            return self._start()

    def _start(self) -> str:
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
        self._wait_until_gone(process.pid)

    def _wait_until_gone(self, group: int) -> None:
        """Until no process of the group is left: the next one needs its ports and its locks."""
        until = time.monotonic() + _GONE_S
        while time.monotonic() < until and _alive(group):
            time.sleep(0.05)


def _alive(group: int) -> bool:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False
