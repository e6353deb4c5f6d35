"""What a side is called inside Milvus, and what is written down beside it."""

from __future__ import annotations

import hashlib
import json
import re
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
FIRST = "1"
"""The version that a corpus begins with, and that whatever bears no version is of."""
_DRAFT = "_draft"
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
    version: str = FIRST
    """Of the corpus; both sides of a version bear the same."""
    previous: str = ""
    """The version that this one took the place of, while one can go back to it."""
    made: int = 0
    """When the collection was made, in seconds since the epoch; 0 where it is not known."""
    schema: int = SCHEMA_VERSION

    @property
    def side(self) -> Side:
        """The side the collection holds, were its version live."""
        return Side(self.corpus, self.modality)


def alias_of(side: Side) -> str:
    """Return the alias a side is reached by: legal in Milvus whatever the corpus is called.

    A readable part, and a digest that keeps apart what the readable part merges. A draft has one
    of its own.
    """
    check_corpus(side.corpus)
    slug = re.sub(r"[^a-z0-9]+", "_", side.corpus.lower()).strip("_")[:_SLUG]
    digest = hashlib.blake2b(side.corpus.encode("utf-8"), digest_size=8).hexdigest()
    return f"{PREFIX}{slug}_{digest}_{side.modality}{_DRAFT if side.draft else ''}"


def collection_of(side: Side, version: str = FIRST) -> str:
    """Return the physical name of a side's collection in a version of its corpus.

    Always the same, so that a second attempt finds what a crash left half made, and one side's
    sister is found by its version.
    """
    return f"{alias_of(Side(side.corpus, side.modality))}_{version}"


def next_version(live: str, fingerprint: str) -> str:
    """Return the version of a draft, by that encoder, beside the live version (empty: none).

    Always the same, so that two who begin it at once begin the same; and another encoder makes
    another, so that whoever still reads a draft that was thrown away reads no other's vectors.
    """
    said = f"{live} {fingerprint}".encode()
    return hashlib.blake2b(said, digest_size=6).hexdigest()


def check_corpus(corpus: str) -> None:
    """Raise ``QueryError`` unless the text can name a corpus."""
    data = corpus.encode("utf-8", "surrogatepass")
    if not corpus.strip() or len(data) > MAX_CORPUS_BYTES or not _encodable(corpus):
        raise QueryError(
            f"{corpus[:40]!r} cannot name a corpus",
            hint=f"A name has 1 to {MAX_CORPUS_BYTES} bytes of text.",
        )


def label_of(
    spec: SideSpec, profile: str, *, full_text: bool = False, version: str = FIRST
) -> Label:
    """Return the label of a side to be made."""
    return Label(
        corpus=spec.side.corpus,
        modality=spec.side.modality,
        model=spec.model,
        fingerprint=spec.fingerprint,
        dim=spec.dim,
        profile=profile,
        full_text=full_text,
        version=version,
    )


def check_label(label: Label, spec: SideSpec) -> None:
    """Raise ``MismatchError`` unless the side was made with the encoder that asks for it."""
    if (label.fingerprint, label.dim) != (spec.fingerprint, spec.dim):
        raise MismatchError(
            f"the {label.modality}s of corpus {label.corpus!r} were encoded by {label.model} "
            f"({label.dim}-d, {label.fingerprint[:12]}), not by {spec.model} "
            f"({spec.dim}-d, {spec.fingerprint[:12]})",
            hint=f"Use --model {label.model}, or index into another corpus."
            if spec.side.draft
            else f"Use --model {label.model}, or index beside it (--beside), then switch.",
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
