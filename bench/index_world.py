"""What ``index_speed.py`` runs: whole processes over folders of pictures and one model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rclip_setup import forget, run_rclip, set_up
from sample_photos import make_photos

HERE = Path(__file__).parent


class World:
    """The folders of one bench: pictures, models, and a cache that stays between runs."""

    def __init__(self, work: Path, photos: Path | None, rclip: Path | None, runtime: str) -> None:
        """Make the models where they are missing; ``rclip`` is the Python it is installed in."""
        self.work, self._photos, self._rclip, self._runtime = work, photos, rclip, runtime
        self.model, self._rclip_data = set_up(work / "models")

    def pictures(self, megapixels: float, count: int) -> Path:
        """Return a folder of so many pictures of that size."""
        folder = self.work / f"photos-{megapixels:g}mp-{count}"
        return make_photos(folder, count, megapixels, self._photos)

    def naive(self, folder: Path) -> float:
        """Return the seconds of one naive process."""
        with tempfile.TemporaryDirectory(dir=self.work) as scratch:
            store = Path(scratch) / "naive.db"
            command = [str(HERE / "naive_loop.py"), str(folder), "--model"]
            return self._timed([*command, f"local-dir:{self.model}", "--store", str(store)])[0]

    def index(self, precision: str, folder: Path, times: int = 1) -> list[dict[str, Any]]:
        """Return the report of one ``searchengine index`` process with its ``whole_s``, and of
        further ones over the same files and store."""
        with tempfile.TemporaryDirectory(dir=self.work) as scratch:
            command = [
                *("-m", "searchengine", "index", str(folder), "--json", "--quiet"),
                *("--model", f"local-dir:{self.model}", "--store", str(Path(scratch) / "db")),
                *("--set", f"model.precision={precision}"),
                *("--set", f"model.runtime={self._runtime}", "--set", f"data_dir={scratch}"),
            ]
            runs = [self._timed(command) for _ in range(times)]
        reports = [{**json.loads(output), "whole_s": seconds} for seconds, output in runs]
        for at, report in enumerate(reports):
            if report["failed"] or bool(report["embedded"]) != (at == 0):
                raise SystemExit(f"index went wrong: {report}")
        return reports

    def index_s(self, precision: str, folder: Path) -> float:
        """Return the seconds of one ``searchengine index`` process."""
        seconds: float = self.index(precision, folder)[0]["whole_s"]
        return seconds

    def rclip(self, folder: Path) -> float:
        """Return the seconds of one rclip process, which ends with a question."""
        assert self._rclip is not None
        forget(self._rclip_data)
        return run_rclip(self._rclip, self._rclip_data, folder, "a dog")[1]

    def alone(self, folder: Path, precision: str) -> dict[str, Any]:
        """Return the seconds of a core that an image costs, by stage (``stages_alone.py``)."""
        command = [str(HERE / "stages_alone.py"), str(folder), "--model"]
        arguments = [f"local-dir:{self.model}", "--precision", precision]
        arguments += ["--runtime", self._runtime]
        row: dict[str, Any] = json.loads(self._timed([*command, *arguments])[1])
        return row

    def forget_compiled(self) -> None:
        """Make the next run of the index the first one ever."""
        shutil.rmtree(self.work / "cache", ignore_errors=True)

    def _timed(self, command: list[str]) -> tuple[float, str]:
        paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "SEARCHENGINE_CACHE_DIR": str(self.work / "cache"),
        }
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, env=environment, check=False
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
        return seconds, done.stdout
