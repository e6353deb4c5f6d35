"""Whether the service can do what it is for: tried once before it says so, and whenever asked."""

from __future__ import annotations

import io
import logging
import threading
import time
from typing import TYPE_CHECKING

from searchengine.encoders.contract import Adapts
from searchengine.errors import SearchEngineError
from searchengine.query.terms import RawVector
from searchengine.records import MODALITIES

if TYPE_CHECKING:
    from searchengine.service.corpora import Corpora
    from searchengine.store.contract import SideInfo

_log = logging.getLogger(__name__)
_TEXT = "a photo of a dog"
_PICTURE = (64, 64)
_PAUSE_S = 2.0


class Warmth:
    """Loads the model and tries it, in a thread of its own, until that has worked once."""

    def __init__(self, corpora: Corpora) -> None:
        self._corpora = corpora
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._warm_up, name="warm up", daemon=True)
        self._reason = "the model is being loaded"
        self.is_warm = False

    @property
    def reason(self) -> str:
        """Why it is not warm yet."""
        return self._reason

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Try no further; what is being tried is waited for, a little."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_PAUSE_S)

    def _warm_up(self) -> None:
        while not self._stopping.is_set():
            try:
                try_out(self._corpora, self._corpora.settings.corpus)
                for encoder in self._corpora.encoders():
                    if isinstance(encoder, Adapts):
                        encoder.settle()  # else it would be done in the midst of serving
            except SearchEngineError as error:
                if not self._stopping.is_set() and self._reason != str(error):
                    _log.warning("not ready: %s", error)
                self._reason = str(error)
            except Exception as error:
                if self._stopping.is_set():
                    return  # the database has been closed under it
                self._reason = f"{type(error).__name__}: {error}"
                _log.exception("not ready")
            else:
                self.is_warm = True
                _log.info("ready")
                self._warm_up_others()
                return
            self._stopping.wait(_PAUSE_S)

    def _warm_up_others(self) -> None:
        """Load the models of the other corpora, too: the first question need not wait for them."""
        try:
            first = {info.model: info for info in reversed(self._corpora.sides())}
            for model in self._corpora.models()[1:]:
                if not self._stopping.is_set() and model in first:
                    try_out(self._corpora, first[model].side.corpus)
        except SearchEngineError as error:
            if not self._stopping.is_set():
                _log.warning("a model is not ready: %s", error)
        except Exception:
            if not self._stopping.is_set():  # else the database has been closed under it
                _log.exception("a model is not ready")


def try_out(corpora: Corpora, corpus: str) -> dict[str, float]:
    """Encode a text and a picture and search for the text; return what took how many seconds.

    That is in this corpus, or where it is not there, in the first one. Of a database that holds
    nothing, it is enough that it answers. Nothing is taken from a cache. Raises what these raise.
    """
    took: dict[str, float] = {}
    start = time.perf_counter()
    info = _side(corpora.sides(), corpus)
    took["database"] = time.perf_counter() - start
    if info is None:
        return took
    engine = corpora.engine(info.side.corpus)
    encoder = engine.encoder(info)
    start = time.perf_counter()
    vector = encoder.encode_texts([_TEXT])[0]
    took["text"] = time.perf_counter() - start
    start = time.perf_counter()
    encoder.encode_images(corpora.prepare(encoder, _picture())[None])
    took["picture"] = time.perf_counter() - start
    start = time.perf_counter()
    asked = RawVector(tuple(vector.tolist()), "text")
    engine.find(asked, limit=1, modality=info.side.modality, fresh=False)
    took["search"] = time.perf_counter() - start
    return took


def _side(sides: list[SideInfo], corpus: str) -> SideInfo | None:
    named = [info for info in sides if info.side.corpus == corpus]
    return min(named or sides, key=lambda info: MODALITIES.index(info.side.modality), default=None)


def _picture() -> bytes:
    """Return a picture as it might be sent."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", _PICTURE, "grey").save(out, "JPEG")
    return out.getvalue()
