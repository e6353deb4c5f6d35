"""Labels for a corpus, or for single items, by the vectors that are already there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.classify.decide import Decider, Judge, Verdict, owners_of
from searchengine.classify.labels import Label, check_labels
from searchengine.classify.temperature import drawn_temperature
from searchengine.errors import QueryError
from searchengine.query.terms import Term, Words
from searchengine.records import ITEM_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from searchengine.query.engine import SearchEngine
    from searchengine.store.contract import SideInfo
    from searchengine.store.filters import Filter

PAGE = 500
"""Items that are decided about at a time."""
_TEXTS = 64
"""Descriptions that are encoded at a time."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item with what was decided about it."""

    id: str
    """Empty for a file that is not indexed."""
    uri: str
    verdict: Verdict


@dataclass(slots=True)
class Tally:
    """How often each label was given."""

    counts: Counter[str] = field(default_factory=Counter)
    items: int = 0
    none: int = 0
    """Items that no label applies to."""

    def note(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.items += 1
        self.counts.update(verdict.names)
        self.none += not verdict.labels


def make_decider(
    engine: SearchEngine,
    info: SideInfo,
    labels: Iterable[Label],
    *,
    multi: bool = False,
    threshold: float | None = None,
    temperature: float | None = None,
    cache_dir: Path | None = None,
) -> Decider:
    """Return what decides about the items of one side of a corpus.

    ``threshold`` is the least relevance, 0 to 1, of a label that names none; ``None``: what
    ``search --relevant-only`` uses. ``temperature`` is that of single labels; ``None``: found by
    drawings (see ``temperature``). Raises ``QueryError`` for labels or numbers that cannot be.
    """
    from searchengine.query.relevance import DEFAULT_THRESHOLD, relevance_of

    chosen = check_labels(labels)
    if threshold is None:
        threshold = DEFAULT_THRESHOLD
    if not 0 <= threshold <= 1:
        raise QueryError(f"the threshold is {threshold}, not between 0 and 1")
    background = engine.background(info)

    def judge(text: npt.NDArray[np.float32], items: npt.NDArray[np.float32]) -> Any:
        return relevance_of(background, text, ("text",), items, info.side.modality)

    if temperature is None:
        temperature = 1.0 if multi else drawn_temperature(engine.encoder(info), cache_dir)
    return build_decider(
        chosen,
        partial(_encode, engine, info),
        judge,
        dim=info.dim,
        multi=multi,
        threshold=threshold,
        temperature=temperature,
    )


def build_decider(
    labels: tuple[Label, ...],
    encode: Any,
    judge: Judge,
    *,
    dim: int,
    multi: bool,
    threshold: float,
    temperature: float,
) -> Decider:
    """Return a decider from parts: ``encode`` takes n texts to float32 (n, dim)."""
    against = [label.against for label in labels]
    speaking = [text for group in against for text in group]
    return Decider(
        labels,
        encode([text for label in labels for text in label.prompts]),
        owners_of([label.prompts for label in labels]),
        encode(speaking) if speaking else np.empty((0, dim), np.float32),
        owners_of(against),
        temperature,
        threshold,
        judge,
        multi,
    )


def classify_corpus(
    engine: SearchEngine, info: SideInfo, decider: Decider, *, where: Filter | None = None
) -> Iterator[Labelled]:
    """Yield a verdict for each item of a side that passes the filter, in no order.

    The items are streamed: memory does not grow with the corpus. No model is needed but for the
    labels' words.
    """
    rows = engine.store.scan(info.side, where=where, fields=("id", "uri", "vector"))
    yield from (labelled for labelled, _ in decide_rows(rows, decider))


def decide_rows(
    rows: Iterable[Mapping[str, Any]], decider: Decider
) -> Iterator[tuple[Labelled, Mapping[str, Any]]]:
    """Yield each row (id, uri, vector and whatever else) with what was decided about it."""
    page: list[Mapping[str, Any]] = []
    for row in rows:
        page.append(row)
        if len(page) == PAGE:
            yield from _decided(page, decider)
            page = []
    yield from _decided(page, decider)


def rows_of(engine: SearchEngine, info: SideInfo, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield whole rows, vector included, of those ids that are (still) there, page by page."""
    for start in range(0, len(ids), PAGE):
        some = list(ids[start : start + PAGE])
        found = engine.store.fetch(info.side, some, (*ITEM_FIELDS, "vector"))
        yield from (dict(found[one]) for one in some if one in found)


def _decided(
    page: Sequence[Mapping[str, Any]], decider: Decider
) -> Iterator[tuple[Labelled, Mapping[str, Any]]]:
    if not page:
        return
    verdicts = decider.decide(np.stack([row["vector"] for row in page]))
    for row, verdict in zip(page, verdicts, strict=True):
        yield Labelled(row["id"], row["uri"], verdict), row


def _encode(engine: SearchEngine, info: SideInfo, texts: Sequence[str]) -> Any:
    """Return the texts' vectors as a query's are made, float32 (n, dim)."""
    encode = engine.encoded([Term(Words(texts[0]))], info.side.modality).encode_texts
    return np.concatenate(
        [encode(texts[start : start + _TEXTS]) for start in range(0, len(texts), _TEXTS)]
    )
