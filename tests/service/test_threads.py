"""Work in threads, for clients that may have gone."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from fastapi import Request

from searchengine.errors import DeadlineError, OverloadError
from searchengine.service.call import Call, calling, current_call
from searchengine.service.threads import ClientGoneError, Threads


def request(leaves_after_s: float) -> Request:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(leaves_after_s)
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": []}, receive)


def until_gone() -> bool:
    """Work that stops when nobody waits for it."""
    return current_call().gone.wait(10)


def test_what_was_done_is_returned_whoever_else_waits() -> None:
    threads = Threads(1, 0)

    async def run() -> bool:
        return await threads.run(request(60), threading.Event().wait, 0.3)

    assert asyncio.run(run()) is False


def test_work_for_a_client_that_has_gone_is_told_so() -> None:
    threads, call = Threads(1, 0), Call()

    async def run() -> None:
        with calling(call):
            await threads.run(request(0.2), until_gone)

    began = time.monotonic()
    with pytest.raises(ClientGoneError):
        asyncio.run(run())
    assert call.gone.is_set()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("seconds", [0.03, 0.3])
def test_work_is_given_up_at_the_deadline(seconds: float) -> None:
    threads, call = Threads(1, 0), Call(deadline=time.monotonic() + seconds)

    async def run() -> None:
        with calling(call):
            await threads.run(request(60), until_gone)

    with pytest.raises(DeadlineError):
        asyncio.run(run())
    assert call.gone.is_set()


def test_there_is_room_again_once_the_work_has_ended() -> None:
    threads, done = Threads(1, 0), threading.Event()

    async def run() -> None:
        first = asyncio.ensure_future(threads.run(request(60), done.wait, 10))
        await asyncio.sleep(0.05)
        with pytest.raises(OverloadError):
            await threads.run(request(60), int)
        done.set()
        assert await first
        assert await threads.run(request(60), int) == 0

    asyncio.run(run())


def test_work_that_was_given_up_counts_until_it_has_ended() -> None:
    threads, done = Threads(1, 1), threading.Event()

    async def run() -> None:
        with calling(Call(deadline=time.monotonic() + 0.05)):
            for function in (lambda: done.wait(10), int):  # the second never begins
                with pytest.raises(DeadlineError):
                    await threads.run(request(60), function)
        assert threads.under_way == 1
        done.set()
        assert await threads.run(request(60), int) == 0
        assert threads.under_way == 0

    asyncio.run(run())


def test_an_error_of_the_work_ends_no_more_than_the_work() -> None:
    threads, call = Threads(1, 0), Call()

    async def run() -> int:
        with calling(call):
            with pytest.raises(ValueError, match="invalid literal"):
                await threads.run(request(60), int, "no number")
            return await threads.run(request(60), int, "7")

    assert asyncio.run(run()) == 7
    assert not call.gone.is_set()


def test_work_that_nobody_waits_for_any_more_is_told_so() -> None:
    threads, call = Threads(1, 0), Call()

    async def run() -> None:
        with calling(call):
            waiting = asyncio.ensure_future(threads.run(request(60), until_gone))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(run())
    assert call.gone.is_set()
