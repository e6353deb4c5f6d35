"""Tells a source whose bytes are far away what will soon be opened."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ingest.sources.contract import Fetching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.plan import Todo
    from ingest.sources.contract import Source


def expected(source: Source, todos: Iterable[Todo]) -> Iterator[Todo]:
    """Yield what has to be done, in order, after the source has had time to fetch it.

    Reading runs a few files ahead, which is right for a disk. A network wants
    many more under way: as many as ``look_ahead`` says are on their way here.
    """
    waiting: deque[Todo] = deque()
    for todo in todos:
        if isinstance(source, Fetching) and source.look_ahead:
            if todo.asset.modality != "text" and todo.asset.part is None:
                source.expect(todo.asset)
            waiting.append(todo)
            if len(waiting) < source.look_ahead:
                continue
            yield waiting.popleft()
        else:
            yield todo
    yield from waiting
