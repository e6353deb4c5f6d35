"""A tower on a CUDA device, replayed from graphs, fed through pinned memory.

Launching a transformer's kernels one by one costs the host as much as a small pass costs the
device; a graph is launched at once. Each size of pass has two graphs with buffers of their own:
while one computes, the next pass's bytes travel (uint8, a quarter of what floats would take)
over a stream of copies. CUDA graphs: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.encoders.towers.passes import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

_WARM_UPS = 3
"""Passes before capture: compilation, autotuning and allocation must not be in the graph."""
_BUFFERS = 2


@dataclass(slots=True)
class _Lane:
    """One graph with its buffers: host input, device input, device output, host output."""

    graph: Any
    staged: Any
    given: Any
    result: Any
    taken: Any
    done: Any
    """Event: the result lies in ``taken``; all buffers may be written again."""


class GraphedTower:
    """Runs ``forward`` (a device tensor (n, ...) -> (n, dim)) over host arrays of any length.

    Safe to call from several threads, one at a time inside. Memory on the device is that of two
    passes a size in use; graphs are captured when a size is first needed.
    """

    def __init__(self, forward: Callable[[Any], Any], device: Any, largest: int) -> None:
        import torch

        self._forward = forward
        self._device = device
        self._largest = largest
        self._lanes: dict[tuple[int, ...], list[_Lane]] = {}
        cuda: Any = torch.cuda
        self._copies = cuda.Stream(device)
        self._computing = cuda.Stream(device)
        self._pool: Any = None
        self._lock = threading.Lock()

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return float32 (n, dim) for an array (n, ...) whose rows have one shape."""
        import torch

        with self._lock, torch.cuda.device(self._device), torch.inference_mode():
            parts: list[npt.NDArray[np.float32]] = []
            under_way: list[tuple[_Lane, int]] = []
            for turn, one in enumerate(cut(len(rows), self._largest)):
                if len(under_way) == _BUFFERS:
                    parts.append(self._take(*under_way.pop(0)))
                lanes = self._ready((one.size, *rows.shape[1:]), rows.dtype)
                lane = lanes[turn % _BUFFERS]
                if any(lane is busy for busy, _ in under_way):
                    while under_way:  # another size in between: let it finish first
                        parts.append(self._take(*under_way.pop(0)))
                self._send(lane, rows[one.start : one.start + one.count])
                under_way.append((lane, one.count))
            while under_way:
                parts.append(self._take(*under_way.pop(0)))
            return np.concatenate(parts)

    def from_device(self, rows: Any) -> npt.NDArray[np.float32]:
        """Return float32 (n, dim) for a device tensor (n, ...): nothing crosses the bus but that.

        The tensor must be whole on the calling stream's terms (``wait_stream`` sees to it).
        """
        import torch

        with self._lock, torch.cuda.device(self._device), torch.inference_mode():
            self._computing.wait_stream(torch.cuda.current_stream(self._device))
            parts: list[npt.NDArray[np.float32]] = []
            waiting: tuple[_Lane, int] | None = None
            for turn, one in enumerate(cut(len(rows), self._largest)):
                lane = self._ready((one.size, *rows.shape[1:]), np.uint8)[turn % _BUFFERS]
                with torch.cuda.stream(self._computing):
                    part = rows[one.start : one.start + one.count]
                    lane.given[: one.count].copy_(part, non_blocking=True)
                    self._replay(lane)
                if waiting is not None:
                    parts.append(self._take(*waiting))
                waiting = (lane, one.count)
            if waiting is not None:
                parts.append(self._take(*waiting))
            return np.concatenate(parts)

    def _send(self, lane: _Lane, rows: npt.NDArray[Any]) -> None:
        """Start a pass: the host goes on while the bytes travel and the graph runs."""
        import torch

        lane.staged.numpy()[: len(rows)] = rows
        with torch.cuda.stream(self._copies):
            lane.given.copy_(lane.staged, non_blocking=True)
            arrived = _event()
            arrived.record(self._copies)
        with torch.cuda.stream(self._computing):
            self._computing.wait_event(arrived)
            self._replay(lane)

    def _replay(self, lane: _Lane) -> None:
        lane.graph.replay()
        lane.taken.copy_(lane.result, non_blocking=True)
        lane.done.record(self._computing)

    def _take(self, lane: _Lane, count: int) -> npt.NDArray[np.float32]:
        lane.done.synchronize()
        return np.array(lane.taken.numpy()[:count], np.float32)

    def _ready(self, shape: tuple[int, ...], dtype: Any) -> list[_Lane]:
        lanes = self._lanes.get(shape)
        if lanes is None:
            lanes = [self._capture(shape, dtype) for _ in range(_BUFFERS)]
            self._lanes[shape] = lanes
        return lanes

    def _capture(self, shape: tuple[int, ...], dtype: Any) -> _Lane:
        import torch

        staged = torch.from_numpy(np.zeros(shape, dtype)).pin_memory()
        given = staged.to(self._device)
        torch.cuda.synchronize(self._device)
        with torch.cuda.stream(self._computing):
            for _ in range(_WARM_UPS):
                self._forward(given)
        self._computing.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self._computing, capture_error_mode="thread_local"
        ):
            result = self._forward(given).float()
        # Two lanes run one after the other on one stream, so graphs may share scratch memory;
        # results are copied out on that stream before the next replay.
        self._pool = graph.pool()
        taken = torch.empty(result.shape, dtype=torch.float32, pin_memory=True)
        return _Lane(graph, staged, given, result, taken, _event())


def _event() -> Any:
    import torch

    cuda: Any = torch.cuda
    return cuda.Event()
