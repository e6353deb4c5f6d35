"""CLIP's tokenizer without torch: byte-pair encoding over the vocabulary that OpenCLIP ships.

The tokens are those of ``open_clip.tokenizer.SimpleTokenizer``, cleaning included (Radford et al.
2021, "Learning Transferable Visual Models From Natural Language Supervision", section 2.4); a test
holds the two together over all kinds of text. OpenCLIP's own imports torch, which takes longer
than everything else that a question needs.
"""

from __future__ import annotations

import functools
import html
import itertools
import re
import string
import zlib
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from searchengine.encoders.architectures import package_file
from searchengine.errors import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

Cleaning = Literal["lower", "whitespace", "canonicalize"]

_VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
_MERGES = 49152 - 256 - 2
"""How many of the file's lines CLIP uses, the one with its version left out."""
_BYTES_A_STEP = 1 << 16
_WORDS_KEPT = 4096
_START, _END = "<start_of_text>", "<end_of_text>"
_WORD_END = "</w>"
# The same pattern twice. Python's own ``re`` knows no classes of letters and digits, and ``regex``
# takes as long to import as a query to be read: so it is left to texts beyond ASCII.
_ASCII_WORDS = re.compile(
    rf"{_START}|{_END}|'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+", re.IGNORECASE
)
_ANY_WORDS = rf"{_START}|{_END}|'s|'t|'re|'ve|'m|'ll|'d|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+"
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


class ClipTokenizer:
    """Texts to tokens, as OpenCLIP's ``SimpleTokenizer`` gives them."""

    def __init__(self, *, cleaning: Cleaning = "lower") -> None:
        """Read the vocabulary; raise ``ModelUnavailableError`` where OpenCLIP's is not found."""
        self._clean = _CLEANINGS[cleaning]
        self._merges = _merges()
        self.start = 2 * len(_LETTERS) + len(self._merges)
        self.end = self.start + 1
        self._word = functools.lru_cache(_WORDS_KEPT)(self._encode_word)

    def __call__(self, texts: Sequence[str], context_length: int) -> npt.NDArray[np.int64]:
        """Return int64 (n, context_length): begin mark, tokens, end mark, zeros.

        A text that is too long loses its end; its last token is the end mark.
        """
        rows = np.zeros((len(texts), context_length), np.int64)
        for row, text in zip(rows, texts, strict=True):
            tokens = [self.start, *self.encode(text), self.end]
            if len(tokens) > context_length:
                tokens = [*tokens[: context_length - 1], self.end]
            row[: len(tokens)] = tokens
        return rows

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, however many, without marks."""
        cleaned = self._clean(text)
        plain = cleaned.isascii() and cleaned.isprintable()
        words = _ASCII_WORDS.findall(cleaned) if plain else _any_words().findall(cleaned)
        return [token for word in words for token in self._word(word)]

    def _encode_word(self, word: str) -> tuple[int, ...]:
        """Join the pair that was learned first, everywhere in the word, until none is left."""
        if word in (_START, _END):
            return (self.start if word == _START else self.end,)
        letters = [_LETTERS[byte] for byte in word.encode("utf-8")]
        tokens = [token for _, token in letters]
        tokens[-1] += len(_LETTERS)  # letters that end a word come after all others
        parts = [letter for letter, _ in letters]
        parts[-1] += _WORD_END
        never = len(self._merges)
        while len(parts) > 1:
            ranks = [self._merges.get(f"{a} {b}", never) for a, b in itertools.pairwise(parts)]
            best = min(ranks)
            if best == never:
                break
            _join(parts, tokens, ranks, best)
        return tuple(tokens)


def clip_tokenizer(text_cfg: Mapping[str, Any]) -> ClipTokenizer | None:
    """Return the tokenizer of a text tower, ``None`` where its configuration asks for another."""
    options = dict(text_cfg.get("tokenizer_kwargs") or {})
    cleaning = options.pop("clean", "lower")
    if text_cfg.get("hf_tokenizer_name") or options or cleaning not in get_args(Cleaning):
        return None
    return ClipTokenizer(cleaning=cleaning)


def _join(parts: list[str], tokens: list[int], ranks: list[int], rank: int) -> None:
    """Join, in place and from the left, the pairs that have this rank; they share no part."""
    at = 0
    while at < len(ranks):
        if ranks[at] != rank:
            at += 1
            continue
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        tokens[at : at + 2] = [2 * len(_LETTERS) + rank]
        # The pairs on either side have changed; what they are worth is looked up next time round.
        ranks[at : at + 2] = [-1] if at + 1 < len(ranks) else []
        at += 1


@functools.cache
def _merges() -> dict[str, int]:
    """Return the pairs that are joined, "a b", with their rank. 5 ms: a fifth of the file."""
    path = package_file(_VOCABULARY)
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    text = b""
    try:
        with path.open("rb") as file:
            while text.count(b"\n") <= _MERGES and (some := file.read(_BYTES_A_STEP)):
                text += unpack.decompress(some)
        lines = text.decode("utf-8", "ignore").split("\n")[1 : _MERGES + 1]
    except (OSError, zlib.error) as error:
        raise _damaged(path, str(error)) from error
    if len(lines) < _MERGES:
        raise _damaged(path, f"it holds {len(lines):,} merges of {_MERGES:,}")
    return dict(zip(lines, range(_MERGES), strict=True))


def _damaged(path: Path, why: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"OpenCLIP's vocabulary {path} cannot be read: {why}",
        hint="pip install --force-reinstall --no-deps open_clip_torch",
    )


def _letters() -> tuple[tuple[str, int], ...]:
    """Return for each byte the letter that stands for it in the vocabulary, and its token.

    Printing bytes stand for themselves and come first, the others begin at U+0100 (GPT-2's table).
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printing)]
    places = {byte: place for place, byte in enumerate(printing + others)}
    signs = {byte: chr(byte) for byte in printing}
    signs.update((byte, chr(0x100 + at)) for at, byte in enumerate(others))
    return tuple((signs[byte], places[byte]) for byte in range(256))


_LETTERS = _letters()


@functools.cache
def _any_words() -> Any:
    import regex

    return regex.compile(_ANY_WORDS, regex.IGNORECASE)


def _repaired(text: str) -> str:
    """Mend what was decoded wrongly and resolve entities; printing ASCII has none of the former."""
    if not (text.isascii() and text.isprintable() and "&" not in text):
        import ftfy

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return text.strip()


def _on_one_line(text: str) -> str:
    return " ".join(_repaired(text).split())


def _lowered(text: str) -> str:
    return _on_one_line(text).lower()


def _canonical(text: str) -> str:
    bare = _repaired(text).replace("_", " ").translate(_WITHOUT_PUNCTUATION)
    return " ".join(bare.lower().split())


_CLEANINGS: dict[Cleaning, Callable[[str], str]] = {
    "lower": _lowered,
    "whitespace": _on_one_line,
    "canonicalize": _canonical,
}
