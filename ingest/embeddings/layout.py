"""Which files of a folder belong together, and what each of its rows says."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.sources.reading import describe
from searchengine.errors import DecodeError, NotFoundError, ReadError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from searchengine.records import Modality

FOLDERS: dict[Modality, str] = {"image": "img_emb", "text": "text_emb"}
METADATA = "metadata"
CARD = "searchengine.json"
"""What an export of ours says of itself; other writers leave none."""

_NUMBER = re.compile(r"(\d+)\.[a-z]+$")


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of vectors and the file of metadata with as many rows."""

    vectors: Path
    metadata: Path | None
    """``None`` where there is none."""


@dataclass(frozen=True, slots=True)
class Card:
    """What made the vectors of an export of ours."""

    model: str
    fingerprint: str


def find_shards(folder: Path, modality: Modality) -> list[Shard]:
    """Return the shards of a folder in the order of their numbers.

    Raises ``NotFoundError`` for a folder that is not there, ``UsageError`` for
    one that is not in this layout.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}")
    wanted = folder / FOLDERS[modality]
    vectors = sorted(wanted.glob("*.npy"), key=_order)
    metadata = {_order(path)[0]: path for path in (folder / METADATA).glob("*.parquet")}
    if not vectors or not metadata:
        missing = f"{FOLDERS[modality]}/*.npy" if not vectors else f"{METADATA}/*.parquet"
        raise UsageError(
            f"{folder} holds no {missing}",
            hint="a folder as clip-retrieval writes it has img_emb/img_emb_0.npy (or text_emb/...) "
            "and metadata/metadata_0.parquet",
        )
    return [Shard(path, metadata.get(_order(path)[0])) for path in vectors]


def _order(path: Path) -> tuple[int, str]:
    found = _NUMBER.search(path.name)
    return (int(found[1]) if found else -1, path.name)


def open_vectors(path: Path) -> npt.NDArray[np.floating[Any]]:
    """Return a file of vectors, (rows, dim), mapped rather than read.

    Raises ``ReadError`` and ``DecodeError``.
    """
    import numpy as np

    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ReadError(describe(error)) from error
    except (ValueError, EOFError) as error:
        raise DecodeError(f"no NumPy array of numbers: {error}") from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f":
        shape = getattr(vectors, "shape", None)
        kind = getattr(vectors, "dtype", "several arrays")
        raise DecodeError(f"holds {kind} of shape {shape}, not vectors (rows, dim)")
    return vectors


def read_card(folder: Path) -> Card | None:
    """Return what an export of ours says of its model; ``None`` for another's."""
    try:
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return Card(str(values["model"]), str(values["fingerprint"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
