"""What every stage is built from: the job, and what the driver has found out about the corpus."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.plan import compare
from ingest.runners.ray.slices import Facts, Tally
from searchengine.errors import StoreUnavailableError
from searchengine.store.contract import SideSpec
from searchengine.store.open import WRITE_PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ingest.corpus import NamesSpace
    from ingest.job import Job
    from ingest.plan import Todo
    from ingest.sources.contract import Asset, Skipped, Source
    from ingest.sources.shards import Division
    from searchengine.records import Modality, Side
    from searchengine.store.contract import Store

SHARD_ITEMS = 1_000
"""Items a shard of a listing, about: what is compared with the database in one go, and what the
loss of a reader costs."""
SLICE_ITEMS = 64
"""Items a slice, unless the batch size is given: what goes through the model in one go."""

SLICES_A_WRITE = 4
"""As many rows as make a call worth its while, few enough to be lost with a node."""

_PAUSE_S = 1.0


@dataclass(frozen=True)
class Work:
    """Goes to every stage by pickle."""

    job: Job
    model: str
    control: Any
    """Handle of the actor ``Control``."""
    sides: Mapping[Modality, Side]
    existing: frozenset[Modality]
    """The sides that held anything when the run began."""
    profiles: Mapping[Modality, str]
    """The index profile of each side, as it is or is asked for."""
    shard_items: int = SHARD_ITEMS
    round: int = 0
    """Counts the times that the stages are begun."""

    @property
    def slice_items(self) -> int:
        """Items a slice."""
        return self.job.batch_size or SLICE_ITEMS

    @property
    def slices_a_write(self) -> int:
        """Slices that are written in one call."""
        rows = self.job.write_rows
        return max(1, rows // self.slice_items) if rows else SLICES_A_WRITE

    @property
    def known(self) -> dict[Modality, Side]:
        """The sides that held anything when the run began."""
        return {modality: self.sides[modality] for modality in self.existing}

    def spec(self, modality: Modality, space: NamesSpace) -> SideSpec:
        """Return what a side has to be like for vectors of that space."""
        return SideSpec(
            self.sides[modality],
            space.name,
            space.fingerprint,
            space.dim,
            self.profiles[modality],
        )

    def divide(self) -> Division:
        """Part the source. Raises as ``open_sources`` does."""
        from ingest.sources.shards import Division

        if self.job.divide is None:
            return Division(self.job.build_source, iter(()))
        return self.job.divide(self.shard_items)

    def build_listed(self) -> Source:
        """Return what the listed assets are opened with."""
        build: Callable[[], Source] | None = self.divide().build_listed
        return (build or self.job.build_source)()

    def compare(
        self, some: Sequence[Asset | Skipped], store: Store
    ) -> tuple[tuple[Todo, ...], Facts]:
        """Return what is to be done of what was listed, and what was found out about the rest."""
        tally, facts = Tally(self.sides), Facts()
        todos = tuple(compare(some, store, self.sides, self.existing, tally.ledgers, tally))
        facts.take(tally)
        return todos, facts

    def open_store(self) -> Store:
        """Open the database; see ``open_patiently``."""
        return open_patiently(self.job)

    def enrol(self) -> None:
        """Tell that this actor is one of a stage, so that the driver can end it."""
        import ray

        self.control.enrol.remote(ray.get_runtime_context().current_actor)

    def stopped(self) -> bool:
        """Whether to take up nothing more."""
        import ray

        return bool(ray.get(self.control.stopped.remote()))


def open_patiently(job: Job) -> Store:
    """Open the database; wait for one that is away as long as a write would.

    Actors are started again in the middle of a run, which is no moment to be less patient than the
    writes of the others. Raises as ``Job.build_store``.
    """
    until = time.monotonic() + WRITE_PATIENCE_S
    while True:
        try:
            return job.build_store()
        except StoreUnavailableError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
