"""Readers loop questions while a corpus is embedded with another model, switched, and back.

::

    python bench/switch.py --work DIR [--scenes 400]

On a real server (the wheel ``milvus``): drawn scenes are indexed with the model ``fake``; then
``index --beside --model drawn-scenes`` runs, ``switch``, ``switch --back``, ``switch`` and ``gc``,
while the same questions are asked without a pause in three places: by an engine in this process,
of ``searchengine serve`` in a process of its own, and by an engine in a third process. Afterwards
every answer is compared with what the one version and the other answer alone. Reported: answers of
each version in each place, failed and mixed ones (there must be none), the longest answer, and how
long after the command each place has followed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from surroundings import commit, machine

from searchengine.demo.collection import write_collection
from searchengine.query.engine import SearchEngine
from searchengine.settings import load_settings
from searchengine.store import open_store

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.milvus_process import MilvusProcess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = "bench switch"
QUESTIONS = ("a red circle", "blue squares on green", "a yellow star at night", "two dogs")
OLD, NEW = "fake", "drawn-scenes"
_LIMIT = 12
_REST_S = 6.0

Hits = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """One answer, and when and in how many seconds it came."""

    text: str
    model: str
    hits: Hits
    at: float
    seconds: float


def asked(answer: Callable[[str], dict[str, Any]], text: str) -> Answer:
    """Ask a question and time it."""
    began = time.time()
    found = answer(text)
    hits = tuple((hit["modality"], hit["id"]) for hit in found["hits"])
    return Answer(text, found["model"], hits, time.time(), time.time() - began)


def by_engine(engine: SearchEngine) -> Callable[[str], dict[str, Any]]:
    """Return how an engine is asked."""
    from searchengine.present.formats import as_json

    return lambda text: as_json(engine.search(text, limit=_LIMIT, modality=None))


def by_service(client: httpx.Client) -> Callable[[str], dict[str, Any]]:
    """Return how the service is asked."""

    def answer(text: str) -> dict[str, Any]:
        body = {"query": text, "limit": _LIMIT, "modalities": ["image", "text"]}
        reply = client.post(f"/v1/corpora/{CORPUS}/search", json=body)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        return found

    return answer


class Reader:
    """Asks without a pause, in a thread, until told to stop."""

    def __init__(self, answer: Callable[[str], dict[str, Any]]) -> None:
        self._answer = answer
        self.answers: list[Answer] = []
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            try:
                self.answers.append(asked(self._answer, QUESTIONS[turn % len(QUESTIONS)]))
            except Exception as error:
                self.failed.append(f"{type(error).__name__}: {error}")
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop and wait."""
        self._stop.set()
        self._thread.join(60)


def third_process(settings: dict[str, Any]) -> None:
    """Ask in a loop until standard input ends; then print everything as JSON."""
    engine = SearchEngine.open(load_settings(flags=settings))
    reader = Reader(by_engine(engine))
    print("reading", flush=True)
    sys.stdin.read()
    reader.stop()
    print(json.dumps([reader.answers, reader.failed]), flush=True)


class Third:
    """The reader in a process of its own."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--read", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.answers: list[Answer] = []
        self.failed: list[str] = []

    def stop(self) -> None:
        """Stop it and take what it has found."""
        out, _ = self._process.communicate("")
        answers, self.failed = json.loads(out.splitlines()[-1])
        self.answers = [
            Answer(text, model, tuple(map(tuple, hits)), at, seconds)  # type: ignore[arg-type]
            for text, model, hits, at, seconds in answers
        ]


def command(home: Path, *words: object) -> float:
    """Run a verb of the command line; return when it was done."""
    told = [sys.executable, "-m", "searchengine", *map(str, words), "--corpus", CORPUS]
    subprocess.run(told, check=True, cwd=home, stdout=subprocess.DEVNULL)
    return time.time()


def serving(stack: ExitStack, home: Path, options: list[str]) -> httpx.Client:
    """Start the service on a port of its own; return a client of it once it is ready."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = ["--set", "service.log=warning"]
    words = [
        "serve",
        *quiet,
        "--set",
        f"service.port={port}",
        "--set",
        f"corpus={CORPUS}",
        *options,
    ]
    process = subprocess.Popen([sys.executable, "-m", "searchengine", *words], cwd=home)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120))
    end = time.monotonic() + 180
    while time.monotonic() < end:
        try:
            if client.get("/readyz").status_code == 200:
                return client
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit("the service did not become ready")


def measure(home: Path, uri: str, scenes: int) -> dict[str, Any]:
    """Run the whole story; return what each reader saw."""
    photos = home / "scenes"
    if not photos.is_dir():
        write_collection(photos, scenes, seed=5)
    settings = {
        "store.uri": uri,
        "corpus": CORPUS,
        "data_dir": str(home / "data"),
        "cache_dir": str(home / "cache"),
        "query.keep": 0,
    }
    options = [
        word
        for name, value in settings.items()
        if name != "corpus"
        for word in ("--set", f"{name}={value}")
    ]
    command(home, "index", photos, "--model", OLD, "-q", *options)
    moments: dict[str, float] = {}
    with ExitStack() as stack:
        client = serving(stack, home, options)
        engine = stack.enter_context(SearchEngine.open(load_settings(flags=settings)))
        readers = {
            "engine": Reader(by_engine(engine)),
            "service": Reader(by_service(client)),
            "third process": Third(settings),
        }
        time.sleep(_REST_S)
        command(home, "index", photos, "--model", NEW, "--beside", "-q", *options)
        for name, words in (
            ("switch", ["switch"]),
            ("back", ["switch", "--back"]),
            ("again", ["switch"]),
            ("gc", ["gc"]),
        ):
            moments[name] = command(home, *words, *options)
            time.sleep(_REST_S)
        for reader in readers.values():
            reader.stop()
        truth = {(NEW, text): asked(by_engine(engine), text).hits for text in QUESTIONS}
        command(home, "index", photos, "--model", OLD, "--beside", "-q", *options)
        command(home, "switch", *options)
        with SearchEngine.open(load_settings(flags=settings)) as old:
            truth |= {(OLD, text): asked(by_engine(old), text).hits for text in QUESTIONS}
    return {name: _report(reader, truth, moments) for name, reader in readers.items()}


def _report(
    reader: Reader | Third, truth: dict[tuple[str, str], Hits], moments: dict[str, float]
) -> dict[str, Any]:
    wrong = [one for one in reader.answers if one.hits != truth[one.model, one.text]]
    followed = {
        name: _followed(reader.answers, moments[name], model)
        for name, model in (("switch", NEW), ("back", OLD), ("again", NEW))
    }
    return {
        "answers": {
            model: sum(one.model == model for one in reader.answers) for model in (OLD, NEW)
        },
        "failed": reader.failed,
        "mixed": len(wrong),
        "longest_s": round(max(one.seconds for one in reader.answers), 3),
        "followed_after_s": followed,
    }


def _followed(answers: list[Answer], moment: float, model: str) -> float | None:
    """Return how long after a command the first answer came from the version that it made live."""
    first = next((one.at for one in answers if one.at > moment and one.model == model), None)
    return None if first is None else round(first - moment, 2)


def main() -> None:
    """Start the server, run, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "switch.json")
    chosen = parser.parse_args()
    if chosen.read:
        third_process(json.loads(chosen.read))
        return
    if chosen.work is None:
        parser.error("--work DIR is where the server and the scenes are kept")
    chosen.work.mkdir(parents=True, exist_ok=True)
    server = MilvusProcess(chosen.work / "milvus", chosen.work / "binaries")
    try:
        uri = server.start()
        with closing(open_store(uri)) as store:
            if store.versions(CORPUS):
                store.drop(CORPUS)
        seen = measure(chosen.work, uri, chosen.scenes)
    finally:
        server.stop()
    report = {"scenes": chosen.scenes, "commit": commit(), "machine": machine(), "readers": seen}
    print(json.dumps(report, indent=1))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if any(one["mixed"] or one["failed"] for one in seen.values()):
        raise SystemExit("answers failed, or were mixed")


if __name__ == "__main__":
    main()
