"""OpenVINO is ready for many threads once it has been imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, sys, threading, time
import numpy as np
from searchengine.encoders.towers.openvino_import import import_openvino
ov = import_openvino()
from openvino import opset13 as op
given = op.parameter([4], np.float32)
compiled = ov.Core().compile_model(ov.Model([op.add(given, given)], [given]), "CPU")
requests = [compiled.create_infer_request() for _ in range(8)]
go = False
def ask(request):
    while not go:
        pass
    request.start_async({0: np.ones(4, np.float32)})
    request.wait()
threads = [threading.Thread(target=ask, args=(one,), daemon=True) for one in requests]
for thread in threads:
    thread.start()
time.sleep(0.2)
go = True
for thread in threads:
    thread.join()
os._exit(0)
"""


def test_threads_that_ask_it_at_once_do_not_wait_for_ever() -> None:
    """Without the first look at the import, every second process hangs."""
    root = Path(__file__).resolve().parents[3]
    running = [subprocess.Popen([sys.executable, "-c", _PROGRAM], cwd=root) for _ in range(6)]
    try:
        assert [one.wait(120) for one in running] == [0] * 6
    finally:
        for one in running:
            one.kill()
            one.wait()
