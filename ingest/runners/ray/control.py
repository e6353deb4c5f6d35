"""What all stages of a run share: one actor on the driver's node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ingest.runners.ray.work import open_patiently
from searchengine.errors import SearchEngineError

if TYPE_CHECKING:
    from ingest.job import Job
    from searchengine.apart.work import Preparing
    from searchengine.store.contract import SideSpec, Store


class Control:
    """Knows whether to stop, makes sides one at a time, and hands on what decoders must know.

    A model is loaded by those who encode, and only once something has to be. How it wants its
    pictures is a few numbers, which decoders elsewhere get from here, without the model.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._store: Store | None = None
        self._stopped = False
        self._begun: set[int] = set()
        self._actors: list[Any] = []
        self._making = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._told = asyncio.Event()
        self._preparing: Preparing | SearchEngineError | None = None

    async def begin(self, round_: int) -> bool:
        """Whether the listing of that round begins only now."""
        first = round_ not in self._begun
        self._begun.add(round_)
        return first

    async def enrol(self, actor: Any) -> None:
        """Note an actor of a stage."""
        self._actors.append(actor)

    async def dismissed(self) -> list[Any]:
        """Return the actors of the stages, and forget them."""
        actors, self._actors = self._actors, []
        return actors

    async def stop(self) -> None:
        """Have the readers take up nothing more."""
        self._stopped = True

    async def stopped(self) -> bool:
        """Whether the run is to end after what is under way."""
        return self._stopped

    async def ensure(self, spec: SideSpec) -> SearchEngineError | None:
        """Make a side if need be; return what is against it."""
        async with self._making:
            return await asyncio.to_thread(self._ensure, spec)

    async def wait_until_wanted(self) -> None:
        """Return once pictures wait for a model."""
        await self._wanted.wait()

    async def tell(self, preparing: Preparing | SearchEngineError) -> None:
        """Say how pictures are prepared, or why the model cannot be loaded."""
        if self._preparing is None:
            self._preparing = preparing
            self._told.set()

    async def preparing(self) -> Preparing | SearchEngineError:
        """Return what was told, once it has been."""
        self._wanted.set()
        await self._told.wait()
        assert self._preparing is not None
        return self._preparing

    def _ensure(self, spec: SideSpec) -> SearchEngineError | None:
        try:
            if self._store is None:
                self._store = open_patiently(self._job)
            self._store.ensure(spec)
        except SearchEngineError as error:
            return error
        return None
