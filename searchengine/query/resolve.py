"""From the terms of a question to vectors: read, decoded, encoded, or looked up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from searchengine.errors import DecodeError, NotFoundError, QueryError, ReadError
from searchengine.query.examples import indexed_twin, read_example
from searchengine.query.terms import Known, Picture, PictureAt, RawVector, Term, VectorAt, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from searchengine.encoders.contract import Encoder, Pixels
    from searchengine.fetching import Limits
    from searchengine.records import Modality

    Vector = npt.NDArray[np.float32]

_VECTOR_BYTES = 1 << 24
Settled = Words | Picture | Known | RawVector
"""What a term is once nothing is left to be read."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a question may make us open."""

    files: bool = True
    """Paths of this machine, and standard input."""
    net: bool = False
    """URLs."""
    limits: Limits | None = None
    """Of what is fetched; ``None``: the defaults."""
    max_bytes: int = 1 << 30
    max_pixels: int = 178_956_970
    prepare: Callable[[Encoder, bytes], Pixels] | None = None
    """From the bytes of a picture to an encoder's pixels, within the limits; ``None``: here."""


@dataclass(frozen=True, slots=True)
class TermVector:
    """A term as numbers."""

    weight: float
    kind: Modality
    vector: Vector
    """Unit, float32 (dim,)."""


class Indexed(Protocol):
    """What is known of indexed items."""

    def stat(self, key: str) -> tuple[int, int] | None:
        """Return an indexed image's (size, mtime_ns), ``None`` if it is not indexed."""

    def vector(self, key: str) -> tuple[Modality, Vector]:
        """Return an item's side and stored vector. Raises ``NotFoundError``."""


def settle(what: object, indexed: Indexed, access: Access) -> Settled:
    """Read what a term names. A file that is indexed and has not changed is known already."""
    if isinstance(what, PictureAt):
        if not access.files and not what.place.startswith(("http://", "https://")):
            raise QueryError("pictures cannot be named by path here", hint="send the picture")
        twin = indexed_twin(what.place, indexed.stat) if access.files else None
        return twin or read_example(
            what.place, allow_net=access.net, max_bytes=access.max_bytes, limits=access.limits
        )
    if isinstance(what, VectorAt):
        if not access.files:
            raise QueryError("vectors cannot be named by path here", hint="send the numbers")
        return read_vector(what.place)
    assert isinstance(what, Words | Picture | Known | RawVector)
    return what


def read_vector(place: str) -> RawVector:
    """Return the vector in a ``.npy`` or JSON file: one list of numbers, shape (dim,) or (1, dim).

    Raises ``NotFoundError``, ``ReadError`` and ``QueryError``.
    """
    import numpy as np

    path = Path(place).expanduser()
    if not path.is_file():
        raise NotFoundError(f"no such file: {path}", hint="vector: takes a .npy or a JSON file")
    if path.stat().st_size > _VECTOR_BYTES:
        raise QueryError(f"{path} is larger than any vector ({_VECTOR_BYTES:,} bytes)")
    try:
        data = path.read_bytes()
        values = (
            np.load(path, allow_pickle=False)
            if data.startswith(b"\x93NUMPY")
            else np.asarray(json.loads(data), dtype=np.float64)
        )
        flat = np.asarray(values, dtype=np.float64).squeeze()
    except OSError as error:
        raise ReadError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, RecursionError):
        raise QueryError(f"{path} holds no list of numbers") from None
    if flat.ndim != 1:
        raise QueryError(f"{path} holds an array of shape {values.shape}, not one vector")
    return RawVector(tuple(flat.tolist()))


def term_vectors(
    terms: Sequence[tuple[float, Settled]],
    indexed: Indexed,
    encode_texts: Callable[[Sequence[str]], npt.NDArray[np.float32]],
    encoder: Callable[[], Encoder],
    dim: int,
    access: Access,
) -> list[TermVector]:
    """Return the vectors of all terms, texts encoded together. No model for what needs none.

    Raises ``QueryError`` for a vector of another length, ``DecodeError`` for a
    picture that is none, ``NotFoundError`` for an item that is gone.
    """
    texts = [what.text for _, what in terms if isinstance(what, Words)]
    encoded = iter(encode_texts(texts)) if texts else iter(())
    vectors: list[TermVector] = []
    for weight, what in terms:
        if isinstance(what, Words):
            vectors.append(TermVector(weight, "text", next(encoded)))
        elif isinstance(what, Known):
            vectors.append(TermVector(weight, *indexed.vector(what.id)))
        elif isinstance(what, RawVector):
            vectors.append(TermVector(weight, what.kind, _unit(what, dim)))
        else:
            vectors.append(TermVector(weight, "image", _encoded(what, encoder(), access)))
    return vectors


def settled_terms(
    terms: Sequence[Term], indexed: Indexed, access: Access
) -> list[tuple[float, Settled]]:
    """Return the terms that count (no weight of 0), all of them read."""
    return [(term.weight, settle(term.what, indexed, access)) for term in terms if term.weight]


def _encoded(picture: Picture, encoder: Encoder, access: Access) -> Vector:
    try:
        pixels = _pixels(picture.data, encoder, access)
    except DecodeError as error:
        raise DecodeError(f"{picture.origin}: {error}", hint=error.hint) from None
    vector: Vector = encoder.encode_images(pixels[None])[0]
    return vector


def _pixels(data: bytes, encoder: Encoder, access: Access) -> Pixels:
    if access.prepare is not None:
        return access.prepare(encoder, data)
    from searchengine.encoders.pictures import prepare_picture

    return prepare_picture(encoder, data, max_pixels=access.max_pixels)[1]


def _unit(given: RawVector, dim: int) -> Vector:
    import numpy as np

    if len(given.values) != dim:
        raise QueryError(
            f"the vector has {len(given.values)} numbers, and the corpus's have {dim}",
            hint="give a vector of the model that made the corpus",
        )
    values = np.asarray(given.values, np.float64)
    values /= np.abs(values).max()  # lengths of 1e300 have no square
    return np.asarray(values / np.linalg.norm(values), np.float32)
