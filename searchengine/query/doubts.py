"""Why a filter may have let nothing through."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from searchengine.store.contract import SideInfo, Store
    from searchengine.store.filters import Filter

_SAMPLE = 2_000


def doubts_about(store: Store, info: SideInfo, where: Filter) -> tuple[str, ...]:
    """Return what in a filter does not fit the corpus, judged by a sample of its items.

    A column of the user's own (``meta.KEY``) is known by the rows alone: this is
    asked only when nothing has matched, and costs a bounded scan.
    """
    if "meta" not in where.fields:
        return ()
    from searchengine.store.filters import check_against

    rows = islice(store.scan(info.side, fields=("meta",)), _SAMPLE)
    return tuple(check_against(where, rows))
