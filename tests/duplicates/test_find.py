"""From a store and files to groups: tiers kept apart, keepers, files that are gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchengine.duplicates.find import find_duplicates
from searchengine.duplicates.records import Findings, Group, Wanted
from searchengine.identity import content_hash, file_uri, item_id
from searchengine.records import Item, Side
from searchengine.store import open_store
from searchengine.store.contract import Row, SideSpec, Store
from searchengine.store.filters import parse_filter
from tests.duplicates.pictures import scene

SIDE = Side("copies", "image")
DIM = 16


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values)).astype(np.float32)


class Corpus:
    """Pictures written to files and to a store, with vectors of our choice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, Row] = {}

    def add(self, name: str, picture: Image.Image, near: int, noise: float = 0.01) -> None:
        """``near``: whose vectors this one's is near to."""
        path = self.folder / name
        picture.save(path)
        uri, data = file_uri(path), path.read_bytes()
        centre = unit(np.random.default_rng(near).normal(size=DIM))
        own = np.random.default_rng(len(self.rows) + 1_000).normal(size=DIM)
        item = Item(
            id=item_id(uri), uri=uri, modality="image", revision="1",
            content_hash=content_hash(data), size=len(data), mtime_ns=1, mime="image/png",
            width=picture.width, height=picture.height, folder=str(self.folder),
        )  # fmt: skip
        self.rows[name] = Row(item, unit(centre + noise * own))

    def store(self, uri: str) -> Store:
        store = open_store(uri)
        store.ensure(SideSpec(SIDE, "test", "f" * 8, DIM))
        store.upsert(SIDE, list(self.rows.values()))
        store.settle(SIDE)
        return store


def names(group: Group) -> list[str]:
    return [Path(member.uri).name for member in group.members]


def found(findings: Findings) -> dict[str, list[list[str]]]:
    tiers: dict[str, list[list[str]]] = {"same": [], "similar": []}
    for group in findings.groups:
        tiers[group.tier].append(names(group))
    return {tier: sorted(groups) for tier, groups in tiers.items()}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    folder = tmp_path / "pictures"
    folder.mkdir()
    corpus = Corpus(folder)
    original = scene(1)
    corpus.add("original.png", original, near=1)
    corpus.add("twin.png", original, near=1)
    corpus.add("small.png", original.resize((200, 150)), near=1)
    corpus.add("other.png", scene(2), near=1)  # alike by its vector alone
    corpus.add("alone.png", scene(3), near=3)
    return corpus


@pytest.mark.parametrize("backend", ["memory", "lite"])
def test_the_tiers_are_kept_apart(corpus: Corpus, backend: str, tmp_path: Path) -> None:
    store = corpus.store("memory:tiers" if backend == "memory" else str(tmp_path / "db"))
    try:
        findings = find_duplicates(store, SIDE)
        groups = list(findings.groups)
    finally:
        store.close()
    assert (findings.items, findings.unreadable) == (5, 0)
    same, similar = groups
    keeper, *others = names(same)
    assert (same.tier, similar.tier) == ("same", "similar")
    # equally large: the smaller id is kept
    assert keeper == min("original.png", "twin.png", key=lambda n: corpus.rows[n].item.id)
    assert {"original.png", "twin.png"} - {keeper} == {others[0]}
    assert others[1] == "small.png"
    assert [member.why for member in same.members] == ["keeper", "bytes", "pixels"]
    assert sorted(names(similar)) == sorted([keeper, "other.png"])
    expected = float(corpus.rows[keeper].vector @ corpus.rows["other.png"].vector)
    assert similar.members[1].score == pytest.approx(expected, abs=0.02)


def test_one_tier_alone_says_what_both_say(corpus: Corpus) -> None:
    store = corpus.store("memory:one")
    both = found(find_duplicates(store, SIDE))
    for tier in ("same", "similar"):
        alone = found(find_duplicates(store, SIDE, Wanted(tiers=(tier,))))
        assert alone[tier] == both[tier]
        assert not alone["similar" if tier == "same" else "same"]


def test_the_threshold_decides_what_is_similar_and_not_what_is_the_same(corpus: Corpus) -> None:
    store = corpus.store("memory:threshold")
    strict = found(find_duplicates(store, SIDE, Wanted(threshold=1.0)))
    loose = found(find_duplicates(store, SIDE, Wanted(threshold=-1.0)))
    assert strict["same"] == loose["same"] != []
    assert strict["similar"] == []
    assert sorted(one for group in loose["similar"] for one in group) == sorted(
        ["other.png", "alone.png", strict["same"][0][0]]
    )


def test_files_that_are_gone_are_the_same_by_their_bytes_alone(corpus: Corpus) -> None:
    store = corpus.store("memory:gone")
    for name in ("twin.png", "original.png"):
        (corpus.folder / name).unlink()
    findings = find_duplicates(store, SIDE)
    groups = found(findings)
    assert [sorted(group) for group in groups["same"]] == [["original.png", "twin.png"]]
    assert findings.unreadable == 1  # one of the two stands for both
    assert any("small.png" in group for group in groups["similar"])


def test_a_filter_is_about_all_that_is_compared(corpus: Corpus) -> None:
    store = corpus.store("memory:filter")
    findings = find_duplicates(store, SIDE, Wanted(where=parse_filter("width >= 400")))
    assert findings.items == 4
    assert [sorted(group) for group in found(findings)["same"]] == [["original.png", "twin.png"]]


def test_a_picture_that_changes_little_by_little_is_not_one_group(tmp_path: Path) -> None:
    """A window moved over a wide picture: each is the next one's copy, the ends share little."""
    folder = tmp_path / "pan"
    folder.mkdir()
    corpus, wide = Corpus(folder), scene(5, (904, 304))
    count = 10
    for at in range(count):
        corpus.add(f"{at}.png", wide.crop((at * 12, 0, at * 12 + 400, 300)), near=1)
    store = corpus.store("memory:pan")
    groups = list(find_duplicates(store, SIDE, Wanted(tiers=("same",))).groups)
    assert groups, "neighbours are copies of each other"
    for group in groups:
        places = [int(name.removesuffix(".png")) for name in names(group)]
        assert max(abs(place - places[0]) for place in places) <= 7
    assert max(len(group.members) for group in groups) < count


def test_the_keeper_has_most_pixels_then_bytes_then_the_oldest_date(tmp_path: Path) -> None:
    folder = tmp_path / "keepers"
    folder.mkdir()
    corpus, picture = Corpus(folder), scene(6)
    for name in ("a.png", "b.png", "c.png"):
        corpus.add(name, picture, near=1)

    def keeper(**changes: dict[str, object]) -> str:
        store = Corpus(folder)
        store.rows = {
            name: replace(row, item=replace(row.item, **changes.get(name[0], {})))
            for name, row in corpus.rows.items()
        }
        opened = store.store(f"memory:{sorted(changes)}{changes}")
        (group,) = find_duplicates(opened, SIDE, Wanted(tiers=("same",))).groups
        return names(group)[0]

    assert keeper(b={"width": 500}, a={"size": 10**9}) == "b.png"
    assert keeper(c={"size": 10**9}, a={"taken_at": "1999-01-01"}) == "c.png"
    dated = {"a": {"taken_at": "2020-05-01T10:00:00"}, "b": {"taken_at": "2019-05-01T10:00:00"}}
    assert keeper(**dated) == "b.png"
    assert keeper() == min(corpus.rows, key=lambda name: corpus.rows[name].item.id)


def test_no_items_no_groups(tmp_path: Path) -> None:
    store = Corpus(tmp_path).store("memory:none")
    findings = find_duplicates(store, SIDE)
    assert (findings.items, list(findings.groups)) == (0, [])


def test_several_processes_find_the_same(corpus: Corpus) -> None:
    store = corpus.store("memory:processes")
    alone = found(find_duplicates(store, SIDE))
    assert found(find_duplicates(store, SIDE, Wanted(workers=2))) == alone
