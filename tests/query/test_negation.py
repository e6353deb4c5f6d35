"""What a text says is not wanted."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.query.negation import split_negation


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("a beach without people", "a beach", ("people",)),
        ("A BEACH WITHOUT PEOPLE", "A BEACH", ("PEOPLE",)),
        ("a beach without any people", "a beach", ("people",)),
        ("a beach  without \n people", "a beach", ("people",)),
        ("a street with no cars", "a street", ("cars",)),
        ("a street, no cars", "a street", ("cars",)),
        ("street no cars", "street", ("cars",)),
        ("a room and there are no chairs", "a room", ("chairs",)),
        ("dogs but not cats", "dogs", ("cats",)),
        ("dogs, but not cats", "dogs", ("cats",)),
        ("a dog, not a cat", "a dog", ("a cat",)),
        ("a beach and not a desert", "a beach", ("a desert",)),
        ("all fruit except apples", "all fruit", ("apples",)),
        ("all fruit except for the apples", "all fruit", ("apples",)),
        ("vehicles excluding trains", "vehicles", ("trains",)),
        ("a man not wearing a hat", "a man", ("wearing a hat",)),
        ("a boat not on a beach", "a boat", ("on a beach",)),
        # Several things
        ("a beach without people or dogs", "a beach", ("people", "dogs")),
        ("a beach without people and dogs", "a beach", ("people", "dogs")),
        ("a beach without people, cars or dogs", "a beach", ("people", "cars", "dogs")),
        ("no people, no cars, a street", "a street", ("people", "cars")),
        ("a room without a cat and no dog", "a room", ("a cat", "dog")),
        ("cat without dog without bird", "cat", ("dog", "bird")),
        # Where it ends
        ("a beach without people, palm trees", "a beach, palm trees", ("people",)),
        ("a beach without people but with dogs", "a beach with dogs", ("people",)),
        ("a man without a hat with a beard", "a man with a beard", ("a hat",)),
        ("no cats and a red boat", "a red boat", ("cats",)),
        ("a street without cars at night", "a street at night", ("cars",)),
        ("a house without snow in winter", "a house in winter", ("snow",)),
        ("a dog (without a collar) on grass", "a dog on grass", ("a collar",)),
        ("a sky without clouds. a red kite", "a sky. a red kite", ("clouds",)),
        ("a room without people while it rains", "a room while it rains", ("people",)),
        ('a wall without paint "no war"', 'a wall "no war"', ("paint",)),
        # Nothing left: whoever asks decides
        ("no cars", "", ("cars",)),
        ("not a cat", "", ("a cat",)),
        ("without people", "", ("people",)),
        ("no cats or dogs", "", ("cats", "dogs")),
        # Chinese
        ("没有人的海滩", "海滩", ("人",)),
        ("沒有人的海灘", "海灘", ("人",)),
        ("一个没有人的海滩", "一个海滩", ("人",)),
        ("没人的街道", "街道", ("人",)),
        ("无人的街道", "街道", ("人",)),
        ("不带帽子的男人", "男人", ("帽子",)),
        ("不含糖的咖啡", "咖啡", ("糖",)),
        ("不是红色的车", "车", ("红色",)),
        ("海滩没有人", "海滩", ("人",)),
        ("海滩，不要人", "海滩", ("人",)),
        ("海滩上没有任何人", "海滩上", ("人",)),
        ("海滩上没有人和车", "海滩上", ("人", "车")),
        ("没有人、车或者狗的街道", "街道", ("人", "车", "狗")),
        ("狗，但不要猫", "狗", ("猫",)),
        ("狗而不是猫", "狗", ("猫",)),
        ("没有云的蓝色的天空", "蓝色的天空", ("云",)),
        ("一只没有尾巴的猫，在草地上", "一只猫，在草地上", ("尾巴",)),
        ("不要猫", "", ("猫",)),
        ("a beach 没有人", "a beach", ("人",)),
    ],
)
def test_what_is_not_wanted_is_taken_out(text: str, wanted: str, unwanted: tuple[str, ...]) -> None:
    assert split_negation(text) == (wanted, unwanted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "a red boat",
        " two  spaces stay ",
        "without",
        "a beach without",
        "no",
        "not",
        "knots, nowhere, a notebook, nobody",
        "no-one on the beach",
        "a no entry sign",
        "no smoking",
        "no parking zone",
        "no dogs allowed",
        "a no dogs sign",
        "a no left turn sign",
        "no. 5 perfume",
        "chanel no 5",
        "no man's land",
        "no way out",
        "a sign saying no dogs",
        "a sign that reads: no cameras, no food",
        "a T-shirt with the words not today",
        'a poster "no war"',
        "a poster “no war”",
        "a book titled Life Without You",
        "Doctors Without Borders",
        "without a doubt a cat",
        "a rebel without a cause",
        "to do without, bravely",
        "a man not without a hat",
        "forget-me-not flowers",
        "whether or not",
        "page not found",
        "not only dogs, also cats",
        "not far from the sea",
        "a man who is not smiling",
        "a child that does not eat",
        "a cannot, a knot",
        "无人机",
        "一架无人机的照片",
        "无线的耳机",
        "无花果",
        "无人岛的海滩",
        "沉没的船",
        "没关系",
        "没有问题的答案",
        "有没有猫",
        "「不要停车」",
        "牌子上写着不要停车",
        "海滩，没有",
    ],
)
def test_what_negates_nothing_stays_as_it_is(text: str) -> None:
    assert split_negation(text) == (text, ())


_DENIALS = ("no", "not", "without", "except", "exclud", *"没沒无無不")


@given(st.text(max_size=80))
def test_a_text_without_such_words_comes_back_unchanged(text: str) -> None:
    if not any(word in text.lower() for word in _DENIALS):
        assert split_negation(text) == (text, ())


_WORDS = """a the red beach people cars dog without with no not but and or except at night in snow
entry sign saying , . ; ( ) " 没有 人 的 海滩 不要 无 、 ，"""


@given(st.lists(st.sampled_from(_WORDS.split()), max_size=14).map(" ".join))
def test_nothing_is_invented_and_no_empty_thing_is_named(text: str) -> None:
    wanted, unwanted = split_negation(text)
    if not unwanted:
        assert wanted == text
    for thing in unwanted:
        assert thing.strip()
        assert thing in " ".join(text.split())
    letters = iter(text)
    assert all(letter in letters for letter in wanted.replace(" ", ""))  # in the text's order
    total = len(wanted) + sum(map(len, unwanted))
    assert total <= len(text)


@given(st.sampled_from(["cat", "red boat", "palm tree"]), st.sampled_from(["dog", "old car"]))
def test_both_halves_survive(one: str, other: str) -> None:
    for form in ("{} without {}", "{} but not {}", "{}, no {}", "{} with no {}", "no {1}, {0}"):
        text = form.format(one, other)
        assert split_negation(text) == (one, (other,))


@pytest.mark.parametrize(
    "text",
    [
        "no " * 20_000,
        "no entry " * 7_000,
        "x without a a a a a, " * 3_000,
        "without " + "a, " * 20_000,
        "a" + " " * 60_000 + "b without c",
        '"' * 60_000,
        "「" * 60_000,
        "，" * 60_000 + "没有人",
        "没有" * 30_000,
        "没有人、" * 15_000,
        "(" * 60_000 + "without a",
    ],
    ids=lambda text: text[:12],
)
def test_the_longest_texts_take_no_time(text: str) -> None:
    began = time.process_time()
    split_negation(text)
    assert time.process_time() - began < 3
