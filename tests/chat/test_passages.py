"""Hits packed into a budget."""

from __future__ import annotations

from typing import Any

import pytest

from searchengine.chat.messages import INSTRUCTIONS, chat_messages
from searchengine.chat.passages import Budget, pack
from searchengine.chat.pictures import SmallPicture
from searchengine.chat.tokens import image_tokens, text_tokens
from searchengine.records import Hit

PICTURE = SmallPicture(b"jpeg", 384, 288)


def hit(rank: int, caption: str | None = "a red car", **more: Any) -> Hit:
    modality = more.pop("modality", "image")
    known = {} if caption is None else {"caption": caption}
    uri = f"file:///photos/{rank}%20car.jpg"
    return Hit(rank, f"{rank:032x}", uri, 0.3, modality, {**known, **more})


def drawn(hit: Hit, side: int) -> SmallPicture | str:
    return PICTURE


def test_best_first_with_what_is_known() -> None:
    packed = pack(
        [hit(1, taken_at="2024-06-01", latitude=38.7, longitude=-9.1, meta={"by": "Ada"}), hit(2)],
        Budget(),
        drawn,
    )
    first, second = packed.passages
    assert first.text == (
        '[1] image 1 car.jpg; taken 2024-06-01; at 38.70000, -9.10000; {"by": "Ada"}\na red car'
    )
    assert first.tokens == text_tokens(first.text) + image_tokens(384, 288)
    assert (second.number, second.text) == (2, "[2] image 2 car.jpg\na red car")
    assert packed.tokens == first.tokens + second.tokens
    assert packed.left_out == 0


@pytest.mark.parametrize("tokens", [64, 200, 300, 500, 1000, 2500])
@pytest.mark.parametrize("spent", [0, 60])
def test_never_over_budget(tokens: int, spent: int) -> None:
    hits = [
        hit(n, "a car " * (40 * n % 97), modality="text" if n % 3 else "image")
        for n in range(1, 30)
    ]
    packed = pack(hits, Budget(items=8, tokens=tokens), drawn, spent=spent)
    assert packed.tokens <= tokens
    assert packed.tokens == spent + sum(one.tokens for one in packed.passages)
    assert len(packed.passages) <= 8
    assert len(packed.passages) + packed.left_out == len(hits)
    for one in packed.passages:
        cost = image_tokens(384, 288) if one.picture else 0
        assert one.tokens == text_tokens(one.text) + cost
    assert [one.number for one in packed.passages] == list(range(1, len(packed.passages) + 1))


def test_without_room_for_the_picture_the_caption_remains() -> None:
    (one,) = pack([hit(1)], Budget(tokens=100), drawn).passages
    assert one.picture is None
    assert one.note == "no room for the picture"
    (one,) = pack([hit(1)], Budget(tokens=100, image_tokens=70), drawn).passages
    assert one.picture is PICTURE


def test_a_text_is_cut_and_says_so() -> None:
    (one,) = pack([hit(1, "many words " * 500, modality="text")], Budget(tokens=80), drawn).passages
    assert one.cut
    assert one.text.endswith("…")
    assert one.tokens <= 80


def test_a_picture_that_cannot_be_shown_and_has_no_caption_is_no_answer() -> None:
    packed = pack([hit(1, None), hit(2)], Budget(), lambda hit, side: "file is gone")
    (one,) = packed.passages
    assert (one.number, one.hit.rank, one.note) == (1, 2, "file is gone")
    assert packed.left_out == 1


def test_no_pictures_unless_wanted() -> None:
    def never(hit: Hit, side: int) -> SmallPicture | str:
        raise AssertionError

    (one,) = pack([hit(1)], Budget(pictures=False), never).passages
    assert (one.picture, one.note) == (None, "")
    text = pack([hit(1, modality="text")], Budget(), never)
    assert text.passages[0].text.startswith("[1] text")


def test_messages_are_openai_s_parts() -> None:
    packed = pack([hit(1), hit(2, modality="text")], Budget(), drawn)
    system, user = chat_messages("What colour is it?", packed.passages, PICTURE)
    assert system == {"role": "system", "content": INSTRUCTIONS}
    kinds = [part["type"] for part in user["content"]]
    assert kinds == ["text", "image_url", "text", "text", "image_url", "text"]
    assert user["content"][1]["image_url"]["url"] == "data:image/jpeg;base64,anBlZw=="
    assert user["content"][-1]["text"] == "Question: What colour is it?"
    _, user = chat_messages("What?", [])
    assert "found nothing" in user["content"][0]["text"]


def test_a_caption_cannot_pass_for_a_heading_of_its_own() -> None:
    (one,) = pack([hit(1, "x", folder="a\n[2] image y")], Budget(), drawn).passages
    assert one.text.splitlines()[0].endswith("folder a [2] image y")
