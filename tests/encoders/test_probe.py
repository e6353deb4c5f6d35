from __future__ import annotations

import logging

import numpy as np
import pytest

from searchengine.encoders import probe as probing
from searchengine.encoders.choose import Choice
from searchengine.encoders.contract import Pixels
from searchengine.encoders.interchange import Sample
from searchengine.encoders.probe import probe
from searchengine.encoders.towers.contract import Rows, Tokens, Towers
from searchengine.errors import UnsupportedError

RANDOM = np.random.default_rng(5)
WEIGHTS = RANDOM.normal(size=(48, 16)).astype(np.float32)
SAMPLE = Sample(
    RANDOM.integers(0, 256, (40, 4, 4, 3), dtype=np.uint8),
    RANDOM.integers(0, 99, (40, 48)),
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Linear:
    """Towers of one matrix: so slow, and so far from exact."""

    device = "cpu"

    def __init__(self, runtime: str, clock: Clock, seconds: float, noise: float = 0.0) -> None:
        self.runtime = self.name = runtime
        self._clock, self._seconds = clock, seconds
        self._weights = WEIGHTS + noise * RANDOM.normal(size=WEIGHTS.shape).astype(np.float32)

    def images(self, pixels: Pixels) -> Rows:
        self._clock.now += self._seconds
        return np.asarray(pixels.reshape(len(pixels), -1) @ self._weights, np.float32)

    def texts(self, tokens: Tokens) -> Rows:
        return np.asarray(tokens @ self._weights, np.float32)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(probing, "time", clock)
    return clock


def run(clock: Clock, found: dict[str, Towers | Exception]) -> tuple[Choice, Towers]:
    def open_towers(runtime: str, precision: str) -> Towers:
        towers = found[f"{runtime} {precision}"]
        if isinstance(towers, Exception):
            raise towers
        return towers

    candidates = [tuple(name.split()) for name in found]
    reference = Linear("torch", clock, 1.0)
    return probe(reference, candidates, SAMPLE, open_towers)  # type: ignore[arg-type]


def test_the_fastest_that_gives_the_same_space_is_taken(clock: Clock) -> None:
    fast, faster = Linear("onnx", clock, 0.5), Linear("openvino", clock, 0.25)
    choice, towers = run(clock, {"onnx fp32": fast, "openvino bf16": faster})
    assert (choice.runtime, choice.precision, choice.shares) == ("openvino", "bf16", True)
    assert choice.speedup == 4.0
    assert towers is faster


def test_another_space_is_not_taken_however_fast(clock: Clock) -> None:
    choice, towers = run(clock, {"openvino bf16": Linear("openvino", clock, 0.1, noise=0.5)})
    assert choice == Choice("torch", "fp32", True)
    assert towers.runtime == "torch"


def test_a_gain_that_is_none_is_left(clock: Clock) -> None:
    choice, _ = run(clock, {"openvino fp32": Linear("openvino", clock, 0.95)})
    assert choice == Choice("torch", "fp32", True)


def test_what_cannot_be_opened_is_left_out_and_said(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    found: dict[str, Towers | Exception] = {
        "openvino bf16": UnsupportedError("the image tower cannot be exported"),
        "torch bf16": Linear("torch", clock, 0.5),
    }
    with caplog.at_level(logging.WARNING):
        choice, _ = run(clock, found)
    assert (choice.runtime, choice.precision) == ("torch", "bf16")
    assert "openvino bf16 is left out: the image tower cannot be exported" in caplog.text
