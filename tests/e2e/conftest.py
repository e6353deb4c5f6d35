"""The command line in a home of its own, and the plain loop that answers are compared with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


@dataclass(frozen=True)
class Done:
    """What a finished command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Home:
    """An empty home directory and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **{key: value for key, value in os.environ.items() if "SEARCHENGINE_" not in key},
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "100",
        }

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "searchengine", *map(str, arguments)]

    def run(self, *arguments: object, stdin: bytes = b"", timeout: float = 300) -> Done:
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            env=self.env,
            timeout=timeout,
        )
        return Done(
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "replace"),
        )

    def ok(self, *arguments: object, **options: Any) -> Done:
        done = self.run(*arguments, **options)
        assert done.code == 0, done.err
        return done

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            start_new_session=True,
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder)


@pytest.fixture
def new_home(tmp_path: Path) -> Callable[[], Home]:
    def make() -> Home:
        folder = tmp_path / f"home-{len(list(tmp_path.glob('home-*')))}"
        folder.mkdir()
        return Home(folder)

    return make


@dataclass(frozen=True)
class PlainLoop:
    """Vectors as a first script over OpenCLIP computes them. float32 (n, dim), unit rows."""

    model: Any
    preprocess: Any
    tokenizer: Any

    def images(self, paths: list[Path]) -> np.ndarray:
        import torch

        rows = []
        with torch.no_grad():
            for start in range(0, len(paths), 32):
                batch = [
                    self.preprocess(Image.open(path).convert("RGB"))
                    for path in paths[start : start + 32]
                ]
                rows.append(self.model.encode_image(torch.stack(batch), normalize=True).numpy())
        return np.concatenate(rows)

    def texts(self, texts: list[str]) -> np.ndarray:
        import torch

        with torch.no_grad():
            return self.model.encode_text(self.tokenizer(texts), normalize=True).numpy()


@pytest.fixture(scope="session")
def plain(photo_mini: Path) -> PlainLoop:
    import open_clip

    name = f"local-dir:{photo_mini}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    return PlainLoop(model, preprocess, open_clip.get_tokenizer(name))
