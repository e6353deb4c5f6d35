"""What a question is answered from: the candidates, before they are cut to a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchengine.store.fields import VECTOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from searchengine.records import Modality


@dataclass(frozen=True, slots=True)
class Candidate:
    """One item that may become a hit. Stages make changed copies, never change it."""

    id: str
    score: float
    """Cosine to the query, -1 to 1."""
    modality: Modality
    fields: Mapping[str, Any]
    """Its columns as in ``records.Item``: those that were asked for."""
    vector: npt.NDArray[np.float32] | None = None
    """Unit, float32 (dim,); where a stage needs it."""
    relevance: float | None = None
    """Calibrated, 0 to 1; ``None`` where it was not asked for."""
    group: str | None = None
    """The value it shares with the other hits of its group, when grouped."""
    folded: tuple[str, ...] = ()
    """Ids of near-identical items that this one stands for."""

    # ``dataclasses.replace`` takes ten times as long, for every hit of every page.

    def judged(self, relevance: float) -> Candidate:
        """Return it with its relevance."""
        return Candidate(
            self.id,
            self.score,
            self.modality,
            self.fields,
            self.vector,
            relevance,
            self.group,
            self.folded,
        )

    def completed(self, row: Mapping[str, Any]) -> Candidate:
        """Return it with all the fields of its row, the vector apart from them."""
        return Candidate(
            self.id,
            self.score,
            self.modality,
            {name: value for name, value in row.items() if name != VECTOR},
            row[VECTOR],
            self.relevance,
            self.group,
            self.folded,
        )
