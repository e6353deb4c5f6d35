"""Any sequence of adding, changing, moving, removing and crashing ends equal to a fresh index."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.ingest.folders import Crash, FlakyStore, contents, make_job, picture, run

NAMES = [f"{folder}{name}" for folder in ("", "sub/", "sub/deep/") for name in "abc"]
COLOURS = [(n * 40, 255 - n * 30, n * 17) for n in range(6)]


class Sync(RuleBasedStateMachine):
    """A folder, an index of it that is only sometimes brought up to date, and a clock."""

    @initialize()
    def start(self) -> None:
        self.root = Path(tempfile.mkdtemp()).resolve()
        self.store = FlakyStore()
        self.clock = 1_700_000_000_000_000_000
        self.in_step = False

    def _write(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.clock += 1_000_000_000  # a change within one tick of the clock is documented as missed
        os.utime(path, ns=(self.clock, self.clock))
        self.in_step = False

    @rule(name=st.sampled_from(NAMES), colour=st.sampled_from(COLOURS))
    def add_or_change(self, name: str, colour: tuple[int, int, int]) -> None:
        self._write(f"{name}.png", picture(colour))

    @rule(name=st.sampled_from(NAMES))
    def break_file(self, name: str) -> None:
        self._write(f"{name}.png", b"no picture")

    @rule(name=st.sampled_from(NAMES), text=st.sampled_from(["one", "two", ""]))
    def caption(self, name: str, text: str) -> None:
        self._write(f"{name}.txt", text.encode())

    @rule(
        name=st.sampled_from(NAMES),
        to=st.sampled_from(NAMES),
        suffix=st.sampled_from([".png", ".txt"]),
    )
    def move(self, name: str, to: str, suffix: str) -> None:
        source, target = self.root / f"{name}{suffix}", self.root / f"{to}{suffix}"
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            self.in_step = False

    @rule(name=st.sampled_from(NAMES), suffix=st.sampled_from([".png", ".txt"]))
    def remove(self, name: str, suffix: str) -> None:
        (self.root / f"{name}{suffix}").unlink(missing_ok=True)
        self.in_step = False

    @rule()
    def remove_folder(self) -> None:
        shutil.rmtree(self.root / "sub", ignore_errors=True)
        self.in_step = False

    @rule(at=st.integers(0, 4), after=st.booleans(), rows=st.integers(1, 3))
    def crash(self, at: int, after: bool, rows: int) -> None:
        self.store.crash_at = self.store.writes + at
        self.store.crash_after_write = after
        try:
            run(make_job(self.root, self.store, batch_size=2, write_rows=rows))
        except Crash:
            pass
        finally:
            self.store.crash_at = None
        self.in_step = False

    @rule(rows=st.integers(1, 3))
    def index(self, rows: int) -> None:
        run(make_job(self.root, self.store, batch_size=2, write_rows=rows))
        self.in_step = True

    @invariant()
    def equals_a_fresh_index(self) -> None:
        if getattr(self, "in_step", False):
            fresh = FlakyStore()
            run(make_job(self.root, fresh))
            assert contents(self.store) == contents(fresh)

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


TestSync = Sync.TestCase
TestSync.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
