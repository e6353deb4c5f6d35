"""One file, many items: what a film or a PDF, taken apart, is to the index.

Where the file stands in the listing it is one asset. The ids of its items can be told without
opening it: their uris are numbered from 1, and the revision of each says how many there are. So a
file that has not changed costs a look at its rows, and a run that died half-way through one is
noticed: then some of the rows are missing, and only those are made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from searchengine.containers.contract import BrokenPart, Part
from searchengine.identity import fragment_uri, item_id

if TYPE_CHECKING:
    from ingest.sources.contract import Asset
    from searchengine.records import Item


def part_uri(asset: Asset, number: int) -> str:
    """Return the uri of a part of a container."""
    assert asset.parts is not None
    return fragment_uri(asset.uri, asset.parts, number)


def split_part(uri: str) -> str | None:
    """Return the uri of the container within a bundle whose part an item is, ``None`` if it is
    none: ``x.tar#member=a.mp4`` of ``x.tar#member=a.mp4&frame=3``."""
    file, _, fragment = uri.partition("#")
    whole, sign, last = fragment.rpartition("&")
    return f"{file}#{whole}" if sign and last.startswith(("frame=", "page=")) else None


def part_ids(asset: Asset, count: int) -> list[str]:
    """Return the ids of the first parts of a container, in their order."""
    return [item_id(part_uri(asset, number)) for number in range(1, count + 1)]


def part_revision(asset: Asset, count: int) -> str:
    """Return the revision of each part of a container that has so many."""
    return f"{asset.revision}/{count}"


def whole_revision(revision: str) -> tuple[str, int]:
    """Return the container's revision and how many parts it had, from a part's revision."""
    container, _, count = revision.rpartition("/")
    return container, int(count) if count.isdecimal() else 0


def part_asset(asset: Asset, part: Part | BrokenPart, count: int) -> Asset:
    """Return the asset that a part of a container is."""
    texts = [asset.caption]
    meta = asset.meta
    size = 0
    if isinstance(part, Part):
        texts.append(part.text)
        meta = {**meta, **part.meta}
        size = len(part.jpeg)
    return replace(
        asset,
        uri=part_uri(asset, part.number),
        revision=part_revision(asset, count),
        size=size,
        caption="\n".join(text for text in texts if text) or None,
        meta=meta,
        parts=None,
        part=part,
    )


def part_bytes(part: Part | BrokenPart) -> bytes:
    """Return the picture of a part. Raises its ``ItemError`` if it is broken."""
    if isinstance(part, BrokenPart):
        raise part.error
    return part.jpeg


def part_item(item: Item, part: Part | BrokenPart) -> Item:
    """Return the item with what its container knows of the part: its JPEG is only a carrier."""
    assert isinstance(part, Part)
    return replace(
        item,
        mime=part.mime,
        width=part.width,
        height=part.height,
        taken_at=part.taken_at,
        camera=part.camera,
        lens=None,
        latitude=part.latitude,
        longitude=part.longitude,
    )
