"""Films and PDFs on their way through the pipeline: taken apart beside it.

What is one picture passes at once. A container is opened in a thread of its own, and its items
follow when they are there; of those in the making, a bounded number is held.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ingest.containers import part_asset, part_ids, part_revision
from ingest.overlap import chunks
from ingest.plan import Todo
from ingest.sources.contract import open_file
from searchengine.containers.contract import BrokenPart, Part
from searchengine.errors import ItemError, LimitError, ReadError
from searchengine.identity import item_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from ingest.decoding import Decoding
    from ingest.plan import Ledger
    from ingest.report import Report
    from ingest.sources.contract import Source
    from searchengine.records import Modality

PAGES_AT_A_TIME = 16
"""Pages of a PDF that are drawn in one go."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What was found in a container, or in a run of its pages."""

    todo: Todo
    count: int
    """Parts in the whole container."""
    parts: Sequence[Part | BrokenPart]
    problem: ItemError | None = None
    """Why there may be less than there should be."""


def expand(
    todos: Iterable[Todo],
    source: Source,
    decoding: Decoding,
    max_pages: int,
    ledgers: Mapping[Modality, Ledger],
    report: Report,
    stop: threading.Event,
    workers: int,
) -> Iterator[Todo]:
    """Yield what has to be done with each container taken apart into its items.

    They are counted and noted in the ledger here. A container that cannot be opened, or not to its
    end, is yielded itself, with the reason as its ``part``.
    """
    running: deque[Future[_Opened]] = deque()
    left = threading.Event()

    def stopped() -> bool:
        return stop.is_set() or left.is_set()

    def timed(call: Callable[[], _Opened]) -> _Opened:
        with report.clock.busy("expand") as span:
            opened = call()
            span.items = len(opened.parts)
        return opened

    def settled() -> Iterator[Todo]:
        opened = running.popleft().result()
        if stop.is_set():
            report.interrupted = True
        else:
            yield from _settle(opened, ledgers[opened.todo.asset.modality], report)

    with ThreadPoolExecutor(workers, "open") as pool:
        try:
            for todo in todos:
                if todo.asset.parts is None:
                    yield todo
                else:
                    ledger = ledgers[todo.asset.modality]
                    for call in _calls(todo, source, decoding, max_pages, ledger, report, stopped):
                        running.append(pool.submit(timed, call))
                        if len(running) > workers:
                            yield from settled()
                while running and running[0].done():
                    yield from settled()
            while running:
                yield from settled()
        finally:
            left.set()
            for future in running:
                future.cancel()


def _calls(
    todo: Todo,
    source: Source,
    decoding: Decoding,
    max_pages: int,
    ledger: Ledger,
    report: Report,
    stopped: Callable[[], bool],
) -> Iterator[Callable[[], _Opened]]:
    """Yield what is to be called to take a container apart. Pages that stand are settled here."""
    if todo.asset.parts == "frame":
        yield partial(_open_film, todo, source, decoding, stopped)
        return
    try:
        with open_file(source, todo.asset) as file:
            pages = decoding.count_pages(file)
    except ItemError as error:
        yield partial(_Opened, todo, 0, (), error)
        return
    count = min(pages, max_pages)
    revision = part_revision(todo.asset, count)
    ids = part_ids(todo.asset, count)
    missing = []
    for number, key in enumerate(ids, 1):
        if _stands(todo, key, revision):
            ledger.note(key, True)
            report.seen += 1
            report.unchanged += 1
        else:
            missing.append(number)
    for numbers in chunks(missing, PAGES_AT_A_TIME):
        yield partial(_open_pages, todo, source, decoding, count, numbers, stopped)
    if pages > count:
        reason = f"only the first {count:,} of its {pages:,} pages are indexed (ingest.max_pages)"
        yield partial(_Opened, todo, count, (), LimitError(reason))


def _open_film(
    todo: Todo, source: Source, decoding: Decoding, stopped: Callable[[], bool]
) -> _Opened:
    try:
        with open_file(source, todo.asset) as file:
            frames, problem = decoding.frames(file, stopped)
    except ItemError as error:
        return _Opened(todo, 0, (), error)
    return _Opened(todo, len(frames), frames, problem)


def _open_pages(
    todo: Todo,
    source: Source,
    decoding: Decoding,
    count: int,
    numbers: Sequence[int],
    stopped: Callable[[], bool],
) -> _Opened:
    pages: list[Part | BrokenPart] = []
    try:
        with open_file(source, todo.asset) as file:
            pages.extend(decoding.pages(file, numbers, stopped))
    except ItemError as error:
        pages += [BrokenPart(number, error) for number in numbers[len(pages) :]]
    return _Opened(todo, count, pages)


def _stands(todo: Todo, key: str, revision: str) -> bool:
    row = todo.known.get(key)
    return row is not None and row["revision"] == revision


def _settle(opened: _Opened, ledger: Ledger, report: Report) -> Iterator[Todo]:
    """Count and note the items of a container; yield those that have to be done."""
    todo, asset = opened.todo, opened.todo.asset
    noted = set()
    for part in opened.parts:
        made = part_asset(asset, part, opened.count)
        key = item_id(made.uri)
        row = todo.known.get(key)
        ledger.note(key, row is not None)
        noted.add(key)
        report.seen += 1
        if _stands(todo, key, made.revision):
            report.unchanged += 1
        else:
            yield Todo(made, key, None if row is None else row["content_hash"])
    if opened.problem is None:
        return
    report.seen += 1
    if isinstance(opened.problem, ReadError):  # the file is there: its rows may still be true
        for key in todo.known.keys() - noted:
            ledger.note(key, True)
    yield Todo(replace(asset, part=BrokenPart(0, opened.problem)), todo.id, None)
