"""What an asker should know about an answer: words no model reads, filters that fit nothing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from searchengine.query.retrieve import Asked
    from searchengine.store.contract import Store
    from searchengine.store.filters import Filter

_SAMPLE = 2_000
_SHOWN = 80


def doubts_about(
    store: Store, asked: Sequence[Asked], where: Filter | None, *, found_any: bool
) -> tuple[str, ...]:
    """Return what is doubtful about a question, one sentence each."""
    doubts = [*_unread(asked)]
    if where is not None and not found_any:
        doubts += [doubt for one in asked for doubt in _misfits(store, one, where)]
    return tuple(dict.fromkeys(doubts))


def _unread(asked: Sequence[Asked]) -> Iterator[str]:
    for one in asked:
        for text in one.unread:
            yield (
                f"{one.info.model} knows no word of {text[:_SHOWN]!r}: "
                "it may not have learnt that language"
            )


def _misfits(store: Store, asked: Asked, where: Filter) -> list[str]:
    """Return what in a filter does not fit the corpus, judged by a sample of its items.

    A column of the user's own (``meta.KEY``) is known by the rows alone: this is
    asked only when nothing has matched, and costs a bounded scan.
    """
    if "meta" not in where.fields:
        return []
    from searchengine.store.filters import check_against

    rows = islice(store.scan(asked.info.side, fields=("meta",)), _SAMPLE)
    return list(check_against(where, rows))
