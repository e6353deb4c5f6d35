"""What a decoder may do that has met the wrong file. Each runs in a worker."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.containers.contract import Part
from searchengine.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


def echo(value: Any) -> Any:
    return value


def own_pid() -> int:
    return os.getpid()


def sleep_for_ever() -> None:
    while True:
        time.sleep(1)


def hold_the_interpreter() -> None:
    """Hang in C, without ever letting go of the interpreter's lock."""
    ctypes.PyDLL(None).sleep(1000)


def allocate_without_end() -> int:
    held = []
    while True:
        held.append(np.ones(1 << 22, np.uint8))


def allocate(megabytes: int) -> int:
    return int(np.ones(megabytes << 20, np.uint8).nbytes)


def leave(status: int) -> None:
    os._exit(status)


def end_politely() -> None:
    sys.exit(3)


def read_from_nowhere() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def kill_itself() -> None:
    """As the system does where memory has run out: no handler, no word."""
    signal.raise_signal(signal.SIGKILL)


def recurse(depth: int = 0) -> int:
    return recurse(depth + 1) + 1


def raise_decode_error() -> None:
    raise DecodeError("no picture at all", hint="take another")


def raise_anything() -> None:
    raise KeyError("a bug")


def say_too_much(megabytes: int) -> list[bytes]:
    """Answer with more than it holds itself."""
    return [bytes(1 << 20)] * megabytes


def write_to_standard_output() -> str:
    sys.stdout.write("a library that talks")
    sys.stdout.flush()
    os.write(1, b"more\n")
    os.write(2, b"and more\n")
    return "done"


def count_slowly(most: int, pause_s: float) -> Iterator[int]:
    for number in range(most):
        time.sleep(pause_s)
        yield number


def die_at(most: int, fatal: int) -> Iterator[int]:
    for number in range(most):
        if number == fatal:
            os._exit(1)
        yield number


def read_pieces(file: BinaryIO, places: list[list[int]]) -> list[bytes]:
    pieces = []
    for offset, size in places:
        file.seek(offset)
        pieces.append(file.read(size))
    return pieces


def read_for_ever(file: BinaryIO) -> None:
    while True:
        file.seek(0)
        file.read()


def what_is_refused(path: str) -> dict[str, bool]:
    """Try what a decoder never needs."""

    def refused(call: Any, *arguments: Any) -> bool:
        try:
            call(*arguments)
        except OSError:
            return True
        return False

    def write() -> None:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"x" * 100_000)

    def write_over() -> None:
        with open(path + ".there", "r+b") as file:  # noqa: PTH123
            file.write(b"x" * 100_000)

    return {
        "socket": refused(socket.socket, socket.AF_INET, socket.SOCK_STREAM),
        "program": refused(subprocess.check_call, [sys.executable, "-c", ""]),
        "fork": refused(os.fork),
        "kill": refused(os.kill, os.getppid(), 0),
        "write": refused(write),
        "write over": refused(write_over),
        "delete": refused(os.unlink, path + ".there"),
        "rename": refused(os.rename, path + ".there", path),
    }


def start_a_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(7))
    thread.start()
    thread.join()
    return found[0]


def environment() -> dict[str, str]:
    return dict(os.environ)


def imported() -> list[str]:
    return sorted(sys.modules)


def pages_of_which_some_kill(file: BinaryIO, numbers: list[int]) -> Iterator[dict[str, Any]]:
    for number in numbers:
        if number % 13 == 0:
            os._exit(1)
        yield asdict(Part(number, b"jpeg", 1, 1, "application/pdf"))


def real_pages_of_which_some_kill(file: BinaryIO, numbers: list[int]) -> Iterator[dict[str, Any]]:
    from searchengine.apart.work import pages

    for number in numbers:
        if number % 13 == 0:
            os._exit(1)
        yield from pages(file, [number])


def hang(*_: Any) -> None:
    sleep_for_ever()


def crash(*_: Any) -> None:
    read_from_nowhere()


def allocate_anyhow(*_: Any) -> None:
    allocate_without_end()
