"""From a row of metadata to an item, and back."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.sources.tables import TEXT_COLUMNS, column_among, joined_text
from searchengine.errors import DecodeError
from searchengine.identity import (
    canonical_url,
    content_hash,
    file_uri,
    fragment_uri,
    item_id,
    path_of,
)
from searchengine.records import Item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from searchengine.records import Modality

_OWN = tuple(one.name for one in fields(Item) if one.name not in ("modality", "meta"))
_SIZES = (("original_width", "original_height"), ("width", "height"))
_PLACES = ("url", "image_path", "key")


def item_of(
    values: Mapping[str, Any],
    modality: Modality,
    *,
    folder: Path,
    images: Path | None,
    row: str,
    vector: bytes,
) -> Item:
    """Return the item a row of metadata describes.

    Its uri is, of what there is: the one of our own export, the url, the path
    (absolute, or from ``images``), the key, the row. Raises ``DecodeError``.
    """
    if values.get("uri") and values.get("content_hash") and values.get("revision"):
        return _exported(values, modality)
    caption_column = column_among([*values], TEXT_COLUMNS)
    caption = joined_text(values[caption_column]) if caption_column else None
    uri = _uri(values, folder, images, row)
    meta = {k: v for k, v in values.items() if k != caption_column and v is not None}
    if modality == "text":
        if caption is None:
            raise DecodeError("the row has no caption, and so is no text")
        said = caption.encode()
        uri = fragment_uri(uri.partition("#")[0], "caption", row)
        return _item(uri, modality, caption, meta, vector, content_hash(said), len(said))
    for place in _PLACES:  # the uri says it already
        if place in meta and _is_said(str(meta[place]), uri):
            del meta[place]
    width, height = _size(meta)
    # Whose picture it is was not read: what stands for its content is the vector made of it.
    item = _item(uri, modality, caption, meta, vector, content_hash(vector), 0)
    return replace(item, width=width, height=height)


def _exported(values: Mapping[str, Any], modality: Modality) -> Item:
    known = {name: values.get(name) for name in _OWN}
    try:
        meta = json.loads(values.get("meta") or "{}")
        item = Item(modality=modality, meta=meta, **known)  # type: ignore[arg-type]
        if item.id != item_id(item.uri):
            raise DecodeError(f"the id {item.id} is not that of {item.uri}")
    except (TypeError, ValueError) as error:
        raise DecodeError(f"the row is no item: {error}") from None
    return item


def _uri(values: Mapping[str, Any], folder: Path, images: Path | None, row: str) -> str:
    url, path, key = (values.get(name) for name in _PLACES)
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return canonical_url(url)
    if isinstance(path, str) and path:
        place = (images or Path()) / path
        if images is not None or place.is_absolute():
            return file_uri(_resolved(place.parent) / place.name)
    name = key if key not in (None, "") else path
    base = file_uri(folder.resolve())
    return fragment_uri(base, "row", row) if name in (None, "") else fragment_uri(base, "key", name)


@lru_cache(1024)
def _resolved(folder: Path) -> Path:
    return folder.resolve()


def _is_said(value: str, uri: str) -> bool:
    path = path_of(uri)
    return value == uri or (path is not None and str(path).endswith(os.path.normpath(value)))


def _size(meta: dict[str, Any]) -> tuple[int | None, int | None]:
    """Take the size of the picture out of the columns: the original's, where both are there."""
    for names in _SIZES:
        width, height = (meta.get(name) for name in names)
        if all(isinstance(side, int | float) and side >= 1 for side in (width, height)):
            for name in names:
                del meta[name]
            return int(width), int(height)  # type: ignore[arg-type]
    return None, None


def _item(
    uri: str,
    modality: Modality,
    caption: str | None,
    meta: dict[str, Any],
    vector: bytes,
    content: str,
    size: int,
) -> Item:
    said = json.dumps([caption, meta], sort_keys=True).encode()
    token = hashlib.blake2b(vector + said, digest_size=8).hexdigest()
    guessed = mimetypes.guess_type(uri.partition("#")[0].partition("?")[0])[0] or ""
    mime = guessed if guessed.startswith("image/") else "application/octet-stream"
    path = path_of(uri)
    return Item(
        id=item_id(uri),
        uri=uri,
        modality=modality,
        revision=f"imported-{token}",
        content_hash=content,
        size=size,
        mtime_ns=0,
        mime="text/plain" if modality == "text" else mime,
        caption=caption,
        folder=str(path if "#" in uri else path.parent) if path is not None else _above(uri),
        meta=meta,
    )


def _above(uri: str) -> str:
    return uri.partition("?")[0].rpartition("/")[0]


def row_of(values: Mapping[str, Any], modality: Modality) -> dict[str, Any]:
    """Return the row of metadata of an indexed item: clip-retrieval's columns, then all our own."""
    uri = values["uri"]
    path = path_of(uri)
    place = uri if path is None or "#" in uri else str(path).encode("utf-8", "replace").decode()
    columns: dict[str, Any] = {"image_path": place} if modality == "image" else {}
    columns["caption"] = values["caption"]
    columns["url"] = uri if uri.startswith(("http://", "https://")) else None
    columns |= {name: values[name] for name in _OWN if name != "caption"}
    columns["meta"] = json.dumps(values["meta"], ensure_ascii=False) if values["meta"] else None
    return columns
