"""The captions and pictures that relevance is measured against."""

from __future__ import annotations

import random
from itertools import pairwise

from searchengine.bank import (
    CAPTIONS_FILE,
    PICTURES,
    bank_captions,
    bank_digest,
    bank_pictures,
)
from searchengine.demo.captions import split_of
from searchengine.demo.scenes import sample_scene
from searchengine.query.relevance.words import make_captions


def test_the_file_is_what_its_command_writes() -> None:
    assert CAPTIONS_FILE.read_text(encoding="utf-8").splitlines() == make_captions()


def test_captions_are_a_thousand_different_lines_in_two_languages() -> None:
    captions = bank_captions()
    assert 950 <= len(captions) <= 1050
    assert len(set(captions)) == len(captions)
    assert all(line.strip() == line and line for line in captions)
    chinese = [line for line in captions if any("\u4e00" <= char <= "\u9fff" for char in line)]
    assert 150 <= len(chinese) <= 250


def test_articles_fit_their_nouns() -> None:
    for caption in bank_captions():
        words = caption.split()
        for article, noun in pairwise(words):
            if article == "a":
                assert noun[0] not in "aeio", caption
            if article == "an":
                assert noun[0] in "aeioux" or noun.startswith("X"), caption


def test_pictures_are_drawn_alike_each_time_from_scenes_no_test_uses() -> None:
    first, again = next(iter(bank_pictures())), next(iter(bank_pictures()))
    assert first.tobytes() == again.tobytes()
    assert sum(1 for _ in bank_pictures()) == PICTURES
    rng = random.Random(1)
    assert {split_of(sample_scene(rng)) for _ in range(200)} == {"train", "held-out"}


def test_the_digest_names_the_bank() -> None:
    assert len(bank_digest()) == 16
    assert bank_digest() == bank_digest()
