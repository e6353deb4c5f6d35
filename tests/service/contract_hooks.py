"""What Schemathesis has to know to ask for things that make sense; it imports this file by itself.

A schema cannot say what a query or a filter is, which items there are, or how long a vector is.
Requests that are meant to be right are mended in these places; those that are meant to be wrong
are sent as they are. ``CONTRACT_WORLD`` names a JSON file: ``ids``, ``vector``.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.transport.serialization import Binary

from searchengine.store.filters import filter_to_json, parse_filter

FILTERS = (
    "width > 100",
    "width >= 10 and not height < 5",
    'mime == "image/jpeg" or caption ~* "car"',
    'folder startswith "/" and caption is not null',
    "taken_at >= 2020-01 and taken_at < 2030",
    'meta.by in ["Ann", "Bo"]',
    "latitude is null",
)
_WORDS = st.sampled_from(["a red car", "house", "ein Baum", "黄色的船", "zèbre", "2 cats?", "16:9"])
_TERMS = st.lists(
    st.tuples(st.sampled_from(["+", "-"]), st.sampled_from(["", "2:", "0.5:", "text:"]), _WORDS),
    max_size=3,
)
QUERIES = st.builds(
    lambda first, more: (
        first
        # What takes itself away leaves nothing to look for.
        + "".join(f" {sign} {weight}{words}" for sign, weight, words in more if words != first)
    ),
    _WORDS,
    _TERMS,
)
_QUESTIONS = st.fixed_dictionaries(
    {}, optional={"query": QUERIES, "limit": st.integers(1, 20), "fold": st.booleans()}
)

_RETRIEVALS = st.fixed_dictionaries(
    {}, optional={"question": _WORDS, "max_items": st.integers(1, 9), "images": st.booleans()}
)


def picture(seed: int) -> bytes:
    """A small picture, different for each seed."""
    dice = random.Random(seed)
    size = (dice.randint(1, 40), dice.randint(1, 40))
    image = Image.effect_noise(size, dice.random() * 99).convert("RGB")
    out = io.BytesIO()
    image.save(out, dice.choice(["PNG", "JPEG", "WEBP", "BMP", "GIF"]))
    return out.getvalue()


_PICTURES = st.integers(0, 500).map(lambda n: base64.b64encode(picture(n)).decode())


def register(world: dict[str, Any]) -> None:
    """Tell Schemathesis how values of the document's formats are made."""
    for name, strategy in {
        "item-id": st.sampled_from(world["ids"]),
        "query": QUERIES,
        "filter": st.sampled_from(FILTERS),
        "question": _QUESTIONS.map(json.dumps),
        "retrieval": _RETRIEVALS.map(json.dumps),
        "about": st.just("{}"),
        "item-uri": st.integers(0, 99).map("https://example.org/{}".format),
        "picture-url": st.integers(0, 99).map("https://example.org/{}.jpg".format),
        "base64-picture": _PICTURES,
        "binary": st.integers(0, 500).map(picture),
        "data-uri": _PICTURES.map("data:image/png;base64,{}".format),
    }.items():
        schemathesis.openapi.format(name, strategy)

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
        mend(case, world)
        # What was changed was right and stays right. Judged anew, the bytes of a picture would be
        # taken for no string, and the case for one that is meant to be wrong.
        case._sync_validated_hashes()


def mend(case: Any, world: dict[str, Any]) -> None:
    """Put into a case that is meant to be right what no schema says."""
    dice = random.Random(case.id)
    meta = case.meta

    def right(location: ParameterLocation) -> bool:
        """Whether this part is meant to be right, though another may be meant to be wrong."""
        if meta is None or meta.generation.mode == GenerationMode.POSITIVE:
            return True
        found = meta.components.get(location)
        wrong = getattr(meta.phase.data, "parameter_location", location)
        return found is not None and found.mode == GenerationMode.POSITIVE and wrong != location

    writes = case.method in ("DELETE", "POST") and "/items" in case.path
    if "corpus" in (case.path_parameters or {}) and right(ParameterLocation.PATH):
        case.path_parameters["corpus"] = "scratch" if writes else "scenes"
    if case.query and right(ParameterLocation.QUERY):
        case.query.pop("cursor", None)
        if case.query.get("text_weight") is not None:
            case.query["hybrid"] = True
    if not right(ParameterLocation.BODY) or not isinstance(case.body, dict):
        return
    if case.media_type == "multipart/form-data":
        if meta is not None and meta.generation.mode == GenerationMode.NEGATIVE:
            return  # which of its fields is meant to be wrong is not said
        # Schemathesis sends as files only what the document names: one picture.
        extra = set(case.body) - {"query", "about", "image", "request"}
        for name in extra:
            del case.body[name]
        if "image" not in case.body and "request" not in case.body:
            case.body["image"] = Binary(picture(dice.randrange(500)))
    else:
        _mend(case.body, world, dice)


def _mend(value: Any, world: dict[str, Any], dice: random.Random) -> None:
    if isinstance(value, list):
        for inner in value:
            _mend(inner, world, dice)
    if not isinstance(value, dict):
        return
    value.pop("cursor", None)
    if isinstance(value.get("filter"), dict):
        value["filter"] = filter_to_json(parse_filter(dice.choice(FILTERS)))
    if "terms" in value and not any(map(_has_words, value["terms"])):
        value.pop("hybrid", None)  # captions are searched for words
        value.pop("text_weight", None)
    if isinstance(value.get("vector"), list):
        value["vector"] = [x * dice.random() for x in world["vector"]]
    for inner in value.values():
        _mend(inner, world, dice)


def _has_words(term: Any) -> bool:
    return isinstance(term, dict) and "text" in term and term.get("weight", 1) > 0


if "CONTRACT_WORLD" in os.environ:
    register(json.loads(Path(os.environ["CONTRACT_WORLD"]).read_text()))
