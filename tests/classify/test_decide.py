"""One label, several, or none: against a plain loop, and by thresholds that can be read off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from searchengine.classify.classify import build_decider
from searchengine.classify.decide import Decider, label_cosines, owners_of
from searchengine.classify.labels import Label, parse_label
from searchengine.encoders.fake import FakeEncoder

from .conftest import cosine_judge, pictures

Make = Callable[..., Decider]


def test_the_nearest_label_is_the_plain_loop_s(decider: Make) -> None:
    labels = ("red", "green", "blue", "yellow")
    items = pictures("red", "blue", "green", "yellow", "orange", "cyan")
    verdicts = decider(*labels).decide(items)
    texts = FakeEncoder().encode_texts(list(labels))
    assert [one.nearest for one in verdicts] == [labels[n] for n in (items @ texts.T).argmax(1)]
    assert [one.names for one in verdicts[:4]] == [("red",), ("blue",), ("green",), ("yellow",)]


def test_none_where_nothing_fits(decider: Make) -> None:
    verdict = decider("red", "green").decide(pictures("blue"))[0]
    assert verdict.labels == ()
    assert decider("red", "green", threshold=0).decide(pictures("blue"))[0].labels != ()


def test_confidence_is_the_softmax_at_the_temperature(decider: Make) -> None:
    items = pictures("red")
    verdict = decider("red", "green", temperature=0.2).decide(items)[0]
    cosines = (items @ FakeEncoder().encode_texts(["red", "green"]).T)[0].astype(np.float64)
    assert verdict.confidence == pytest.approx(
        np.exp(cosines[0] / 0.2) / np.exp(cosines / 0.2).sum()
    )
    surer = decider("red", "green", temperature=0.02).decide(items)[0]
    assert surer.confidence > verdict.confidence


def test_a_label_is_as_near_as_its_nearest_description(decider: Make) -> None:
    warm = Label("warm", ("red", "orange", "yellow"))
    cold = Label("cold", ("blue", "cyan"))
    verdicts = decider(warm, cold).decide(pictures("orange", "cyan", "yellow", "blue"))
    assert [one.names for one in verdicts] == [("warm",), ("cold",), ("warm",), ("cold",)]
    assert all(one.labels[0][1] > 0.9 for one in verdicts)


def test_several_labels_the_most_relevant_first() -> None:
    judged = {"red": 0.7, "green": 0.4, "blue": 0.9}
    encoder = FakeEncoder()
    texts = encoder.encode_texts(list(judged))

    def judge(text: np.ndarray, items: np.ndarray) -> np.ndarray:
        place = int((texts @ text).argmax())
        return np.full(len(items), list(judged.values())[place])

    several = build_decider(
        tuple(map(parse_label, judged)),
        encoder.encode_texts,
        judge,
        dim=32,
        multi=True,
        threshold=0.5,
        temperature=1,
    )
    (verdict,) = several.decide(pictures("red"))
    assert verdict.labels == (("blue", pytest.approx(0.9)), ("red", pytest.approx(0.7)))
    assert several.relevance(pictures("red"))[0] == pytest.approx((0.7, 0.4, 0.9))


def test_a_threshold_of_its_own(decider: Make) -> None:
    strict, lax = Label("red", ("red",), threshold=1.0), Label("red", ("red",), threshold=0.1)
    assert decider(strict, "green", multi=True).decide(pictures("red"))[0].names == ()
    assert decider(lax, "green", multi=True, threshold=1.0).decide(pictures("red"))[0].names == (
        "red",
    )


def test_what_speaks_against_a_label_takes_it_away(decider: Make) -> None:
    red = Label("red", ("red orange",), against=("orange",))
    plain = Label("red", ("red orange",))
    both = pictures("red", "orange")
    assert [one.names for one in decider(plain, multi=True).decide(both)] == [("red",)] * 2
    assert [one.names for one in decider(red, multi=True).decide(both)] == [("red",), ()]
    assert [one.names for one in decider(red, "blue").decide(both)] == [("red",), ()]


def test_one_label_is_judged_as_several_are(decider: Make) -> None:
    """A single choice looks at one description an item; it must come to the same relevance."""
    labels = ("warm: red; orange", Label("cold", ("blue",), against=("cyan",)), "green")
    items = pictures("red", "orange", "blue", "cyan", "green", "black")
    single, several = decider(*labels), decider(*labels, multi=True)
    table = several.relevance(items)
    names = [label.name for label in several.labels]
    for row, verdict in enumerate(single.decide(items)):
        held = table[row, names.index(verdict.nearest)]
        assert verdict.labels == (((verdict.nearest, pytest.approx(held)),) if held >= 0.5 else ())


def test_no_items_no_verdicts(decider: Make) -> None:
    assert decider("red").decide(np.empty((0, 32), np.float32)) == []


def test_items_are_judged_alike_whatever_stands_beside_them(decider: Make) -> None:
    items = pictures("red", "green", "blue")
    one = decider("red", "green", "blue")
    together, alone = one.decide(items), [one.decide(item[None])[0] for item in items]
    assert [v.names for v in together] == [v.names for v in alone]
    assert [v.confidence for v in together] == pytest.approx([v.confidence for v in alone])


def test_groups_of_descriptions() -> None:
    owners = owners_of([("a", "b"), ("c",), ("d", "e", "f")])
    assert owners.tolist() == [0, 0, 1, 2, 2, 2]
    assert label_cosines(np.array([[1.0, 3, 2, 0, 5, 4]]), owners).tolist() == [[3, 2, 5]]
    assert owners_of([(), ("a",)]).tolist() == [1]
    assert cosine_judge(np.array([1.0]), np.array([[-1.0]])).tolist() == [0]
