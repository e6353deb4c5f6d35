"""What a worker gives up before it sees the first byte: memory, files, other processes, the net.

Each is a limit of the operating system, taken where there is one and told by name otherwise: Linux
has them all; macOS has no limit on memory that it keeps; Windows has none of them, and what is left
there is a process that can be killed. It is no sandbox against code that has taken a worker over:
files that this user may read, it may read.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
from pathlib import Path
from typing import NamedTuple

_MEGABYTE = 1 << 20

# prctl(2), seccomp(2) and linux/audit.h, linux/filter.h
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
"""Offsets into ``struct seccomp_data``."""
_WRITING = os.O_WRONLY | os.O_RDWR | getattr(os, "O_CREAT", 0)
_THREAD = 0x00010000
"""``CLONE_THREAD``: what begins is a thread of this process, and no other process."""
_CLONE3 = 435
_X32 = 0x40000000
"""From here on the numbers are those of another way of calling the same kernel."""


class _Calls(NamedTuple):
    """System calls of an architecture, by their numbers."""

    arch: int
    """Its name in linux/audit.h."""
    refused: tuple[int, ...]
    opening: dict[int, int]
    """Those that open files, and which of their arguments holds the flags."""
    clone: int


_CALLS = {
    # socket, connect, socketpair, fork, vfork, execve, execveat, ptrace, kill, process_vm_readv,
    # process_vm_writev, bpf, io_uring_setup, openat2, unlink, unlinkat, rename, renameat,
    # renameat2, truncate, link, linkat, symlink, symlinkat, mkdir, mkdirat, rmdir, mknod, mknodat,
    # chmod, fchmodat, creat; aarch64 has fewer.
    "x86_64": _Calls(
        0xC000003E,
        (
            *(41, 42, 53, 57, 58, 59, 322, 101, 62, 310, 311, 321, 425, 437),
            *(87, 263, 82, 264, 316, 76, 86, 265, 88, 266, 83, 258, 84, 133, 259, 90, 268, 85),
        ),
        {2: 1, 257: 2},
        56,
    ),
    "aarch64": _Calls(
        0xC00000B7,
        (
            *(198, 203, 199, 221, 281, 117, 129, 270, 271, 280, 425, 437),
            *(35, 38, 276, 45, 37, 36, 34, 33, 53),
        ),
        {56: 2},
        220,
    ),
}


def confine(memory_mb: int, nice: int) -> list[str]:
    """Bind this process, for good. Return what it is now kept from, of

    ``memory`` (more than that many megabytes on top of what it has), ``files`` (writing any) and
    ``network`` (and starting programs, and touching other processes).
    """
    bound = []
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # already as low as it gets
            os.nice(nice)
    if sys.platform == "linux":
        # Where memory runs out all over the machine, a worker goes before anything of value.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if limit_memory(memory_mb):
        bound.append("memory")
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        bound.append("files")
    if _refuse_calls():
        bound.append("network")
    return bound


def limit_memory(memory_mb: int) -> bool:
    """Let this process grow by so much from here; tell whether the system holds it to that."""
    if sys.platform != "linux":
        return False
    import resource

    most = address_space() + memory_mb * _MEGABYTE
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    return True


def address_space() -> int:
    """Return the bytes of addresses that this process has taken; 0 where the system has no word
    for it."""
    if sys.platform != "linux":
        return 0
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _refuse_calls() -> bool:
    """Have the kernel refuse the system calls that decoding never needs; tell whether it does."""
    if sys.platform != "linux" or platform.machine() not in _CALLS or sys.maxsize < 1 << 32:
        return False
    program = _filter(_CALLS[platform.machine()])

    class Filter(ctypes.Structure):
        _fields_ = (("size", ctypes.c_ushort), ("program", ctypes.c_char_p))

    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    made = Filter(len(program) // 8, program)
    return bool(library.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(made), 0, 0) == 0)


def _filter(calls: _Calls) -> bytes:
    """Return a program in classic BPF: refused calls fail with EPERM, all others go through."""
    refuse, allow = (_RETURN, 0, 0, _REFUSE | _EPERM), (_RETURN, 0, 0, _ALLOW)
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, calls.arch),
        refuse,  # the calls of another architecture have other numbers
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        refuse,
        (_EQUAL, 0, 1, _CLONE3),  # the C library then takes clone, whose flags can be seen
        (_RETURN, 0, 0, _REFUSE | _ENOSYS),
    ]
    for number in calls.refused:
        steps += [(_EQUAL, 0, 1, number), refuse]
    for number, argument in calls.opening.items():
        steps += [(_EQUAL, 0, 5, number), (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
        steps += [(_AND, 0, 0, _WRITING), (_EQUAL, 1, 0, 0), refuse, allow]
    steps += [(_EQUAL, 0, 5, calls.clone), (_LOAD, 0, 0, _ARGUMENTS)]
    steps += [(_AND, 0, 0, _THREAD), (_EQUAL, 0, 1, 0), refuse, allow]
    steps.append(allow)
    return b"".join(struct.pack("HBBI", *step) for step in steps)
