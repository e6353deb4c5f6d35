"""Two versions of a corpus: drafts, switching, going back, what is removed; killed anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product

import pytest

from searchengine.errors import MismatchError, NotFoundError
from searchengine.records import MODALITIES, Modality, Side
from searchengine.store import naming, versions
from searchengine.store.contract import Row, Store
from searchengine.store.milvus import MilvusStore
from tests.store.cases import DIM, drop_quietly, rows_of, spec_of

OTHER = {"model": "fake/two", "fingerprint": "b" * 32}
BOTH: tuple[Modality, ...] = ("image", "text")


@pytest.fixture
def corpus(store: Store, corpus_name: str) -> Iterator[str]:
    yield corpus_name
    drop_quietly(store, corpus_name)


def fill(store: Store, side: Side, count: int, dim: int = DIM, **other: str) -> list[Row]:
    """Write a side of so many rows, by an encoder of that many dimensions."""
    store.ensure(replace(spec_of(side.corpus, dim, **other), side=side))
    rows = [
        Row(replace(row.item, modality=side.modality), row.vector) for row in rows_of(count, dim)
    ]
    store.upsert(side, rows)
    return rows


def two_versions(store: Store, corpus: str, sides: tuple[Modality, ...] = BOTH) -> None:
    """A live version of 5 rows a side, and a draft of 7, of another encoder and dimension."""
    for modality in sides:
        fill(store, Side(corpus, modality), 5)
        fill(store, Side(corpus, modality, draft=True), 7, 16, **OTHER)


def seen(store: Store, corpus: str) -> dict[Modality, tuple[str, int, int]]:
    """What a reader sees now: of each side its encoder, dimension and number of items."""
    infos = {modality: store.describe(Side(corpus, modality)) for modality in BOTH}
    return {m: (one.fingerprint[0], one.dim, one.count) for m, one in infos.items() if one}


LIVE, DRAFT = ("a", DIM, 5), ("b", 16, 7)


def test_a_draft_is_not_seen_before_the_switch(store: Store, corpus: str) -> None:
    two_versions(store, corpus)
    assert seen(store, corpus) == {"image": LIVE, "text": LIVE}
    assert {info.side.draft for info in store.sides() if info.side.corpus == corpus} == {False}
    draft = store.describe(Side(corpus, "image", draft=True))
    assert draft is not None
    assert (draft.dim, draft.count, draft.side.draft) == (16, 7, True)
    states = [(one.state, one.info.side.modality) for one in store.versions(corpus)]
    assert states == [("live", "image"), ("live", "text"), ("draft", "image"), ("draft", "text")]
    [hits] = store.search(Side(corpus, "text"), rows_of(1)[0].vector, limit=9, fields=("id",))
    assert len(hits) == 5
    with pytest.raises(MismatchError, match="fake/two"):
        store.ensure(replace(spec_of(corpus), side=Side(corpus, "image", draft=True)))


def test_switch_and_back_and_forth(store: Store, corpus: str) -> None:
    two_versions(store, corpus)
    assert {info.dim for info in store.switch(corpus)} == {16}
    assert seen(store, corpus) == {"image": DRAFT, "text": DRAFT}
    assert [one.state for one in store.versions(corpus)] == 2 * ["live"] + 2 * ["previous"]
    with pytest.raises(NotFoundError):
        store.switch(corpus)
    for _ in range(2):  # the second time there is nothing left to be done
        store.switch(corpus, back=True)
        assert seen(store, corpus) == {"image": LIVE, "text": LIVE}
        assert [one.state for one in store.versions(corpus)] == 2 * ["live"] + 2 * ["draft"]
    store.switch(corpus)
    assert seen(store, corpus) == {"image": DRAFT, "text": DRAFT}


def test_who_holds_a_version_keeps_it_until_it_is_removed(store: Store, corpus: str) -> None:
    two_versions(store, corpus)
    before = {m: store.describe(Side(corpus, m)) for m in BOTH}
    store.switch(corpus)
    query = rows_of(1)[0]
    for modality, info in before.items():
        assert info is not None
        held = Side(corpus, modality, version=info.version)
        [hits] = store.search(held, query.vector, limit=9)
        assert hits[0].id == query.item.id
        assert len(hits) == 5
        again = store.describe(held)
        assert again is not None
        assert again.collection == info.collection
    assert store.discard("no such corpus") == []
    gone = store.discard(corpus, dry_run=True)
    assert [one.state for one in gone] == ["previous", "previous"]
    assert [one.info.collection for one in store.discard(corpus)] == [
        one.info.collection for one in gone
    ]
    assert store.describe(held) is None
    with pytest.raises(NotFoundError):
        store.switch(corpus, back=True)
    assert seen(store, corpus) == {"image": DRAFT, "text": DRAFT}
    assert store.discard(corpus) == []


def test_a_draft_is_thrown_away_only_when_asked(store: Store, corpus: str) -> None:
    two_versions(store, corpus)
    assert store.discard(corpus) == []
    assert [one.state for one in store.discard(corpus, drafts=True)] == ["draft", "draft"]
    assert store.describe(Side(corpus, "image", draft=True)) is None
    with pytest.raises(NotFoundError):
        store.switch(corpus)
    fill(store, Side(corpus, "image", draft=True), 3, 16, **OTHER)  # under the same name, anew
    assert store.count(Side(corpus, "image", draft=True)) == 3
    assert seen(store, corpus) == {"image": LIVE, "text": LIVE}


def test_of_three_versions_the_oldest_is_what_no_alias_names(store: Store, corpus: str) -> None:
    two_versions(store, corpus, ("image",))
    store.settle(Side(corpus, "image"))  # a server tells of one without a name what is flushed
    store.switch(corpus)
    fill(store, Side(corpus, "image", draft=True), 2)
    store.switch(corpus)
    assert [one.state for one in store.versions(corpus)] == ["live", "previous", "nameless"]
    store.switch(corpus, back=True)
    assert seen(store, corpus) == {"image": DRAFT}
    assert [one.state for one in store.versions(corpus)] == ["live", "draft", "nameless"]
    assert [one.info.count for one in store.discard(corpus, dry_run=True)] == [5]
    store.drop(corpus)
    assert store.versions(corpus) == []


def test_a_corpus_may_begin_as_a_draft(store: Store, corpus: str) -> None:
    fill(store, Side(corpus, "text", draft=True), 4)
    assert store.describe(Side(corpus, "text")) is None
    store.switch(corpus)
    assert seen(store, corpus) == {"text": ("a", DIM, 4)}
    fill(store, Side(corpus, "image"), 3)  # a side that joins is of the live version
    assert len({one.info.version for one in store.versions(corpus)}) == 1
    with pytest.raises(NotFoundError):
        store.switch(corpus, back=True)


def test_who_writes_is_told_when_another_version_takes_over(store: Store, corpus: str) -> None:
    two_versions(store, corpus, ("image",))
    side = Side(corpus, "image")
    store.ensure(spec_of(corpus))
    store.switch(corpus)
    with pytest.raises(MismatchError, match="was made live"):
        store.settle(side)
    with pytest.raises(MismatchError, match="was made live"):
        store.upsert(side, rows_of(1))
    store.ensure(spec_of(corpus, 16, **OTHER))
    store.upsert(side, rows_of(8, 16))
    assert seen(store, corpus) == {"image": ("b", 16, 8)}


# -- the order of the changes, without a database -------------------------------------------------


@dataclass(frozen=True)
class Collection:
    collection: str
    label: naming.Label


class Aliases:
    """Collections and aliases as a database has them: one change at a time."""

    def __init__(self, corpus: str) -> None:
        self.corpus = corpus
        self.collections: dict[str, Collection] = {}
        self.aliases: dict[str, str] = {}

    def make(self, modality: Modality, version: str) -> str:
        name = naming.collection_of(Side(self.corpus, modality), version)
        label = naming.Label(self.corpus, modality, "m", "f", 8, "auto", version=version)
        self.collections[name] = Collection(name, label)
        return name

    def look(self, name: str) -> Collection | None:
        return self.collections.get(self.aliases.get(name, name))

    def apply(self, step: versions.Step) -> None:
        if step.what == "point":
            self.aliases[step.alias] = step.collection
        else:
            self.aliases.pop(step.alias, None)

    def read(self) -> dict[Modality, str]:
        found = {m: versions.locate(Side(self.corpus, m), self.look) for m in MODALITIES}
        return {m: one.label.version for m, one in found.items() if one}


SETS: tuple[tuple[Modality, ...], ...] = (("image",), ("text",), BOTH)


@pytest.mark.parametrize(("now", "then"), product(SETS, SETS))
def test_no_reader_sees_two_versions_wherever_a_switch_is_killed(
    now: tuple[Modality, ...], then: tuple[Modality, ...]
) -> None:
    world = Aliases("c")
    for modality in now:
        world.aliases[naming.alias_of(Side("c", modality))] = world.make(modality, "old")
    for modality in then:
        world.make(modality, "new")
    old, new = dict.fromkeys(now, "old"), dict.fromkeys(then, "new")
    steps = versions.steps("c", now, then, "new")
    states = [world.read()]
    for step in steps:
        world.apply(step)
        states.append(world.read())
        whole = Aliases("c")  # killed here, and begun again
        whole.collections, whole.aliases = world.collections, dict(world.aliases)
        live = whole.read()
        for again in versions.steps("c", [*live], then, "new"):
            whole.apply(again)
            assert whole.read() in (old, new)
        assert whole.read() == new
        assert set(whole.aliases) == {naming.alias_of(Side("c", one)) for one in then}
    assert states[0] == old
    assert states[-1] == new
    assert all(state in (old, new) for state in states)
    assert sum(a != b for a, b in pairwise(states)) == 1


@pytest.mark.parametrize("back", [False, True])
def test_a_killed_switch_is_finished_by_the_same_command(
    store: Store, corpus: str, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_versions(store, corpus)
    if back:
        store.switch(corpus)
    want = LIVE if back else DRAFT
    connection = store._connection if isinstance(store, MilvusStore) else None
    call, left = getattr(connection, "call", None), 0

    def dying(method: str, *args: object, **kwargs: object) -> object:
        nonlocal left
        if method in ("create_alias", "alter_alias", "drop_alias", "alter_collection_properties"):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return call(method, *args, **kwargs)  # type: ignore[misc]

    if connection is not None:  # in memory nothing is half done
        monkeypatch.setattr(connection, "call", dying)
    for allowed in range(20):
        left = allowed
        try:
            store.switch(corpus, back=back)
        except KeyboardInterrupt:
            now = seen(store, corpus)
            assert now in ({"image": LIVE, "text": LIVE}, {"image": DRAFT, "text": DRAFT})
            kept = {one.info.collection for one in store.discard(corpus, dry_run=True)}
            assert not kept & {
                one.info.collection for one in store.versions(corpus) if one.state == "live"
            }
            continue
        break
    assert allowed < 19
    monkeypatch.undo()
    assert seen(store, corpus) == {"image": want, "text": want}
    states = [one.state for one in store.versions(corpus)]
    assert states == 2 * ["live"] + 2 * ["draft" if back else "previous"]


def test_a_label_of_an_earlier_version_is_of_the_first() -> None:
    label = naming.Label("c", "image", "m", "f", 8, "auto")
    text = naming.write_label(label)[naming.PROPERTY]
    old = text.replace('"previous": "", ', "").replace(', "version": "1"', "")
    assert old != text
    assert naming.read_label({"properties": {naming.PROPERTY: old}}) == label


def test_make_names_that_stay(corpus_name: str) -> None:
    side = Side(corpus_name, "text")
    assert naming.collection_of(side).startswith(naming.alias_of(side) + "_")
    assert naming.collection_of(replace(side, draft=True)) == naming.collection_of(side)
    assert naming.alias_of(replace(side, draft=True)) != naming.alias_of(side)
    first = naming.next_version("1", "a")
    assert first == naming.next_version("1", "a") != naming.next_version("1", "b")
