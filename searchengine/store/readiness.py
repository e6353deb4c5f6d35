"""Whether a draft looks fit to be live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.errors import UsageError
from searchengine.records import MODALITIES, Side

if TYPE_CHECKING:
    from searchengine.store.contract import SideInfo, Store

_ENOUGH = 0.9
"""Of what is live. A few items fail with one model and not with another."""


def check_ready(store: Store, corpus: str) -> None:
    """Raise ``UsageError`` where the draft of a corpus is empty, unfinished or much smaller.

    That there is none at all is for ``Store.switch`` to say.
    """
    live, draft = (
        {
            modality: info
            for modality in MODALITIES
            if (info := store.describe(Side(corpus, modality, which))) is not None
        }
        for which in (False, True)
    )
    if not draft:
        return
    doubts = [
        doubt
        for modality in MODALITIES
        if (doubt := _doubt(modality, live.get(modality), draft.get(modality)))
    ]
    if not any(info.count for info in draft.values()):
        doubts = ["it holds nothing"]
    if doubts:
        raise UsageError(
            f"the draft of corpus {corpus!r} does not look finished: {'; '.join(doubts)}",
            hint="run index --beside to its end, or switch all the same: --force",
        )


def is_first(store: Store, corpus: str) -> bool:
    """Tell whether a corpus has a draft that holds something, and nothing live."""
    standing = store.versions(corpus)
    return any(one.info.count for one in standing) and {one.state for one in standing} == {"draft"}


def _doubt(modality: str, live: SideInfo | None, draft: SideInfo | None) -> str:
    """Return what speaks against a side; empty for nothing."""
    if draft is None:
        return f"it has no {modality}s, and there are {live.count:,} live" if live else ""
    if not draft.settled:
        return f"a run that wrote {modality}s into it has not come to its end"
    if live is not None and draft.count < _ENOUGH * live.count:
        return f"it has {draft.count:,} {modality}s, and {live.count:,} are live"
    return ""
