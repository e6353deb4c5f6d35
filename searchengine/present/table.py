"""Results and items for a person at a terminal: aligned plain text, never wrapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.identity import display
from searchengine.present.names import file_name, first_line, pixel_size, short_moment
from searchengine.present.text_width import cut_end, cut_middle, display_width, one_line, pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.records import Hit, Item, Results

_GAP = "  "
_NAME_SHARE = 0.5
"""The file name's part of the room that it and the caption fight over."""
_NARROW_NAME, _NARROW_CAPTION = 20, 36
"""Columns a name and a caption should have before a less important column may stand."""
_LEAST_NAME = 8
_GROUP = 32
"""What a name gets in the narrowest of terminals."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: tuple[str, ...]
    right: bool = False

    @property
    def width(self) -> int:
        return max(display_width(text) for text in (self.title, *self.cells))


def table(results: Results, width: int = 80) -> str:
    """Return the hits as aligned lines of at most ``width`` columns, best first.

    Rank, relevance, cosine, file name, and what is known of pixel size, moment
    and caption; the group, and how many near-identical items a hit stands for,
    where hits are grouped or folded. A narrow terminal loses the moment, then the size, then the
    caption. No hits give a sentence. There is no line feed at the end.
    """
    if not results.hits:
        return _nothing(results)
    hits = results.hits
    rank = _Column("#", tuple(str(hit.rank) for hit in hits), right=True)
    score = _Column("score", tuple(f"{hit.score:.4f}" for hit in hits), right=True)
    relevance = _Column("relevance", tuple(map(_relevance, hits)), right=True)
    group = _Column("group", tuple(one_line(hit.group or "")[:_GROUP] for hit in hits))
    same = _Column("same", tuple(f"+{len(hit.folded)}" if hit.folded else "" for hit in hits))
    name = _Column("file", tuple(file_name(hit.uri) for hit in hits))
    size = _Column("size", tuple(pixel_size(hit.metadata) for hit in hits), right=True)
    taken = _Column("taken", tuple(short_moment(hit.metadata.get("taken_at")) for hit in hits))
    caption = _Column(
        "caption" if "image" in results.modalities else "text",
        tuple(first_line(hit.metadata.get("caption")) for hit in hits),
    )
    order = [rank, relevance, score, group, name, same, size, taken, caption]
    always = (rank, score, name)
    columns = [column for column in order if column in always or any(column.cells)]
    for spare in (taken, size, caption):
        if _room(columns, width, name, caption) < _least(columns, name, caption):
            columns = [column for column in columns if column is not spare]
    return _lines(columns, _widths(columns, width, name, caption), name)


def item_text(item: Item, width: int = 80) -> str:
    """Return all that is known about one item, one field a line, cut at ``width`` columns."""
    rows = [("file", display(item.uri)), ("id", item.id), ("modality", item.modality)]
    rows += [("caption", one_line(line)) for line in (item.caption or "").splitlines()[:5]]
    rows += [("pixels", f"{item.width} x {item.height}")] if item.width and item.height else []
    known = {
        "type": item.mime,
        "bytes": f"{item.size:,}",
        "taken": item.taken_at,
        "camera": item.camera,
        "lens": item.lens,
        "place": _place(item),
        "content": item.content_hash,
    }
    rows += [(name, one_line(str(value))) for name, value in known.items() if value]
    rows += [(one_line(str(name)), one_line(str(value))) for name, value in item.meta.items()]
    label = min(20, max(display_width(name) for name, _ in rows))
    room = max(8, width - label - len(_GAP))
    return "\n".join(
        f"{pad(cut_end(name, label), label)}{_GAP}"
        f"{cut_middle(text, room) if name == 'file' else cut_end(text, room)}"
        for name, text in rows
    )


def _place(item: Item) -> str | None:
    if item.latitude is None or item.longitude is None:
        return None
    return f"{item.latitude:.5f}, {item.longitude:.5f}"


def _relevance(hit: Hit) -> str:
    return "" if hit.relevance is None else f"{hit.relevance:.2f}"


def _nothing(results: Results) -> str:
    sides = " or ".join(f"{modality}s" for modality in results.modalities)
    if not results.total:
        return f"Corpus {results.corpus!r} holds no {sides}."
    if results.relevant == 0:
        return f"Nothing stands out among the {counted(results)} of corpus {results.corpus!r}."
    return f"No hits among the {counted(results)} of corpus {results.corpus!r}."


def counted(results: Results) -> str:
    """Return how many items were searched: ``676 images``, ``12 images and texts``."""
    end = "" if results.total == 1 else "s"
    return f"{results.total:,} " + " and ".join(f"{one}{end}" for one in results.modalities)


def _room(columns: Sequence[_Column], width: int, *flexible: _Column) -> int:
    """Return the columns left for those whose text may be cut."""
    fixed = sum(column.width for column in columns if column not in flexible)
    return width - fixed - len(_GAP) * (len(columns) - 1)


def _least(columns: Sequence[_Column], name: _Column, caption: _Column) -> int:
    for_caption = min(_NARROW_CAPTION, caption.width) if caption in columns else 0
    return min(_NARROW_NAME, name.width) + for_caption


def _widths(columns: Sequence[_Column], width: int, name: _Column, caption: _Column) -> list[int]:
    room = max(_room(columns, width, name, caption), _LEAST_NAME)
    wanted = caption.width if caption in columns else 0
    for_name = min(name.width, max(int(room * _NAME_SHARE), room - wanted))
    for_name = max(1, for_name if wanted else min(name.width, room))
    flexible = {id(name): for_name, id(caption): min(wanted, room - for_name)}
    return [flexible.get(id(column), column.width) for column in columns]


def _lines(columns: Sequence[_Column], widths: Sequence[int], name: _Column) -> str:
    rows = [tuple(column.title for column in columns)]
    rows += zip(*(column.cells for column in columns), strict=True)
    lines = []
    for row in rows:
        cells = []
        for column, room, text in zip(columns, widths, row, strict=True):
            shown = cut_middle(text, room) if column is name else cut_end(text, room)
            cells.append(pad(shown, room, right=column.right))
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)
