"""The script for a GPU, in its small mode on the device that is everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_script_for_a_gpu_runs_small_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    command = [sys.executable, "bench/gpu.py", "--small", "--device", "cpu", "--out", str(out)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    tiny = result["models"]["tiny"]
    assert "failed" not in json.dumps(result)
    assert result["left_out"] == []
    assert result["floors"]["matrix_tflops"] > 0
    for kind in ("0.75 MP", "12 MP"):
        assert set(result["decoding"][kind]) >= {"pillow full + OpenCLIP"}
        assert tiny[kind]["naive"] > 0
        assert tiny[kind]["share_of_floor"] > 0
        assert any(name.endswith("from disk") for name in tiny[kind])
    assert tiny["matrix_share"] > 0
