"""The stage clock: exclusive times, by thread, with a clock that the test winds."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from ingest.clock import Reading, StageClock, StageTime
from ingest.limiting import as_rows, limiting, stage_table
from ingest.trace import Trace


class Wound:
    """A clock that stands still until it is told how late it is."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Wound:
    return Wound()


def busy(clock: StageClock) -> dict[str, float]:
    return {one.stage: one.busy_s for one in clock.read().stages}


def test_work_of_other_processes_is_added(now: Wound) -> None:
    clock = StageClock(now=now)
    clock.set_workers(decode=8)
    with clock.busy("decode", 1):
        now.at += 1
    clock.add("decode", 3, 20.0)
    clock.add("decode", 1, 2.5)
    assert clock.read().of("decode") == StageTime("decode", 8, 5, 23.5)
    now.at += 100
    assert busy(clock) == {"decode": 23.5}


def test_an_inner_stage_stops_the_outer_one(now: Wound) -> None:
    clock = StageClock(now=now)
    with clock.busy("decode", 2):
        now.at += 1
        with clock.busy("model", 1):
            now.at += 10
        with clock.waiting():
            now.at += 100
        now.at += 2
    now.at += 1000
    assert busy(clock) == {"decode": 3, "model": 10}
    reading = clock.read()
    assert reading.at_s == 1113
    assert [one.stage for one in reading.stages] == ["model", "decode"], "in the order of stages"
    assert reading.of("decode") == StageTime("decode", 1, 2, 3)


def test_work_under_way_counts(now: Wound) -> None:
    clock = StageClock(now=now)
    with clock.busy("encode", 5):
        now.at += 4
        assert busy(clock) == {"encode": 4}
        assert clock.read().of("encode") == StageTime("encode", 1, 0, 4), "but is not done"


def test_an_iterable_is_timed_without_those_who_read_it(now: Wound) -> None:
    clock = StageClock(now=now)

    def slow() -> object:
        for one in range(3):
            now.at += 1
            yield one

    for _ in clock.through("list", slow()):
        now.at += 50
    listed = clock.read().of("list")
    assert listed is not None
    assert (listed.items, listed.busy_s) == (3, 3)


def test_a_stage_that_threads_share_is_timed_once(now: Wound) -> None:
    trace = Trace()
    clock = StageClock(trace, now=now)
    inside, go_on = threading.Barrier(2), threading.Barrier(2)

    def work() -> None:
        with clock.jointly("encode", 3):
            inside.wait()
            go_on.wait()

    with clock.jointly("encode", 5):
        now.at += 1
        thread = threading.Thread(target=work)
        thread.start()
        inside.wait()
        now.at += 2
    now.at += 4  # the other one is still there
    go_on.wait()
    thread.join()
    now.at += 100
    assert clock.read().of("encode") == StageTime("encode", 1, 8, 7)
    assert trace.kept == 1, "one span, from the first that came to the last that left"


def test_threads_add_up(now: Wound) -> None:
    clock = StageClock(now=now)
    clock.set_workers(decode=2)
    inside, go_on = threading.Barrier(3), threading.Barrier(3)

    def work() -> None:
        with clock.busy("decode", 1):
            inside.wait()
            go_on.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    now.at += 3
    go_on.wait()
    for thread in threads:
        thread.join()
    now.at += 1
    reading = clock.read()
    assert reading.of("decode") == StageTime("decode", 2, 2, 6)
    assert reading.share("decode") == 6 / 8
    (row,) = as_rows(reading)
    assert (row["busy_s"], row["waiting_s"], row["items"]) == (6, 2, 2)
    assert "75%" in stage_table(reading)


def readings(**busy_s: float) -> tuple[Reading, Reading]:
    """Ten seconds, in which the stages were busy for so long."""
    workers = {"decode": 2, "expand": 2, "read": 4}

    def stages(factor: float) -> tuple[StageTime, ...]:
        return tuple(
            StageTime(stage, workers.get(stage, 1), 7, 100 + factor * seconds)
            for stage, seconds in busy_s.items()
        )

    return Reading(30.0, stages(0)), Reading(40.0, stages(1))


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"encode": 5.9, "decode": 20}, "decode-bound: 2 of 2 workers busy, encoder 41% idle"),
        ({"encode": 5.9, "decode": 12}, "decode-bound: 1 of 2 workers busy, encoder 41% idle"),
        ({"encode": 9.7, "decode": 20}, "encode-bound: encoder 97% busy, decoders 0% idle"),
        ({"encode": 9.7}, "encode-bound: encoder 97% busy"),
        ({"encode": 8.0, "decode": 9}, "encode-bound: encoder 80% busy, decoders 55% idle"),
        ({"encode": 4.0, "decode": 20, "write": 9.5}, "write-bound: "),
        ({"encode": 2.0, "decode": 2, "read": 39}, "read-bound: 4 of 4 readers busy"),
        ({"encode": 2.0, "decode": 2, "match": 9.9}, "match-bound: "),
        ({"encode": 2.0, "expand": 20}, "expand-bound: 2 of 2 workers busy taking films and PDFs"),
        ({"compare": 9.0, "list": 1.0}, "compare-bound: looking up in the index"),
        ({"list": 9.0}, "list-bound: listing the files"),
        ({"model": 9.0, "list": 1.0}, "loading the model"),
        ({"model": 6.0, "encode": 3.0}, ""),
        ({"list": 1.0}, ""),
        ({}, ""),
    ],
)
def test_what_limits_in_words(shares: dict[str, float], words: str) -> None:
    before, now = readings(**shares)
    said = limiting(now, before)
    assert said.startswith(words) if words else said == ""


def test_no_time_has_passed(now: Wound) -> None:
    clock = StageClock(now=now)
    with clock.busy("list"):
        assert limiting(clock.read()) == ""
        assert clock.read().share("list") == 0


def test_a_trace_is_what_perfetto_reads(now: Wound, tmp_path: Path) -> None:
    trace = Trace(most=3)
    clock = StageClock(trace, now)
    with clock.busy("decode"):
        now.at += 1
        with clock.busy("model"):
            now.at += 2
        now.at += 1
    for _ in range(3):  # spans that follow one another at once are drawn as one
        with clock.busy("decode"):
            now.at += 1
    with clock.busy("encode"):
        now.at += 1
    trace.write(tmp_path / "made" / "trace.json")
    written = json.loads((tmp_path / "made" / "trace.json").read_text())
    spans = [
        (one["name"], one["ts"], one["dur"]) for one in written["traceEvents"] if one["ph"] == "X"
    ]
    assert spans == [
        ("decode", 0, 1_000_000),
        ("model", 1_000_000, 2_000_000),
        ("decode", 3_000_000, 4_000_000),
    ]
    assert (trace.kept, trace.dropped, written["otherData"]["dropped"]) == (3, 1, 1)
    names = [one["args"]["name"] for one in written["traceEvents"] if one["ph"] == "M"]
    assert names == [threading.current_thread().name]
