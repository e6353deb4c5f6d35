"""Downloads from a server that is slow, broken, endless or hostile."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from searchengine.errors import DecodeError, LimitError, ReadError
from searchengine.fetching import Fetcher, Limits, limits_of
from searchengine.fetching.resolver import PublicResolver
from searchengine.settings import NetSettings
from tests.web import Site, answer, site


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        yield served


def fetcher(**changes: Any) -> Fetcher:
    return Fetcher(Limits(**{"allow_private": True, "pause_s": 0.01, "timeout_s": 5.0, **changes}))


def test_what_is_there(web: Site) -> None:
    url = web.serve("/a b.png?x=ä", b"bytes")
    web.serve("/a%20b.png?x=%C3%A4", b"bytes")
    assert fetcher().fetch(url + "#part") == b"bytes"


def test_many_side_by_side_within_limits(web: Site) -> None:
    urls = [web.serve(f"/{n}", str(n).encode(), after_s=0.02) for n in range(40)]
    fetching = fetcher(connections=8, per_host=5)
    coming = [fetching.start(url) for url in urls]
    assert [one.result() for one in coming] == [str(n).encode() for n in range(40)]
    assert 2 <= web.most <= 5


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_what_may_pass_is_tried_again(web: Site, status: int) -> None:
    web.serve("/x", b"at last")
    assert fetcher().fetch(web.fail("/x", status, status)) == b"at last"
    assert web.asked["/x"] == 3


def test_attempts_are_bounded(web: Site) -> None:
    url = web.fail("/x", *itertools.repeat(503, 50))
    with pytest.raises(ReadError, match=r"503 Service Unavailable \(3 attempts\)"):
        fetcher(retries=2).fetch(url)
    assert web.asked["/x"] == 3


def test_what_will_not_pass_is_not_tried_again(web: Site) -> None:
    for status in (400, 401, 403, 404, 410):
        with pytest.raises(ReadError, match=f"answers {status}"):
            fetcher().fetch(web.fail(f"/{status}", status))
        assert web.asked[f"/{status}"] == 1


def test_a_server_may_ask_for_a_pause(web: Site) -> None:
    web.serve("/x", b"at last")
    fetcher().fetch(web.fail("/x", 429, headers={"Retry-After": "1"}))
    assert web.times[1] - web.times[0] >= 0.9


def test_a_pause_that_is_too_long_is_not_waited_for(web: Site) -> None:
    url = web.fail("/x", 429, headers={"Retry-After": "3600"})
    with pytest.raises(ReadError, match="to wait 3,600 s"):
        fetcher().fetch(url)
    assert web.asked["/x"] == 1


def test_a_connection_that_breaks_off_is_tried_again(web: Site) -> None:
    def half(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"only this")
        request.close_connection = True

    web.pages["/half"] = half
    with pytest.raises(ReadError, match="2 attempts"):
        fetcher(retries=1).fetch(web.url + "/half")


def test_a_server_that_says_nothing_is_given_up(web: Site) -> None:
    url = web.serve("/slow", b"late", after_s=0.6)
    with pytest.raises(ReadError, match="did not answer in time"):
        fetcher(timeout_s=0.1, retries=0).fetch(url)


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65536)


def test_an_endless_body_is_cut(web: Site) -> None:
    web.pages["/endless"] = endless
    with pytest.raises(LimitError, match=r"net.max_bytes = 1,000,000"):
        fetcher(max_bytes=1_000_000).fetch(web.url + "/endless")
    assert web.asked["/endless"] == 1


def test_a_large_body_is_not_begun(web: Site) -> None:
    url = web.serve("/large", b"x" * 2000)
    with pytest.raises(LimitError, match="2,000 bytes"):
        fetcher(max_bytes=1999).fetch(url)
    assert fetcher(max_bytes=2000).fetch(url) == b"x" * 2000


def test_redirects_are_followed_so_far(web: Site) -> None:
    target = web.serve("/target", b"here")
    web.fail("/relative", 302, headers={"Location": "/target"})
    assert fetcher().fetch(web.fail("/once", 301, headers={"Location": "relative"})) == b"here"
    assert web.asked["/target"] == 1
    loop = web.fail("/loop", *[302] * 50, headers={"Location": "/loop"})
    with pytest.raises(ReadError, match="more than 5 redirects"):
        fetcher().fetch(loop)
    assert web.asked["/loop"] == 6
    assert target


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://x.example/y", "data:text/plain,x"])
def test_redirects_stay_on_the_web(web: Site, place: str) -> None:
    with pytest.raises((ReadError, DecodeError)):
        fetcher().fetch(web.fail("/x", 302, headers={"Location": place}))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "10.1.2.3", "192.168.0.1"),
        *("169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
        *("[::1]", "[::ffff:127.0.0.1]", "[fd00::1]", "[fe80::1]", "[2002:7f00:1::]"),
        "[64:ff9b::7f00:1]",
    ],
)
def test_private_addresses_are_refused(web: Site, host: str) -> None:
    port = web.url.rpartition(":")[2]
    with pytest.raises(ReadError, match=r"net\.allow_private") as caught:
        fetcher(allow_private=False).fetch(f"http://{host}:{port}/x")
    assert "allow_private" in caught.value.hint
    assert not web.asked


def test_a_redirect_to_a_private_address_is_refused(
    web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is judged public leads to the server; from there on to this machine."""
    port = int(web.url.rpartition(":")[2])
    web.pages["/out"] = lambda request: answer(
        request, 302, b"", {"Location": f"http://127.0.0.1:{port}/secret"}
    )
    secret = web.serve("/secret", b"secret")
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host == "public.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    from searchengine.fetching import resolver

    monkeypatch.setattr(resolver, "is_public", lambda _: True)
    with pytest.raises(ReadError, match=r"127\.0\.0\.1 is an address of this machine"):
        fetcher(allow_private=False).fetch(f"http://public.example:{port}/out")
    assert web.asked == {"/out": 1}
    assert secret


def test_of_a_name_the_private_addresses_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["127.0.0.1", "93.184.216.34", "10.0.0.1"]

    def resolve(host: str, port: int, *_: Any, **__: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def resolved(*, allow_private: bool) -> list[str]:
        resolver = PublicResolver(allow_private=allow_private)
        return [one["host"] for one in await resolver.resolve("mixed.example", 80)]

    assert asyncio.run(resolved(allow_private=False)) == ["93.184.216.34"]
    assert asyncio.run(resolved(allow_private=True)) == addresses


def test_a_host_that_is_not_there() -> None:
    with pytest.raises(ReadError, match="cannot fetch"):
        fetcher(retries=0).fetch("http://nowhere.invalid/x.jpg")


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a b/", "http://x:99999/", "x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises((DecodeError, ReadError)):
        fetcher(retries=0).fetch(url)


def test_one_bad_address_holds_up_no_other(web: Site) -> None:
    slow = web.serve("/slow", b"slow", after_s=0.3)
    fetching = fetcher()
    first, second = fetching.start(slow), fetching.start(web.serve("/quick", b"quick"))
    assert second.result() == b"quick"
    assert not first.done()
    assert first.result() == b"slow"


def test_settings_reach_the_limits() -> None:
    net = NetSettings(connections=3, per_host=2, timeout_s=7, retries=1, max_bytes=9)
    assert limits_of(net) == Limits(
        max_bytes=9, connections=3, per_host=2, timeout_s=7, retries=1, allow_private=False
    )
