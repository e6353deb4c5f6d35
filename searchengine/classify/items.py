"""Labels for single items: indexed ones by their stored vectors, other pictures by their bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from searchengine.classify.classify import PAGE, Labelled, decide_rows, rows_of
from searchengine.errors import ItemError, NotFoundError, SearchEngineError
from searchengine.identity import file_uri
from searchengine.query.terms import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from searchengine.classify.decide import Decider
    from searchengine.query.engine import SearchEngine
    from searchengine.store.contract import SideInfo


def indexed_ids(engine: SearchEngine, info: SideInfo, keys: Sequence[str]) -> list[str]:
    """Return the ids of indexed items of a side, each once, by id, path or uri.

    Raises ``NotFoundError`` naming the first that is not indexed there.
    """
    ids: dict[str, None] = {}
    for item in engine.items(keys):
        if item.modality != info.side.modality:
            raise NotFoundError(
                f"{item.uri} is a {item.modality}, not a {info.side.modality}",
                hint=f"--modality {item.modality} labels those",
            )
        ids[item.id] = None
    return list(ids)


def classify_items(
    engine: SearchEngine,
    info: SideInfo,
    decider: Decider,
    keys: Sequence[str],
    *,
    on_failure: Callable[[str, SearchEngineError], None],
) -> Iterator[Labelled]:
    """Yield a verdict for each of the items given by id, path or uri.

    A picture that is not indexed (or has changed since) is read and encoded. What can be neither
    found nor read is told to ``on_failure``.
    """
    for start in range(0, len(keys), PAGE):
        for key in keys[start : start + PAGE]:
            try:
                yield _labelled(engine, info, decider, key)
            except (ItemError, NotFoundError) as error:
                on_failure(key, error)


def _labelled(engine: SearchEngine, info: SideInfo, decider: Decider, key: str) -> Labelled:
    path = Path(key).expanduser()
    if info.side.modality == "image" and path.is_file():
        example = engine.example(key)
        if isinstance(example, Picture):
            verdict = decider.decide(_encoded(engine, info, example)[None])[0]
            return Labelled("", file_uri(path.parent.resolve() / path.name), verdict)
        key = example.id
    ids = indexed_ids(engine, info, [key])
    return next(labelled for labelled, _ in decide_rows(rows_of(engine, info, ids), decider))


def _encoded(engine: SearchEngine, info: SideInfo, picture: Picture) -> npt.NDArray[np.float32]:
    from searchengine.encoders.pictures import prepare_picture

    encoder = engine.encoder(info)
    _, pixels = prepare_picture(encoder, picture.data, max_pixels=engine.access.max_pixels)
    vector: npt.NDArray[np.float32] = encoder.encode_images(pixels[None])[0]
    return vector
