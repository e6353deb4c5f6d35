"""Backgrounds are made once a model, and whatever lies in the cache is checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from searchengine.bank import COPIES, PICTURES, bank_captions, bank_pictures
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import EncoderError
from searchengine.query.relevance import background, cached_background, load_background

DRAWN = list(bank_pictures())


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures are the same each time (see test_bank.py): drawing them takes a second."""
    monkeypatch.setattr(background, "bank_pictures", lambda: iter(DRAWN))


class Counted(FakeEncoder):
    """Counts how often it is asked."""

    calls = 0

    def encode_texts(self, texts):  # type: ignore[no-untyped-def]
        self.calls += 1
        return super().encode_texts(texts)


def test_made_once_then_read(tmp_path: Path) -> None:
    encoder = Counted()
    assert cached_background(encoder.fingerprint, cache_dir=tmp_path) is None
    made = load_background(encoder, cache_dir=tmp_path)
    assert made.texts.shape == (len(bank_captions()), encoder.dim)
    assert made.pictures.shape == (PICTURES, encoder.dim)
    assert made.copies.shape == (COPIES, encoder.dim)
    assert 0.8 < made.sameness <= 1
    assert np.allclose(np.linalg.norm(made.texts, axis=1), 1, atol=1e-5)
    calls = encoder.calls
    again = load_background(encoder, cache_dir=tmp_path)
    assert encoder.calls == calls
    assert np.array_equal(again.texts, made.texts)
    assert np.array_equal(again.pictures, made.pictures)
    assert np.array_equal(again.copies, made.copies)
    assert not list((tmp_path / "backgrounds").glob("*.tmp"))


def test_models_and_prompts_do_not_share_a_file(tmp_path: Path) -> None:
    one, other = FakeEncoder(), FakeEncoder(salt="another")
    load_background(one, cache_dir=tmp_path)
    load_background(other, cache_dir=tmp_path)
    plain = load_background(one, cache_dir=tmp_path)
    single = load_background(one, cache_dir=tmp_path, prompts="single")
    assert len(list((tmp_path / "backgrounds").iterdir())) == 3
    assert not np.array_equal(plain.texts, single.texts)


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "nan", "short", "other"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: str) -> None:
    encoder = FakeEncoder()
    made = load_background(encoder, cache_dir=tmp_path)
    (file,) = (tmp_path / "backgrounds").iterdir()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-200])
    elif damage == "noise":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(bytes(content))
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "nan":
        np.savez(file, texts=made.texts * np.nan, pictures=made.pictures, copies=made.copies)
    elif damage == "short":
        np.savez(file, texts=made.texts[:7], pictures=made.pictures, copies=made.copies)
    else:
        np.savez(file, something=made.texts)
    assert cached_background(encoder.fingerprint, cache_dir=tmp_path) is None
    again = load_background(encoder, cache_dir=tmp_path)
    assert np.array_equal(again.texts, made.texts)
    assert cached_background(encoder.fingerprint, cache_dir=tmp_path) is not None


def test_a_folder_that_cannot_be_written_costs_only_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert len(load_background(FakeEncoder(), cache_dir=blocked).pictures) == PICTURES
    assert "cannot write" in caplog.text


def test_a_model_that_gives_no_vectors_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EncoderError):
        load_background(FakeEncoder(fail_on="a photo of"), cache_dir=tmp_path)
    assert not (tmp_path / "backgrounds").exists()


def test_a_cached_background_needs_neither_torch_nor_pillow(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    load_background(encoder, cache_dir=tmp_path)
    code = f"""
import sys
from pathlib import Path
import numpy as np
from searchengine.query.relevance import cached_background, relevance_of
background = cached_background({encoder.fingerprint!r}, cache_dir=Path({str(tmp_path)!r}))
query = background.texts[0]
for kind in ("text", "image"):
    for modality in ("text", "image"):
        found = relevance_of(background, query, (kind,), background.pictures, modality)
        assert found.shape == (128,)
print(*[m for m in ("torch", "open_clip", "PIL.Image", "yaml") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
