from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from searchengine.apart.bounds import Bounds
from searchengine.apart.workers import Workers
from searchengine.errors import (
    DecodeError,
    ItemError,
    LimitError,
    MissingError,
    ReadError,
    SearchEngineError,
    UsageError,
)
from tests.apart import hostile_work as work

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limits that Linux has")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks")


@pytest.fixture(scope="module")
def one() -> Iterator[Workers]:
    workers = Workers(1, Bounds(time_s=2.0, memory_mb=200))
    yield workers
    workers.close()


def running(pid: int) -> bool:
    """Whether there is such a process; one that nobody has waited for yet is none."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pids: list[int], within_s: float = 10.0) -> bool:
    ends = time.monotonic() + within_s
    while any(map(running, pids)) and time.monotonic() < ends:
        time.sleep(0.05)
    return not any(map(running, pids))


def test_a_worker_stays_and_is_another_process(one: Workers) -> None:
    first = one.call(work.own_pid)
    assert first == one.call(work.own_pid) != os.getpid()
    assert one.pids() == [first]


DEATHS: list[tuple[Callable[..., Any], tuple[Any, ...], type[ItemError], str]] = [
    (work.sleep_for_ever, (), LimitError, r"after 2 s .*ingest\.decode_s"),
    (work.leave, (0,), DecodeError, "exit status 0"),
    (work.leave, (7,), DecodeError, "exit status 7"),
    (work.say_too_much, (201,), DecodeError, "bytes"),
]
CRASHES: list[tuple[Callable[..., Any], tuple[Any, ...], type[ItemError], str]] = [
    (work.read_from_nowhere, (), DecodeError, "SIGSEGV"),
    (work.abort, (), DecodeError, "SIGABRT"),
    (work.kill_itself, (), LimitError, r"memory.*ingest\.decode_mb"),
    (work.hold_the_interpreter, (), LimitError, "after 2 s"),
]


def ids(cases: list[tuple[Callable[..., Any], Any, Any, Any]]) -> list[str]:
    return [f"{case[0].__name__}{case[1] or ''}" for case in cases]


def check_death(
    one: Workers, function: Callable[..., Any], arguments: Any, kind: type, said: str
) -> None:
    before = one.call(work.own_pid)
    began = time.monotonic()
    with pytest.raises(kind, match=said):
        one.call(function, *arguments)
    assert time.monotonic() - began < 2.0 + 5.0
    after = one.call(work.own_pid)
    assert after != before
    assert one.pids() == [after]


@pytest.mark.parametrize(("function", "arguments", "kind", "said"), DEATHS, ids=ids(DEATHS))
def test_who_dies_is_replaced_and_the_work_alone_fails(
    one: Workers, function: Callable[..., Any], arguments: Any, kind: type, said: str
) -> None:
    check_death(one, function, arguments, kind, said)


@POSIX
@pytest.mark.parametrize(("function", "arguments", "kind", "said"), CRASHES, ids=ids(CRASHES))
def test_who_crashes_is_replaced_and_says_how(
    one: Workers, function: Callable[..., Any], arguments: Any, kind: type, said: str
) -> None:
    check_death(one, function, arguments, kind, said)


@LINUX
def test_memory_is_bounded_and_what_fits_goes_through(one: Workers) -> None:
    assert one.call(work.allocate, 150) == 150 << 20
    for _ in range(2):
        with pytest.raises(LimitError, match="memory"):
            one.call(work.allocate_without_end)
        with pytest.raises(LimitError, match="memory"):
            one.call(work.allocate, 201)
        assert one.call(work.allocate, 150) == 150 << 20  # by another, that is as large as before


def test_errors_of_this_package_come_back_as_they_are(one: Workers) -> None:
    with pytest.raises(DecodeError, match="no picture at all") as caught:
        one.call(work.raise_decode_error)
    assert caught.value.hint == "take another"


@pytest.mark.parametrize("function", [work.raise_anything, work.end_politely, work.recurse])
def test_other_errors_are_told_and_the_next_work_is_done(
    one: Workers, function: Callable[[], Any]
) -> None:
    with pytest.raises(SearchEngineError, match=r"KeyError|SystemExit|RecursionError"):
        one.call(function)
    assert one.call(work.echo, [1, "two", b"three"]) == [1, "two", b"three"]


def test_what_libraries_print_goes_nowhere(one: Workers, capfd: pytest.CaptureFixture[str]) -> None:
    assert one.call(work.write_to_standard_output) == "done"
    assert capfd.readouterr() == ("", "")


@LINUX
def test_what_decoding_never_needs_is_refused(one: Workers, tmp_path: Path) -> None:
    (tmp_path / "new.there").write_bytes(b"as it was")
    found = one.call(work.what_is_refused, str(tmp_path / "new"))
    assert found == dict.fromkeys(found, True)
    assert len(found) == 8
    assert (tmp_path / "new.there").read_bytes() == b"as it was"
    assert one.warm() == {"memory", "files", "network"}
    assert one.call(work.start_a_thread) == 7  # which libraries do


def test_secrets_and_heavy_libraries_stay_outside(
    one: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCHENGINE_STORE__PASSWORD", "secret")
    with pytest.raises(DecodeError):
        one.call(work.leave, 1)  # the next is started with this environment
    assert "secret" not in one.call(work.environment).values()
    heavy = {"torch", "pymilvus", "open_clip", "faiss", "pyarrow", "pydantic"}
    assert not heavy & set(one.call(work.imported))


def test_parts_come_one_by_one_and_each_has_its_time(one: Workers) -> None:
    slow = one.stream(work.count_slowly, 4, 0.8, whole_s=60.0)
    assert list(slow) == [0, 1, 2, 3]  # 3.2 s in all, of 2 s each
    with pytest.raises(LimitError, match="after 1 s"):
        list(one.stream(work.count_slowly, 40, 0.3, whole_s=1.0))


def test_what_came_before_a_death_is_there(one: Workers) -> None:
    stream = one.stream(work.die_at, 5, 3)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DecodeError, match="exit status 1"):
        next(stream)


def test_a_stream_that_is_left_leaves_nothing_behind(one: Workers) -> None:
    stream = one.stream(work.count_slowly, 1000, 0.01)
    assert next(stream) == 0
    stream.close()
    assert one.call(work.echo, "next") == "next"


def test_the_file_is_read_here(one: Workers) -> None:
    data = bytes(range(256)) * 10_000
    places = [[0, 10], [2_000_000, 300_000], [255, 2], [len(data) - 5, 100], [len(data) + 5, 1]]
    found = one.call(work.read_pieces, places, file=io.BytesIO(data))
    assert found == [data[at : at + size] for at, size in places]


class _Broken(io.BytesIO):
    def __init__(self, error: Exception) -> None:
        super().__init__(bytes(100))
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        raise self._error


def test_a_file_that_cannot_be_read_fails_as_it_does_here(one: Workers) -> None:
    pid = one.call(work.own_pid)
    with pytest.raises(SearchEngineError, match="the disk is on fire"):
        one.call(work.read_pieces, [[0, 10]], file=_Broken(OSError(5, "the disk is on fire")))
    with pytest.raises(ReadError, match="far away and gone"):
        one.call(work.read_pieces, [[0, 10]], file=_Broken(ReadError("far away and gone")))
    assert one.call(work.own_pid) == pid or one.pids() != [pid]


class _Slow(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        time.sleep(2.5)
        return super().read(size)


def test_time_that_reading_takes_is_not_the_decoders(one: Workers) -> None:
    assert one.call(work.read_pieces, [[0, 3]], file=_Slow(b"abcdef")) == [b"abc"]


def test_a_file_read_for_ever_comes_to_an_end(one: Workers) -> None:
    with pytest.raises(LimitError, match=r"after 1\.5 s"):
        one.call(work.read_for_ever, file=io.BytesIO(bytes(10_000)), whole_s=1.5)


def test_who_waits_may_change_his_mind() -> None:
    class EnoughError(Exception):
        pass

    def check() -> None:
        raise EnoughError

    workers = Workers(1, Bounds(time_s=600))
    try:
        with pytest.raises(EnoughError):
            workers.call(work.sleep_for_ever, check=check)
        assert workers.call(work.echo, 1) == 1
    finally:
        workers.close()


def test_many_threads_share_few_workers() -> None:
    workers = Workers(2, Bounds(time_s=20.0))
    try:
        with ThreadPoolExecutor(8) as pool:

            def ask(number: int) -> Any:
                if number % 10 == 3:
                    with pytest.raises(DecodeError):
                        workers.call(work.leave, 1)
                return workers.call(work.echo, number)

            assert list(pool.map(ask, range(40))) == list(range(40))
        assert 1 <= len(workers.pids()) <= 2
    finally:
        workers.close()


def test_closed_workers_are_gone_and_say_so() -> None:
    workers = Workers(2)
    workers.warm()
    pids = workers.pids()
    assert len(set(pids)) == 2
    hung: list[BaseException] = []

    def hang() -> None:
        try:
            workers.call(work.sleep_for_ever)
        except UsageError as error:
            hung.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    time.sleep(0.3)
    workers.close()
    thread.join(10)
    assert not thread.is_alive()
    assert "closed" in str(hung[0])
    if sys.platform == "linux":
        assert gone(pids)
    with pytest.raises(UsageError, match="closed"):
        workers.call(work.echo, 1)
    workers.close()


@POSIX
def test_one_that_the_system_has_ended_meanwhile_is_no_loss(one: Workers) -> None:
    pid = one.call(work.own_pid)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert one.call(work.echo, "still") == "still"


def test_a_process_that_cannot_start_is_no_fault_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers(1)
    monkeypatch.setattr(sys, "path", ["nowhere"])
    with pytest.raises(MissingError, match="searchengine"):
        workers.call(work.echo, 1)
    monkeypatch.undo()
    assert workers.call(work.echo, 1) == 1
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(DecodeError):
        workers.call(work.leave, 1)
    with pytest.raises(MissingError, match="no process can be started"):
        workers.call(work.echo, 1)
    workers.close()


SCRIPT = """
import os, sys, threading, time
from searchengine.apart.workers import Workers
from tests.apart import hostile_work as work
workers = Workers(2)
workers.warm()
threading.Thread(target=lambda: workers.call(work.sleep_for_ever), daemon=True).start()
time.sleep(0.3)
print(*workers.pids(), flush=True)
{end}
"""


@LINUX
@pytest.mark.parametrize(
    "end",
    ["", "raise SystemExit(0)", "os._exit(0)", "os.kill(os.getpid(), 9)"],
)
def test_no_worker_outlives_its_process(end: str) -> None:
    """Not even the one that hangs when nobody is left to kill it: 3 s, and three of grace."""
    script = SCRIPT.replace("Workers(2)", "Workers(2, __import__('searchengine.apart.bounds', "
                            "fromlist=['Bounds']).Bounds(time_s=3))")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script.format(end=end)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    assert gone(pids, within_s=30.0)


@POSIX
def test_a_fork_starts_its_own_and_leaves_the_parents_alone(one: Workers) -> None:
    pid = one.call(work.own_pid)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, str(one.call(work.own_pid)).encode())
            one.close()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        other = answers.read()
    os.waitpid(child, 0)
    assert other.isdecimal()
    assert int(other) != pid
    assert one.call(work.own_pid) == pid
