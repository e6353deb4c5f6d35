"""What a side is called inside Milvus, and what is written down beside it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchengine.errors import MismatchError, QueryError
from searchengine.records import MODALITIES, Modality, Side
from searchengine.store.contract import Effort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from searchengine.store.contract import SideSpec

PREFIX = "se_"
PROPERTY = "searchengine.side"
"""The collection property that holds a ``Label`` as JSON."""
SCHEMA_VERSION = 1
MAX_CORPUS_BYTES = 1024
_SLUG = 32


@dataclass(frozen=True, slots=True)
class Label:
    """What a collection says about itself; the corpus's name in full among it."""

    corpus: str
    modality: Modality
    model: str
    fingerprint: str
    dim: int
    profile: str
    """As asked for, ``auto`` included."""
    sized_for: int = 0
    """The number of items that the index's parameters were chosen for."""
    settled: bool = True
    """False from the first write to the end of ``settle``: a run that died between leaves it."""
    full_text: bool = False
    """Whether the collection has the column that captions are searched by. Of an earlier
    version's collection false: everything else works there as it did."""
    effort: Effort | None = None
    """How hard the index looks, where that has been measured."""
    schema: int = SCHEMA_VERSION

    @property
    def side(self) -> Side:
        """The side the collection holds."""
        return Side(self.corpus, self.modality)


def alias_of(side: Side) -> str:
    """Return the alias a side is reached by: legal in Milvus whatever the corpus is called.

    A readable part, and a digest that keeps apart what the readable part merges.
    """
    check_corpus(side.corpus)
    slug = re.sub(r"[^a-z0-9]+", "_", side.corpus.lower()).strip("_")[:_SLUG]
    digest = hashlib.blake2b(side.corpus.encode("utf-8"), digest_size=8).hexdigest()
    return f"{PREFIX}{slug}_{digest}_{side.modality}"


def first_collection(side: Side) -> str:
    """Return the physical name of a side's first collection.

    Always the same, so that a second attempt finds what a crash left half made.
    """
    return f"{alias_of(side)}_1"


def next_collection(side: Side) -> str:
    """Return a fresh physical name, to build beside a collection in use."""
    return f"{alias_of(side)}_{secrets.token_hex(4)}"


def check_corpus(corpus: str) -> None:
    """Raise ``QueryError`` unless the text can name a corpus."""
    data = corpus.encode("utf-8", "surrogatepass")
    if not corpus.strip() or len(data) > MAX_CORPUS_BYTES or not _encodable(corpus):
        raise QueryError(
            f"{corpus[:40]!r} cannot name a corpus",
            hint=f"A name has 1 to {MAX_CORPUS_BYTES} bytes of text.",
        )


def label_of(spec: SideSpec, profile: str, *, full_text: bool = False) -> Label:
    """Return the label of a side to be made."""
    return Label(
        corpus=spec.side.corpus,
        modality=spec.side.modality,
        model=spec.model,
        fingerprint=spec.fingerprint,
        dim=spec.dim,
        profile=profile,
        full_text=full_text,
    )


def check_label(label: Label, spec: SideSpec) -> None:
    """Raise ``MismatchError`` unless the side was made with the encoder that asks for it."""
    if (label.fingerprint, label.dim) != (spec.fingerprint, spec.dim):
        raise MismatchError(
            f"the {label.modality}s of corpus {label.corpus!r} were encoded by {label.model} "
            f"({label.dim}-d, {label.fingerprint[:12]}), not by {spec.model} "
            f"({spec.dim}-d, {spec.fingerprint[:12]})",
            hint=f"Use --model {label.model}, or index into another corpus.",
        )


def write_label(label: Label) -> dict[str, str]:
    """Return the label as collection properties."""
    values = {name: getattr(label, name) for name in Label.__slots__}
    values["effort"] = label.effort and {
        name: getattr(label.effort, name) for name in Effort.__slots__
    }
    return {PROPERTY: json.dumps(values, sort_keys=True)}


def read_label(description: Mapping[str, Any]) -> Label | None:
    """Return the label in a collection's description, ``None`` if it is none of ours."""
    text = (description.get("properties") or {}).get(PROPERTY)
    if not text:
        return None
    try:
        values = json.loads(text)
        # A label written by an earlier version lacks what has been added since.
        known = {name: values[name] for name in Label.__slots__ if name in values}
        label = Label(**{**known, "effort": _read_effort(known.get("effort"))})
    except (ValueError, KeyError, TypeError):
        return None
    return label if label.modality in MODALITIES else None


def _read_effort(values: Any) -> Effort | None:
    try:
        return Effort(**values) if values else None
    except TypeError:  # of a later version: the index looks as hard as by default
        return None


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
