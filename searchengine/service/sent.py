"""From what was sent to what is indexed: pictures are kept, everything gets a uri."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from searchengine.errors import ItemError, LimitError, QueryError, SearchEngineError
from searchengine.identity import content_hash
from searchengine.service.problems import NotAllowedError, at
from searchengine.writing import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from searchengine.records import Item
    from searchengine.service.bodies import Upload
    from searchengine.service.schemas.writing import NewItem, PicturesFacts
    from searchengine.service.state import Service


@dataclass(frozen=True)
class _Sent:
    entry: Entry
    kept: Path | None = None
    """Where its picture is, if this request put it there."""


def write_items(
    service: Service, corpus: str, items: Sequence[NewItem]
) -> list[Item | SearchEngineError]:
    """Index what a JSON body holds; see ``_write``."""
    _check_taken(service)
    prepared: list[_Sent | SearchEngineError] = []
    for place, one in enumerate(items):
        try:
            with at(f"/items/{place}"):
                prepared.append(_prepare(service, corpus, one))
        except (ItemError, QueryError) as error:
            prepared.append(error)
    return _write(service, corpus, prepared, [f"item {n}" for n in range(len(items))])


def write_files(
    service: Service, corpus: str, files: Mapping[str, Upload], about: PicturesFacts
) -> list[Item | SearchEngineError]:
    """Index the pictures of a form; see ``_write``.

    Raises ``QueryError`` where something is said about a file that is not there.
    """
    _check_taken(service)
    for name in about.items:
        if name not in files:
            with at("/about"):
                raise QueryError(f"there is no file {name!r} in the form")
    prepared: list[_Sent | SearchEngineError] = []
    for name, file in files.items():
        said = about.items.get(name)
        try:
            prepared.append(
                _picture(
                    service,
                    corpus,
                    file.data,
                    said.caption if said else None,
                    said.meta if said else {},
                )
            )
        except ItemError as error:
            prepared.append(error)
    return _write(service, corpus, prepared, [one.name or name for name, one in files.items()])


def _check_taken(service: Service) -> None:
    if service.writer is None:
        raise NotAllowedError("this service does not take items")


def _write(
    service: Service,
    corpus: str,
    prepared: Sequence[_Sent | SearchEngineError],
    names: Sequence[str],
) -> list[Item | SearchEngineError]:
    """Return what became of each, and let it be watched under the names that its sender knows.

    Files of pictures that were not indexed are taken away again.
    """
    assert service.writer is not None
    sent = [one for one in prepared if isinstance(one, _Sent)]
    outcomes: list[Item | SearchEngineError] = []
    with service.jobs.writing(corpus, len(prepared)) as job:
        try:
            if sent:
                store, encoder = service.corpora.store(), service.corpora.encoder
                outcomes = service.writer.write(corpus, [one.entry for one in sent], store, encoder)
                if (engine := service.corpora.opened_engine(corpus)) is not None:
                    engine.look_again()
        finally:
            indexed = {one.uri for one in outcomes if not isinstance(one, SearchEngineError)}
            lost = [one.entry.uri for one in sent if one.kept and one.entry.uri not in indexed]
            service.uploads.forget(lost)
        left = iter(outcomes)
        found = [next(left) if isinstance(one, _Sent) else one for one in prepared]
        for name, one in zip(names, found, strict=True):
            if isinstance(one, SearchEngineError):
                job.failed(name, str(one))
            else:
                job.done()
    return found


def _prepare(service: Service, corpus: str, item: NewItem) -> _Sent:
    given = item.model_fields_set
    if "image_base64" in given:
        try:
            data = base64.b64decode(item.image_base64, validate=True)
        except (binascii.Error, ValueError):
            raise QueryError("image_base64 is no base64") from None
        return _picture(service, corpus, data, item.caption, item.meta)
    now = time.time_ns()
    if "text" in given:
        uri = item.uri or f"text:{content_hash(item.text.encode())}"
        return _Sent(Entry(uri, "text", caption=item.text, mtime_ns=now, meta=item.meta))
    print_ = hashlib.blake2b(repr(item.vector).encode(), digest_size=16).hexdigest()
    return _Sent(
        Entry(
            item.uri or f"vector:{print_}",
            item.modality or "image",
            caption=item.caption,
            vector=tuple(item.vector),
            mtime_ns=now,
            meta=item.meta,
        )
    )


def _picture(
    service: Service, corpus: str, data: bytes, caption: str | None, meta: Mapping[str, object]
) -> _Sent:
    most = service.settings.ingest.max_bytes
    if len(data) > most:
        raise LimitError(f"the picture has {len(data):,} bytes: {most:,} is the limit")
    path = service.uploads.path(corpus, data)
    new = not path.exists()
    time_ns = service.uploads.keep(path, data)
    entry = Entry(
        service.uploads.uri(path),
        "image",
        data=data,
        caption=caption or None,
        mtime_ns=time_ns,
        folder=str(path.parent.parent),
        meta=dict(meta),
    )
    return _Sent(entry, path if new else None)
