"""What travels between the stages: slices of shards, and what has become of them.

A slice is one row of one block, so that Ray hands on, counts and makes again slices and nothing
else. It is pickled: what is in it are the very objects of the local pipeline.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ingest.plan import Ledger
from ingest.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.clock import StageClock
    from ingest.plan import Todo
    from ingest.sources.contract import Asset, Scope
    from ingest.sources.shards import Shard
    from searchengine.errors import SearchEngineError
    from searchengine.records import Modality
    from searchengine.store.contract import SideSpec

COUNTS = ("seen", "written", "embedded", "unchanged", "updated", "carried", "removed", "skipped")
"""Of a ``Report``; what has failed is told item by item."""
MOST_BYTES = 32 * 1024 * 1024
"""What the files of a slice may take, one file more at the most."""
UNKNOWN_BYTES = 1024 * 1024
"""What a file is taken for whose size its listing does not tell."""
_COLUMN = "slice"


@dataclass(slots=True)
class Facts:
    """What has become of a slice so far; the last stage sends it to the driver."""

    counts: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    """Uri, reason and message of items that failed."""
    noted: dict[Modality, tuple[bytes, int]] = field(default_factory=dict)
    """What was listed: ``Ledger.keys``, and how many of them the index had."""
    carried: set[str] = field(default_factory=set)
    touched: set[Modality] = field(default_factory=set)
    """The sides that were written to."""
    times: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Of each stage the items and the seconds at work."""
    encoded: tuple[float, float] | None = None
    """When encoding began and when its vectors were written, by the clock on the wall."""
    scopes: tuple[Scope, ...] = ()
    """What a shard is complete for."""
    broken: tuple[Scope, ...] = ()
    """What is not to be swept, because a part of it could not be listed."""
    orders: int = 0
    """How many the listing has given out; told by its last one."""
    lost: bool = False
    """Whether the listing was lost."""
    interrupted: bool = False
    error: SearchEngineError | None = None
    """What has to stop the run. It travels as a value: Ray would wrap it in errors of its own."""

    def take(self, tally: Tally) -> None:
        """Add what a stage has counted."""
        for name in COUNTS:
            if count := getattr(tally, name):
                self.counts[name] = self.counts.get(name, 0) + count
        self.failures += tally.failures
        self.interrupted |= tally.interrupted
        for modality, ledger in tally.ledgers.items():
            if ledger.keys:
                keys, known = self.noted.get(modality, (b"", 0))
                self.noted[modality] = (keys + ledger.keys.tobytes(), known + ledger.known)
        self.take_times(tally.clock)

    def take_times(self, clock: StageClock) -> None:
        """Add what a clock shows."""
        for stage in clock.read().stages:
            items, busy_s = self.times.get(stage.stage, (0, 0.0))
            self.times[stage.stage] = (items + stage.items, busy_s + stage.busy_s)


class Tally(Report):
    """The report of one stage on one slice: it keeps the failures, for others to write down."""

    def __init__(self, modalities: Iterable[Modality] = ()) -> None:
        super().__init__()
        self.failures: list[tuple[str, str, str]] = []
        self.ledgers: dict[Modality, Ledger] = {modality: Ledger() for modality in modalities}

    def _fail(self, uri: str, reason: str, message: str) -> None:
        self.failures.append((uri, reason, message))


@dataclass(slots=True)
class Slice:
    """Some items of a shard, on their way through the stages."""

    items: list[Any] = field(default_factory=list)
    """``Loaded``, ``Known`` and ``Failed``; after decoding ``Ready`` instead of ``Loaded``; after
    encoding ``Write`` and ``Remove``; after writing nothing."""
    facts: Facts = field(default_factory=Facts)
    specs: dict[Modality, SideSpec] = field(default_factory=dict)
    """What the sides have to be like for the vectors in it."""
    order: int = 0
    """The number of its order."""
    part: int = 0
    """Its own number within that, from 0."""
    parts: int = 0
    """How many there are; 0 but for the last."""


@dataclass(frozen=True, slots=True)
class Order:
    """A shard that is to be read. Exactly one of the two is there."""

    shard: Shard | None = None
    """It is listed and compared where it is read."""
    todos: tuple[Todo, ...] | None = None
    """It has been listed, and this is what is left to do of it."""
    facts: Facts = field(default_factory=Facts)
    number: int = 0


def pack(one: Slice | Order) -> Any:
    """Return a row of Ray Data's, as a table of Arrow's."""
    import pyarrow

    data = pickle.dumps(one, protocol=5)
    return pyarrow.table({_COLUMN: pyarrow.array([data], pyarrow.large_binary())})


def unpack(table: Any) -> Iterator[Slice | Order]:
    """Yield what the rows of a table are."""
    for cell in table.column(_COLUMN):
        yield pickle.loads(cell.as_buffer())


def numbered(order: int, slices: Iterable[Slice]) -> Iterator[Slice]:
    """Yield the slices of an order with their numbers, so that the driver can tell when it has
    them all, and each once."""
    waiting: Slice | None = None
    count = 0
    for one in slices:
        if waiting is not None:
            yield waiting
        one.order, one.part = order, count
        waiting, count = one, count + 1
    if waiting is not None:
        waiting.parts = count
        yield waiting


def cut_assets(assets: Iterable[Asset], most: int) -> Iterator[list[Asset]]:
    """Yield runs of at most ``most`` assets and about ``MOST_BYTES``.

    What is in a run follows from the listing alone. Where a node is lost, Ray reads its shards
    again and takes the n-th slice for the n-th, whatever the database has come to hold since. A
    film or a PDF, which becomes many pictures, goes alone.
    """
    run: list[Asset] = []
    weight = 0
    for asset in assets:
        own = MOST_BYTES if asset.parts is not None else asset.size or _weight(asset)
        if run and (len(run) >= most or weight + own > MOST_BYTES):
            yield run
            run, weight = [], 0
        run.append(asset)
        weight += own
    if run:
        yield run


def _weight(asset: Asset) -> int:
    return len(asset.caption or "") if asset.modality == "text" else UNKNOWN_BYTES


def lean(todo: Todo) -> Todo:
    """Return it without what only its reader needs: open files, pictures of its own."""
    return replace(todo, asset=replace(todo.asset, place=None, part=None, meta={}), known={})
