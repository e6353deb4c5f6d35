"""Vectors of what a request sends: which model, from texts, from pictures."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from searchengine.encoders.contract import CountsTokens
from searchengine.encoders.names import parse_model, public_name
from searchengine.errors import (
    DecodeError,
    LimitError,
    MismatchError,
    NotFoundError,
    QueryError,
    UnknownModelError,
)
from searchengine.query.prompts import default_prompts, encode_prompted
from searchengine.service.problems import at
from searchengine.service.schemas.embedding import MOST_CHARACTERS, MOST_PICTURES, OneInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.encoders.contract import Encoder, Vectors
    from searchengine.service.corpora import Corpora
    from searchengine.service.schemas.embedding import Input
    from searchengine.service.state import Service

_LOCAL = "local-dir:"


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing to be encoded: a text, or the bytes of a picture."""

    what: str | bytes
    pointer: str
    """Where in the request it stands."""


def choose_encoder(corpora: Corpora, name: str | None) -> Encoder:
    """Return a model that the service has, by its name, its preset's or its folder's.

    None is ever loaded that no corpus was made with. Raises ``UnknownModelError``, and
    ``NotFoundError`` where there is none at all.
    """
    models = corpora.models()
    if not models:
        raise NotFoundError("there is no model yet: nothing is indexed")
    if name is None:
        return corpora.encoder(models[0])
    by_name = {public_name(model): model for model in reversed(models)}
    found = by_name.get(name) or by_name.get(_canonical(name))
    if found is None:
        with at("/model"):
            raise UnknownModelError(
                f"this service has no model {name!r}", hint=f"it has: {', '.join(by_name)}"
            )
    return corpora.encoder(found)


def _canonical(name: str) -> str:
    try:
        return "" if name.startswith(_LOCAL) else str(parse_model(name))
    except UnknownModelError:
        return ""


def sent_inputs(inputs: str | Sequence[Input], pointer: str) -> list[Sent]:
    """Return what is to be encoded. Raises ``DecodeError`` for what is no base64."""
    if isinstance(inputs, str):
        return [_sent(inputs, pointer)]
    return [_sent(one, f"{pointer}/{place}") for place, one in enumerate(inputs)]


def _sent(one: Input, pointer: str) -> Sent:
    if isinstance(one, OneInput):
        if "image" not in one.model_fields_set:
            return Sent(one.text, f"{pointer}/text")
        return Sent(picture_bytes(one.image, f"{pointer}/image"), f"{pointer}/image")
    if one.startswith("data:image/"):
        return Sent(picture_bytes(one, pointer), pointer)
    if len(one) > MOST_CHARACTERS:
        with at(pointer):
            raise QueryError(f"a text may have {MOST_CHARACTERS:,} characters, not {len(one):,}")
    return Sent(one, pointer)


def picture_bytes(text: str, pointer: str) -> bytes:
    """Return the bytes in base64 or in a data URI (RFC 2397) of it. Raises ``DecodeError``.

    What they are is told by themselves, not by the URI's media type.
    """
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            with at(pointer):
                raise DecodeError("a data URI of a picture is data:image/...;base64,...")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        with at(pointer):
            raise DecodeError("this is no base64") from None


def encode_sent(service: Service, encoder: Encoder, sent: Sequence[Sent], prompts: str) -> Vectors:
    """Return the unit vectors of texts and pictures, float32 (n, dim), in their order.

    Raises ``DecodeError`` and ``LimitError`` that point at the picture which is none.
    """
    pictures = [place for place, one in enumerate(sent) if isinstance(one.what, bytes)]
    if len(pictures) > MOST_PICTURES:
        raise LimitError(f"{len(pictures)} pictures are more than {MOST_PICTURES} in one request")
    texts = [place for place, one in enumerate(sent) if isinstance(one.what, str)]
    vectors = np.empty((len(sent), encoder.dim), np.float32)
    words = [one.what for one in sent if isinstance(one.what, str)]
    if words:
        vectors[texts] = encode_texts(service.corpora, encoder, words, prompts)
    if pictures:
        pixels = [_pixels(service, encoder, sent[place]) for place in pictures]
        vectors[pictures] = encoder.encode_images(np.stack(pixels))
    return vectors


def encode_texts(corpora: Corpora, encoder: Encoder, texts: Sequence[str], prompts: str) -> Vectors:
    """Return unit vectors float32 (n, dim); the model is asked for those that are not kept.

    ``prompts`` as in ``query.prompts``, or ``auto``: what searches use.
    """
    if prompts == "auto":
        chosen = corpora.settings.query.prompts
        prompts = default_prompts(encoder.name) if chosen == "auto" else chosen
    kept, print_ = corpora.kept, encoder.fingerprint
    found = kept.find(print_, encoder.dim, texts, prompts)
    new = [text for text, vector in zip(texts, found, strict=True) if vector is None]
    if not new:
        return np.stack([vector for vector in found if vector is not None])
    made = encode_prompted(encoder, new, prompts)
    kept.keep(print_, new, prompts, made)
    rows = iter(made)
    return np.stack([next(rows) if vector is None else vector for vector in found])


def count_tokens(encoder: Encoder, sent: Sequence[Sent]) -> int:
    """Return how many tokens the texts are, as the model cuts them; words, where it has none."""
    texts = [one.what for one in sent if isinstance(one.what, str)]
    if isinstance(encoder, CountsTokens):
        return sum(encoder.count_tokens(texts)) if texts else 0
    return sum(len(text.split()) for text in texts)


def check_dimensions(encoder: Encoder, wanted: int | None) -> None:
    """Raise ``MismatchError`` for another number of dimensions than the model has."""
    if wanted is not None and wanted != encoder.dim:
        with at("/dimensions"):
            raise MismatchError(
                f"{public_name(encoder.name)} gives {encoder.dim} dimensions, not {wanted}",
                hint="leave dimensions out: a part of a vector of this model is no embedding",
            )


def _pixels(service: Service, encoder: Encoder, sent: Sent) -> np.ndarray:
    assert isinstance(sent.what, bytes)
    with at(sent.pointer):
        return service.corpora.prepare(encoder, sent.what)
