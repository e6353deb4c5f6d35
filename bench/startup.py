"""How long a person waits for ``--help``: median of ten, warm cache, beside ``python -c pass``.

::

    python bench/startup.py [--runs 10]

Takes the ``searchengine`` command beside this Python.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path


def seconds(command: list[str]) -> float:
    """Return how long a command takes, its output thrown away."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    program = str(Path(sys.executable).with_name("searchengine"))
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "searchengine --help": [program, "--help"],
        "searchengine stats --help": [program, "stats", "--help"],
        "searchengine index --help": [program, "index", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs + 1):  # the first round warms the cache
        for name, command in commands.items():
            times[name].append(seconds(command))
    for name, measured in times.items():
        print(f"{name:28s} {statistics.median(measured[1:]):.3f} s")


if __name__ == "__main__":
    main()
