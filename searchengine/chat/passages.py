"""Hits packed into a budget of items and tokens, best first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from searchengine.chat.tokens import cut_to, image_tokens, text_tokens
from searchengine.present.strict_json import clean_text, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from searchengine.chat.pictures import SmallPicture
    from searchengine.records import Hit

_LEAST_CUT = 24
"""Tokens below which the beginning of a text is not worth its heading."""
_META_TOKENS = 120
_FACTS = (("taken_at", "taken"), ("camera", "camera"), ("folder", "folder"))


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be given to a chat model."""

    items: int = 8
    tokens: int = 4_000
    pictures: bool = True
    side: int = 384
    """Pixels of a picture's longer side."""
    image_tokens: int | None = None
    """What the model charges for a picture; ``None``: see ``chat.tokens``."""

    def cost(self, picture: SmallPicture) -> int:
        """Return the tokens of a picture."""
        return self.image_tokens or image_tokens(picture.width, picture.height)


@dataclass(frozen=True, slots=True)
class Passage:
    """One hit as it is shown to a model."""

    number: int
    """What it is cited by, from 1."""
    hit: Hit
    text: str
    """A heading with what is known of it, then its caption, or the text itself."""
    picture: SmallPicture | None
    tokens: int
    cut: bool
    """Whether there is more text than was shown."""
    note: str = ""
    """Why there is no picture, where there should be one."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What fits."""

    passages: tuple[Passage, ...]
    tokens: int
    left_out: int
    """Hits that did not fit, of those that there were to be packed."""


def pack(
    hits: Iterable[Hit],
    budget: Budget,
    picture_of: Callable[[Hit, int], SmallPicture | str],
    *,
    spent: int = 0,
) -> Packed:
    """Return as many hits as fit, in their order.

    A hit whose picture does not fit is shown without; a text that does not fit, cut; what does not
    fit even so is left out, and the next may. ``spent`` tokens are gone already: the question's.
    """
    passages: list[Passage] = []
    left, skipped = budget.tokens - spent, 0
    for hit in hits:
        fitting = None
        if len(passages) < budget.items:
            fitting = _fit(hit, len(passages) + 1, left, budget, picture_of)
        if fitting is None:
            skipped += 1
        else:
            passages.append(fitting)
            left -= fitting.tokens
    return Packed(tuple(passages), budget.tokens - left, skipped)


def _fit(
    hit: Hit,
    number: int,
    left: int,
    budget: Budget,
    picture_of: Callable[[Hit, int], SmallPicture | str],
) -> Passage | None:
    head, body = heading(hit, number), body_of(hit)
    head_tokens, whole = text_tokens(head), text_tokens(f"{head}\n{body}")
    shown = body
    if whole > left:
        room = left - head_tokens - 1
        shown = cut_to(body, room) if room >= _LEAST_CUT else ""
        if not shown:
            return None
    text = f"{head}\n{shown}" if shown else head
    tokens = text_tokens(text)
    picture, note = None, ""
    if budget.pictures and hit.modality == "image":
        found = picture_of(hit, budget.side)
        if isinstance(found, str):
            note = found
        elif tokens + budget.cost(found) <= left:
            picture = found
            tokens += budget.cost(found)
        else:
            note = "no room for the picture"
    if hit.modality == "image" and picture is None and not body and budget.pictures:
        return None  # a heading alone answers nothing
    return Passage(number, hit, text, picture, tokens, shown != body, note)


def heading(hit: Hit, number: int) -> str:
    """Return one line that says what a hit is."""
    known = hit.metadata
    facts = [f"{word} {clean_text(str(known[key]))}" for key, word in _FACTS if known.get(key)]
    if known.get("latitude") is not None and known.get("longitude") is not None:
        facts.append(f"at {known['latitude']:.5f}, {known['longitude']:.5f}")
    if meta := known.get("meta"):
        facts.append(cut_to(json.dumps(plain(meta), ensure_ascii=False), _META_TOKENS))
    name = clean_text(unquote(hit.uri.rpartition("/")[2])) or hit.id
    return "; ".join([f"[{number}] {hit.modality} {name}", *facts]).replace("\n", " ")


def body_of(hit: Hit) -> str:
    """Return the caption of a picture, or a text item's text."""
    return clean_text(str(hit.metadata.get("caption") or "")).strip()
