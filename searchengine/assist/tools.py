"""What an assistant may ask, and what it is told: nothing of the protocol."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from searchengine.chat.pictures import SmallPicture, small_picture
from searchengine.errors import QueryError
from searchengine.present.formats import hit_as_json, item_json
from searchengine.records import Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from searchengine.encoders.contract import Encoder
    from searchengine.query.engine import SearchEngine
    from searchengine.records import Item, Results
    from searchengine.settings import Settings

MOST_HITS = 50
MOST_SHOWN = 8
THUMBNAIL = 256
"""Pixels of the longer side of a hit's picture."""

Sides = Literal["image", "text", "both"]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: JSON values, and pictures with the ids they belong to."""

    values: dict[str, Any]
    pictures: tuple[tuple[str, SmallPicture], ...] = ()


class Tools:
    """The corpus that the settings name, asked one question at a time.

    The database is opened for each question and closed after it, so that indexing may go on in
    between; the model is kept.
    """

    def __init__(
        self, settings: Settings, load_encoder: Callable[[Settings, str], Encoder] | None = None
    ) -> None:
        """``load_encoder`` is replaced in tests."""
        from searchengine.encoders.configured import load_questions_encoder

        self._settings = settings
        self._load_encoder = cache(partial(load_encoder or load_questions_encoder, settings))

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        where: str | None = None,
        sides: Sides = "image",
        relevant_only: bool = False,
        pictures: bool = False,
    ) -> Told:
        """Find what a query says. Raises the package's errors."""
        with self._engine() as engine:
            results = engine.search(
                query, **_part(limit, where, sides), relevant_only=relevant_only, fold=True
            )
        return _told(results, pictures)

    def similar(
        self,
        item: str,
        *,
        limit: int = 10,
        where: str | None = None,
        sides: Sides = "image",
        pictures: bool = False,
    ) -> Told:
        """Find what is like an indexed item, named by id, path or uri. It is left out itself."""
        from searchengine.query.terms import Known

        with self._engine() as engine:
            (known,) = engine.items([item])
            results = engine.find(Known(known.id), exclude_self=True, **_part(limit, where, sides))
        return _told(results, pictures)

    def show(self, items: Sequence[str], *, size: int = 512) -> Told:
        """Return all that is known of indexed items, and their pictures."""
        if not 1 <= len(items) <= MOST_SHOWN:
            raise QueryError(f"show takes 1 to {MOST_SHOWN} items, not {len(items)}")
        with self._engine() as engine:
            found = engine.items(items)
        made = [(item, _picture_of(item, size)) for item in found]
        return Told(
            {"items": [_shown(item, picture) for item, picture in made]},
            tuple((item.id, one) for item, one in made if isinstance(one, SmallPicture)),
        )

    @contextmanager
    def _engine(self) -> Iterator[SearchEngine]:
        from searchengine.query.engine import SearchEngine
        from searchengine.query.resolve import Access
        from searchengine.store.configured import open_configured_store

        settings = self._settings
        with SearchEngine(
            open_configured_store(settings, to_ask=True),
            self._load_encoder,
            corpus=settings.corpus,
            model=settings.model.name or None,
            access=Access(files=False),  # what a page told the assistant to open is not opened
            pool=settings.query.pool,
            prompts=settings.query.prompts,
            cache_dir=settings.cache_dir,
            keep=settings.query.keep,
        ) as engine:
            yield engine


def _part(limit: int, where: str | None, sides: Sides) -> dict[str, Any]:
    if not 1 <= limit <= MOST_HITS:
        raise QueryError(f"limit is 1 to {MOST_HITS}, not {limit}")
    return {"limit": limit, "where": where, "modality": None if sides == "both" else sides}


def _told(results: Results, pictures: bool) -> Told:
    values: dict[str, Any] = {
        "hits": [_brief(hit) for hit in results.hits],
        "searched": results.total,
        "notes": list(results.notes),
    }
    if not pictures:
        return Told(values)
    made = [(hit.id, small_picture(hit, THUMBNAIL)) for hit in results.hits[:MOST_SHOWN]]
    return Told(values, tuple((key, one) for key, one in made if isinstance(one, SmallPicture)))


_SAID = (
    "path",
    "caption",
    "taken_at",
    "width",
    "height",
    "camera",
    "latitude",
    "longitude",
    "meta",
)


def _brief(hit: Hit) -> dict[str, Any]:
    """Return what an assistant needs of a hit: the rest is a ``show`` away."""
    told = hit_as_json(hit)
    known = {name: told["metadata"][name] for name in _SAID if name in told["metadata"]}
    if "path" not in known:
        known["uri"] = hit.uri
    return {
        "rank": hit.rank,
        "id": hit.id,
        "modality": hit.modality,
        "relevance": told["relevance"],
        "score": None if told["score"] is None else round(told["score"], 4),
        **({"near_identical": len(hit.folded)} if hit.folded else {}),
        **known,
    }


def _picture_of(item: Item, size: int) -> SmallPicture | str:
    hit = Hit(1, item.id, item.uri, 1.0, item.modality, {"meta": item.meta})
    return small_picture(hit, size)


def _shown(item: Item, picture: SmallPicture | str) -> dict[str, Any]:
    told = item_json(item)
    if isinstance(picture, str) and item.modality == "image":
        told["no_picture"] = picture
    return told
