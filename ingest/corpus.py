"""The corpus a run writes into: as it is found, and how it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ingest.plan import gone
from searchengine.records import MODALITIES, Side
from searchengine.store.contract import SideSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ingest.job import Job
    from ingest.plan import Ledger
    from ingest.report import Report
    from ingest.sources.contract import Scope
    from searchengine.records import Modality
    from searchengine.store.contract import SideInfo, Store


class NamesSpace(Protocol):
    """What tells whose vectors they are: an encoder, or the card of a model."""

    @property
    def name(self) -> str:
        """Spelling of the model."""

    @property
    def fingerprint(self) -> str:
        """Of its space."""

    @property
    def dim(self) -> int:
        """Length of a vector."""


class Corpus:
    """The sides that a job writes to."""

    def __init__(self, job: Job, store: Store) -> None:
        """Look at what there is."""
        self._job = job
        self._store = store
        self.sides: dict[Modality, Side] = {
            m: Side(job.corpus, m, job.draft) for m in job.modalities
        }
        self.found: dict[Modality, SideInfo] = {}
        """The sides that hold anything yet."""
        self.unsettled: set[Modality] = set()
        """Those that an earlier run, which died before its end, has left so."""
        for modality, side in self.sides.items():
            if (info := store.describe(side)) is not None:
                self.found[modality] = info
                if not info.settled and not job.dry_run:
                    self.unsettled.add(modality)

    @property
    def model(self) -> str:
        """The model that is asked for, else the corpus's own, else the default.

        A draft's own, and of a new one, the live version's.
        """
        own = next((info.model for info in self.found.values()), None)
        if own is None and self._job.draft and not self._job.model:
            live = (self._store.describe(Side(self._job.corpus, m)) for m in MODALITIES)
            own = next((info.model for info in live if info is not None), None)
        return self._job.model or own or self._job.default_model

    def check(self, load: Callable[[], NamesSpace]) -> None:
        """Refuse another model than the corpus's own; ``load`` it where nothing else can tell.

        Raises ``MismatchError``.
        """
        if not self.found:
            return
        space = self._job.describe_model(self.model) or load()
        for modality in self.found:
            self._store.ensure(self.spec(modality, space))

    def spec(self, modality: Modality, space: NamesSpace) -> SideSpec:
        """Return what a side has to be like."""
        known = self.found.get(modality)
        return SideSpec(
            self.sides[modality],
            space.name,
            space.fingerprint,
            space.dim,
            known.profile if known else self._job.profile,
        )

    def sweep(
        self,
        scopes: Sequence[Scope],
        ledgers: Mapping[Modality, Ledger],
        carried: Collection[str],
        report: Report,
    ) -> Iterator[Modality]:
        """Remove what stands inside the scopes and was not listed; yield a side for each step."""
        for modality, info in self.found.items():
            side, ledger = self.sides[modality], ledgers[modality]
            # Listed before anything is deleted: a scan must not walk over its own deletions.
            for missing in list(gone(self._store, side, scopes, ledger, info.count)):
                if not self._job.dry_run:
                    self._store.delete(side, missing)
                moved = sum(key in carried for key in missing)
                report.moved += moved
                report.removed += len(missing) - moved
                yield modality

    def settle(self, touched: Iterable[Modality]) -> None:
        """Bring the sides to rest that were written to, now or by a run that died."""
        for modality in sorted({*touched, *self.unsettled}):
            self._store.settle(self.sides[modality])
