"""How often one may ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from searchengine.service.app import create_app
from searchengine.service.guard.buckets import Buckets
from searchengine.service.guard.gate import _address
from searchengine.service.guard.keys import make_key
from tests.service.conftest import settings_at


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a", 10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b", 10.0) == 0, "each has a bucket of its own"
    assert buckets.take("a", 10.5) == 0
    assert buckets.take("a", 10.5) == 0.5
    assert [buckets.take("a", 99.0) for _ in range(4)] == [0, 0, 0, 0.5], "no more than a burst"


def test_memory_is_bounded() -> None:
    buckets = Buckets(rate=1, burst=1, most=100)
    for n in range(100_000):
        buckets.take(n, float(n))
    assert len(buckets) == 100


def test_a_key_that_asks_too_often(scenes_home: Path) -> None:
    (first, one), (second, other) = make_key("one", "read"), make_key("other", "read")
    entries = f"{one.entry} {other.entry}"
    settings = settings_at(scenes_home, service__keys=entries, service__rate=0.01, service__burst=3)
    with TestClient(create_app(settings)) as client:

        def ask(secret: str) -> int:
            return client.get(
                "/v1/corpora", headers={"Authorization": f"Bearer {secret}"}
            ).status_code

        assert [ask(first) for _ in range(5)] == [200, 200, 200, 429, 429]
        assert ask(second) == 200, "another key is another's"
        refused = client.get("/v1/corpora", headers={"Authorization": f"Bearer {first}"})
        assert 50 <= int(refused.headers["Retry-After"]) <= 100
        assert refused.json()["title"] == "Overload"
        # Guesses are counted by address.
        assert [ask(f"guess {n}") for n in range(5)] == [401, 401, 401, 429, 429]


def test_this_machine_alone_may_ask_as_it_likes(client: TestClient) -> None:
    assert {client.get("/nowhere").status_code for _ in range(500)} == {404}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_who_asks(one: str, other: str, same: bool) -> None:
    assert (_address({"client": (one, 1)}) == _address({"client": (other, 2)})) is same
