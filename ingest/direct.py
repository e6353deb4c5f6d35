"""Single entries, written while somebody waits: no listing, no sweep, no run.

The same steps as a run's, on the same functions: decode, encode, upsert whole rows. A row that
``upsert`` has acknowledged is found from then on. Settling (a server's flush takes seconds) is put
off until nothing has been written for a moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.decoding import Decoding
from ingest.items import Failed, Loaded, Ready, encode, make_ready
from ingest.job import job_for
from ingest.plan import Todo
from ingest.sources.contract import Asset
from searchengine.errors import (
    EncoderError,
    ItemError,
    MismatchError,
    SearchEngineError,
)
from searchengine.identity import content_hash, item_id
from searchengine.records import MODALITIES, Item, Side
from searchengine.settings import DEFAULT_MODEL
from searchengine.store.contract import Row, SideSpec
from searchengine.store.fields import encode_item

if TYPE_CHECKING:
    from searchengine.encoders.contract import Encoder
    from searchengine.settings import Settings
    from searchengine.store.contract import SideInfo, Store
    from searchengine.writing import Entry

    Load = Callable[[str], Encoder]

_REST_S = 5.0
"""Seconds without a write after which a side is settled."""
_BATCH = 16
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Made:
    row: Row


class DirectWriter:
    """See ``searchengine.writing.Writer``."""

    def __init__(self, settings: Settings, *, rest_s: float = _REST_S) -> None:
        self._settings = settings
        self._rest_s = rest_s
        # What is sent by whoever is opened by processes that may be killed, whatever it is.
        apart = replace(job_for((), settings), decode_apart=True)
        self._decoding = Decoding(apart, settings.service.decoders)
        self._ensuring = threading.Lock()
        self._changing = threading.Lock()
        self._restless: set[Side] = set()
        self._timer: threading.Timer | None = None

    def write(
        self, corpus: str, entries: Sequence[Entry], store: Store, load_encoder: Load
    ) -> list[Item | SearchEngineError]:
        """See ``searchengine.writing.Writer``."""
        outcomes: dict[int, Item | SearchEngineError] = {}
        for modality in MODALITIES:
            mine = {n: one for n, one in enumerate(entries) if one.modality == modality}
            if not mine:
                continue
            side = Side(corpus, modality)
            model = _Model(self._settings, store, side, load_encoder)
            made = _make(mine, model, self._decoding)
            rows = {n: one.row for n, one in made.items() if isinstance(one, _Made)}
            if rows:
                with self._ensuring:  # two that make the same side at once would collide
                    store.ensure(model.spec())
                store.upsert(side, list({row.item.id: row for row in rows.values()}.values()))
                self._will_rest(side, store)
            outcomes |= {
                n: one.row.item if isinstance(one, _Made) else one for n, one in made.items()
            }
        return [outcomes[n] for n in range(len(entries))]

    def close(self, store: Store | None) -> None:
        """See ``searchengine.writing.Writer``."""
        with self._changing:
            if self._timer is not None:
                self._timer.cancel()
        self._decoding.close()
        if store is not None:
            self._rest(store)

    def _will_rest(self, side: Side, store: Store) -> None:
        with self._changing:
            self._restless.add(side)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._rest_s, self._rest, (store,))
            self._timer.daemon = True
            self._timer.start()

    def _rest(self, store: Store) -> None:
        with self._changing:
            sides, self._restless = self._restless, set()
        for side in sorted(sides, key=lambda one: (one.corpus, one.modality)):
            try:
                store.settle(side)
            except SearchEngineError as error:  # the next write, or run, settles it
                _log.warning("cannot settle %s: %s", side.corpus, error)


class _Model:
    """The model of a side: the one it was made with, its sister's, or the one of the settings."""

    def __init__(self, settings: Settings, store: Store, side: Side, load: Load) -> None:
        self._settings = settings
        self._side = side
        self._load = load
        both = (store.describe(Side(side.corpus, m)) for m in (side.modality, *MODALITIES))
        self._info: SideInfo | None = next((one for one in both if one is not None), None)
        self._encoder: Encoder | None = None

    def encoder(self) -> Encoder:
        """Return it, loaded. Raises ``MismatchError`` where it did not make the corpus."""
        if self._encoder is None:
            name = self._info.model if self._info else self._settings.model.name or DEFAULT_MODEL
            encoder = self._load(name)
            if self._info is not None and encoder.fingerprint != self._info.fingerprint:
                raise MismatchError(
                    f"corpus {self._side.corpus!r} was made with {name} of another fingerprint",
                    hint="serve it with the model, runtime and precision that made it",
                )
            self._encoder = encoder
        return self._encoder

    def spec(self) -> SideSpec:
        """Return what the side has to be like."""
        if self._info is not None:
            known = self._info
            return SideSpec(self._side, known.model, known.fingerprint, known.dim, known.profile)
        made = self.encoder()
        profile = self._settings.store.profile
        return SideSpec(self._side, made.name, made.fingerprint, made.dim, profile)

    def unit(self, values: Sequence[float]) -> np.ndarray:
        """Return a vector that was given, float32 (dim,), at unit length.

        Raises ``MismatchError`` for one of another length, ``ItemError`` for zeros.
        """
        dim = self.spec().dim
        if len(values) != dim:
            raise MismatchError(
                f"the vector has {len(values)} numbers, and the corpus's have {dim}",
                hint="give a vector of the model that made the corpus",
            )
        vector = np.asarray(values, np.float64)
        largest = np.abs(vector).max()
        if not np.isfinite(largest) or largest == 0:
            raise ItemError("a vector must hold finite numbers, not all of them 0")
        vector /= largest  # lengths of 1e300 have no square
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _make(
    entries: dict[int, Entry], model: _Model, decoding: Decoding
) -> dict[int, _Made | SearchEngineError]:
    """Return rows that can be written, or what is wrong, by the entries' numbers."""
    made: dict[int, _Made | SearchEngineError] = {}
    waiting: dict[int, Ready] = {}
    for number, entry in entries.items():
        if entry.vector is not None:
            made[number] = _given(entry, model)
            continue
        ready = make_ready(_loaded(entry), model.encoder(), decoding)
        if isinstance(ready, Failed):
            made[number] = ready.error
        else:
            waiting[number] = ready
    numbers = list(waiting)
    for start in range(0, len(numbers), _BATCH):
        some = numbers[start : start + _BATCH]
        made |= dict(zip(some, _encoded(model.encoder(), [waiting[n] for n in some]), strict=True))
    return made


def _encoded(encoder: Encoder, batch: list[Ready]) -> list[_Made | SearchEngineError]:
    try:
        vectors = encode(encoder, batch)
    except EncoderError as error:
        if len(batch) == 1:
            return [error]
        return [one for each in batch for one in _encoded(encoder, [each])]
    return [_Made(Row(one.item, vector)) for one, vector in zip(batch, vectors, strict=True)]


def _loaded(entry: Entry) -> Loaded:
    data = (entry.caption or "").encode("utf-8", "replace") if entry.data is None else entry.data
    asset = Asset(
        uri=entry.uri,
        modality=entry.modality,
        revision=f"{len(data)}-{entry.mtime_ns}",
        size=len(data),
        mtime_ns=entry.mtime_ns,
        caption=entry.caption,
        folder=entry.folder,
        meta=entry.meta,
    )
    return Loaded(Todo(asset, item_id(entry.uri), None), data, content_hash(data))


def _given(entry: Entry, model: _Model) -> _Made | SearchEngineError:
    """Return the row of a vector that was made elsewhere: it stands for the content, too."""
    try:
        vector = model.unit(entry.vector or ())
        item = Item(
            id=item_id(entry.uri),
            uri=entry.uri,
            modality=entry.modality,
            revision=f"given-{entry.mtime_ns}",
            content_hash=content_hash(vector.tobytes()),
            size=0,
            mtime_ns=entry.mtime_ns,
            mime="text/plain" if entry.modality == "text" else "application/octet-stream",
            caption=entry.caption,
            folder=entry.folder,
            meta=entry.meta,
        )
        encode_item(item)  # what the database would refuse is this entry's fault alone
    except (ItemError, MismatchError) as error:
        return error
    return _Made(Row(item, vector))
