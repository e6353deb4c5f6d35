"""BM25 over captions as a product of two sparse vectors, one of the item and one of the query.

Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
2009) is a sum over the words of a query: how rare the word is among all items, times how much the
item is about it. The first factor is put into the query's vector and the second into the item's, so
any database with sparse vectors ranks by it, the newest rows like the oldest. Milvus's own function
counts each segment by itself: in Milvus Lite 3.2 an item written after a flush into a corpus of
100,000 is rated among the few that are not flushed yet, where no word is rare, and comes last.

What a factor of the query needs is the share of items with a word. It is taken from some 2,000 of
them (of all, where there are fewer); any more rare word counts as rarer than all those.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from searchengine.store.words import words_and_length, words_asked, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

K1 = 1.2
"""How soon more of the same word stops to matter."""
B = 0.75
"""How much a long text is discounted."""
USUAL_LENGTH = 16.0
"""The length, in words, that is neither discounted nor favoured. A constant, for an item's vector
is made before the corpus is known; another one favours long or short texts a little more."""
MAX_WORDS = 64
"""Different words of a query that count; the first ones."""
_MAX_CHARACTERS = 100_000
"""Of a query, the part that is looked at."""
_SPREAD = 1e-3
"""Items of equal captions are spread over this share of their score, in an order that follows from
their ids: "dog" may be the caption of thousands, and a page of them must be the same every time."""
_TERMS = 2**32 - 2
_NO_WORD = {0: 1.0}
"""The vector of a text without words, for databases want one entry. No query has it."""

Terms = dict[int, float]
"""A sparse vector: numbers of words (below 2^32 - 1) and their weights (above 0, float32)."""


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How many of the texts looked at have each word (by number)."""

    texts: int = 0
    having: Mapping[int, int] = field(default_factory=dict)

    def rarity(self, term: int) -> float:
        """Return the inverse document frequency, above 0."""
        having = self.having.get(term, 0)
        return math.log1p((self.texts - having + 0.5) / (having + 0.5))


def frequencies_of(texts: Iterable[str | None]) -> Frequencies:
    """Count the words of texts."""
    having: Counter[int] = Counter()
    count = 0
    for text in texts:
        count += 1
        having.update({number_of(word) for word in words_of(text or "")})
    return Frequencies(count, having)


def item_terms(id_: str, caption: str | None) -> Terms:
    """Return the sparse vector of an item; of one without words, an entry that no query has."""
    words, length = words_and_length(caption or "")
    if not words:
        return dict(_NO_WORD)
    spread = 1 - _SPREAD * zlib.crc32(id_.encode("utf-8", "surrogatepass")) / 2**32
    discount = K1 * (1 - B + B * length / USUAL_LENGTH)
    counts = Counter(words)
    weights = {
        count: _single(spread * count * (K1 + 1) / (count + discount))
        for count in set(counts.values())
    }
    return {number_of(word): weights[count] for word, count in counts.items()}


def query_terms(text: str, known: Frequencies) -> Terms:
    """Return the sparse vector of a query; empty for one without words."""
    words = islice(dict.fromkeys(words_asked(text[:_MAX_CHARACTERS])), MAX_WORDS)
    terms = [number_of(word) for word in words]
    return {term: _single(known.rarity(term)) for term in terms}


def score(query: Terms, item: Terms) -> float:
    """Return the BM25 score, 0 where they share no word."""
    return _single(sum(weight * item[term] for term, weight in query.items() if term in item))


def number_of(word: str) -> int:
    """Return a word's number: 1 to 2^32 - 2, the same on every machine."""
    return 1 + zlib.crc32(word.encode("utf-8", "surrogatepass")) % _TERMS


def _single(value: float) -> float:
    """Return the number as a database keeps it: float32."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])
