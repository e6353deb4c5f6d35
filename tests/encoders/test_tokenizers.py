from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from searchengine.encoders import tokenizers
from searchengine.encoders.files import local_files
from searchengine.encoders.names import ModelRef, parse_model
from searchengine.encoders.tokenizers import load_tokenizer

TEXTS = ["a red car", "", "schÃ¶n &amp; gut", "word " * 400]


def test_tokens_are_those_of_open_clips_choice(tiny_vit: Path) -> None:
    import open_clip

    files = local_files(parse_model(f"local-dir:{tiny_vit}"), tiny_vit)
    theirs = open_clip.get_tokenizer(f"local-dir:{tiny_vit}")(TEXTS)
    assert (load_tokenizer(files)(TEXTS) == theirs.numpy()).all()


def test_clips_tokenizer_needs_no_torch(tiny_vit: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from searchengine.encoders.files import local_files
from searchengine.encoders.names import parse_model
from searchengine.encoders.tokenizers import load_tokenizer
folder = Path({str(tiny_vit)!r})
rows = load_tokenizer(local_files(parse_model(f"local-dir:{{folder}}"), folder))(["a red car"])
assert rows.shape == (1, 20)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_siglip_by_name_gets_open_clips_tokenizer(
    tiny_vit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCLIP goes by the name of its own architectures, whatever their configuration says."""
    asked: list[str] = []

    def theirs(files: object, cache_dir: object) -> object:
        asked.append("open_clip")
        return lambda texts, context_length: np.zeros((len(texts), context_length))

    monkeypatch.setattr(tokenizers, "_open_clip_tokenizer", theirs)
    files = local_files(parse_model(f"local-dir:{tiny_vit}"), tiny_vit)
    named = ModelRef("pretrained", "ViT-B-16-SigLIP", "webli")
    load_tokenizer(dataclasses.replace(files, ref=named, folder=None))
    assert asked == ["open_clip"]
    load_tokenizer(dataclasses.replace(files, ref=named))
    assert asked == ["open_clip"]
