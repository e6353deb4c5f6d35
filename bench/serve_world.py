"""What ``serve_load.py`` measures: a Milvus server with many items, a model, the service itself.

The items and the model are kept in a folder and found again by the next run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from made_rows import _WORDS, CHUNK, Mixture, rows_of, uri_of
from serve_truth import Truth

from searchengine.encoders.configured import load_questions_encoder
from searchengine.identity import item_id
from searchengine.records import Side
from searchengine.settings import load_settings
from searchengine.store import open_store
from searchengine.store.contract import SideSpec

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.milvus_process import MilvusProcess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from searchengine.encoders.contract import Encoder, Vectors

CORPUS = "load"
_READY_S = 300.0


def model_in(work: Path, arch: str) -> str:
    """Return the name of a model of random weights, made in the folder once."""
    from encode import random_model

    folder = work / f"model-{arch}"
    if not (folder / "open_clip_model.safetensors").is_file():
        random_model(arch, folder)
    return f"local-dir:{folder}"


def texts_like_questions(count: int) -> list[str]:
    """Return different texts of four to nine words."""
    mixed = random.Random(0)
    return [
        " ".join(mixed.choices(_WORDS, k=mixed.randint(3, 8))) + f" {number}"
        for number in range(count)
    ]


class ServeWorld:
    """A Milvus server of its own with a corpus of so many items, made with a model."""

    def __init__(self, work: Path, items: int, model: str, tell: Callable[[str], None]) -> None:
        self.work = work
        self.items = items
        self.model = model
        self.tell = tell
        self.milvus = MilvusProcess(work / f"milvus-{items}", work / "binaries")

    def settings(self) -> dict[str, Any]:
        """Return the settings of a service over this world, by their dotted names.

        At fp32 an answer is the same, alone and from a batch; at bf16 its third digit is another.
        """
        return {
            "corpus": CORPUS,
            "store.uri": self.milvus.uri,
            "cache_dir": str(self.work / "cache"),
            "data_dir": str(self.work / "data"),
            "query.keep": 0,
            "service.log": "warning",
            "model.runtime": "torch",
            "model.precision": "fp32",
        }

    def start(self) -> None:
        """Start the server, and fill it where it is not full yet."""
        self.milvus.start()
        settings = load_settings(flags={**self.settings(), "model.name": self.model})
        encoder = load_questions_encoder(settings, self.model)
        store = open_store(self.milvus.uri, timeout_s=120)
        side = Side(CORPUS, "image")
        info = store.ensure(SideSpec(side, encoder.name, encoder.fingerprint, encoder.dim))
        if info.count < self.items or not info.settled:
            for first, vectors in self._vectors(encoder, info.count // CHUNK * CHUNK):
                store.upsert(side, rows_of(vectors, first))
            info = store.settle(side)
        self.tell(f"Milvus holds {info.count:,} items with {info.index}, {encoder.dim} dimensions")
        store.close()

    def truth(self, texts: Sequence[str], limit: int) -> Truth:
        """Return the exact answers to some texts."""
        settings = load_settings(flags={**self.settings(), "model.name": self.model})
        encoder = load_questions_encoder(settings, self.model)
        vectors = np.concatenate([some for _, some in self._vectors(encoder)])
        # One by one, as a service without batching encodes them.
        asked = {text: encoder.encode_texts([text])[0] for text in texts}
        return Truth(asked, [item_id(uri_of(n)) for n in range(self.items)], vectors, limit)

    def _vectors(self, encoder: Encoder, first: int = 0) -> Iterator[tuple[int, Vectors]]:
        """Yield the items' vectors from ``first`` (a multiple of ``CHUNK``), chunk by chunk.

        As near to texts as pictures are: around vectors that the text tower gives.
        """
        middle = encoder.encode_texts(texts_like_questions(64)).mean(axis=0)
        for start, some in Mixture(self.items, encoder.dim).chunks(first):
            vectors = some + 2 * middle
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            yield start, vectors.astype(np.float32)


class ServiceProcess:
    """``searchengine serve``, in a process of its own."""

    def __init__(self, settings: dict[str, Any], log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        sets = [f"--set={name}={value}" for name, value in settings.items()]
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "searchengine", "serve", f"--port={self.port}", *sets],
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        )

    def get(self, path: str, timeout: float = 60) -> tuple[int, bytes]:
        """Return status and body; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=timeout
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def wait_until_ready(self) -> None:
        """Wait for ``/readyz``."""
        end = time.monotonic() + _READY_S
        while (answer := self.get("/readyz"))[0] != 200:
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise SystemExit(f"the service is not ready: {answer} (see {self._log.name})")
            time.sleep(0.2)

    def rss_mb(self) -> float:
        """Return its resident memory, in megabytes."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024, 1)
        raise RuntimeError("no VmRSS")

    def cpu_s(self) -> float:
        """Return the seconds of all cores that it has used."""
        parts = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def stages(self) -> dict[str, Any]:
        """Return the stage table of searches."""
        routes = json.loads(self.get("/v1/stats?format=json")[1])["routes"]
        found = routes["GET /v1/corpora/{corpus}/search"]
        assert isinstance(found, dict)
        return found

    def batches(self) -> float:
        """Return how many texts a batch had on average, since the start."""
        text = self.get("/metrics")[1].decode()
        values = {
            line.split()[0]: float(line.split()[1])
            for line in text.splitlines()
            if line.startswith("searchengine_batch_rows_")
        }
        count = values.get('searchengine_batch_rows_count{tower="text"}', 0.0)
        return round(values['searchengine_batch_rows_sum{tower="text"}'] / count, 2) if count else 1

    def stop(self) -> None:
        """End it as an administrator would."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()
