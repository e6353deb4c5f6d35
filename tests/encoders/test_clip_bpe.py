from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from searchengine.encoders import clip_bpe
from searchengine.encoders.clip_bpe import Cleaning, ClipTokenizer, clip_tokenizer
from searchengine.errors import ModelUnavailableError

CLEANINGS: tuple[Cleaning, ...] = ("lower", "whitespace", "canonicalize")
CONTEXT = 77

PIECES = st.sampled_from(
    [
        "a photo of", "it's", "IT'S", "we'RE", "ſ", "'ſ", "K", "İstanbul", "ﬁn", "ＦＵＬＬ", "…",
        "“q”",
        "&amp;", "&amp;amp;", "&lt;b&gt;", "&nbsp", "&#x41;", "<b>", "schÃ¶n", "â€œ", "\x1b[31m",
        "<start_of_text>", "<End_Of_Text>", "<end_of_text>", "_", "{}", "12345", "٣", "½", "猫",
        "かな",
        "🐕‍🦺", "e\u0301", "\u200b", "\ufeff", "\xa0", "\x1c", "\x85", "\r\n", "\t", "  ", "\u2028",
        "aaaaaaaaaaaaaaaaaaaa", "ababababab", "!!!???", "http://x.y/?q=1", "\udce9".encode(
            "utf-16", "surrogatepass"
        ).decode("utf-16", "replace"),
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=12), max_size=12).map("".join) | st.text(
    st.characters(min_codepoint=32, max_codepoint=126), max_size=60
)


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    import open_clip

    make = open_clip.tokenizer.SimpleTokenizer
    return {clean: make(context_length=CONTEXT, clean=clean) for clean in CLEANINGS}


@pytest.fixture(scope="module")
def ours() -> dict[Cleaning, ClipTokenizer]:
    return {clean: ClipTokenizer(cleaning=clean) for clean in CLEANINGS}


@settings(max_examples=1500, deadline=None)
@given(TEXTS, st.sampled_from(CLEANINGS))
@example("", "lower")
@example(" ", "canonicalize")
@example("it's 'S <end_of_text>", "lower")
def test_tokens_are_those_of_open_clip(
    ours: dict[Cleaning, ClipTokenizer], theirs: dict[str, Any], text: str, cleaning: Cleaning
) -> None:
    assert ours[cleaning].encode(text) == theirs[cleaning].encode(text)


@pytest.mark.parametrize("context", [77, 16, 3, 2])
def test_rows_are_those_of_open_clip(
    ours: dict[Cleaning, ClipTokenizer], theirs: dict[str, Any], context: int
) -> None:
    pick = random.Random(1)
    words = [entry.split()[0].removesuffix("</w>") for entry in list(clip_bpe._merges())[::37]]
    texts = [" ".join(pick.sample(words, count)) for count in range(40)] + ["", "猫" * 99]
    rows = ours["lower"](texts, context)
    assert rows.dtype == np.int64
    assert (rows == theirs["lower"](texts, context_length=context).numpy()).all()


def test_every_token_of_the_vocabulary_is_told_apart(theirs: dict[str, Any]) -> None:
    """A token is named by the pair it was joined from, which holds while no two make one word."""
    merges = clip_bpe._merges()
    joined = [pair.replace(" ", "") for pair in merges]
    assert len(set(joined)) == len(merges)
    assert {(*pair.split(" "),): rank for pair, rank in merges.items()} == theirs["lower"].bpe_ranks


@pytest.mark.parametrize(
    ("text_cfg", "clean"),
    [
        ({}, "lower"),
        ({"tokenizer_kwargs": {"clean": "canonicalize"}}, "canonicalize"),
        ({"tokenizer_kwargs": None, "hf_tokenizer_name": ""}, "lower"),
    ],
)
def test_a_configuration_chooses_the_cleaning(
    text_cfg: dict[str, Any], clean: Cleaning, ours: dict[Cleaning, ClipTokenizer]
) -> None:
    made = clip_tokenizer(text_cfg)
    assert made is not None
    text = "Don't_STOP, 'Now'!"
    assert made.encode(text) == ours[clean].encode(text)


@pytest.mark.parametrize(
    "text_cfg",
    [
        {"hf_tokenizer_name": "timm/ViT-B-16-SigLIP"},
        {"tokenizer_kwargs": {"reduction_mask": "syntax"}},
        {"tokenizer_kwargs": {"clean": "something new"}},
    ],
)
def test_what_is_not_clips_own_is_left_to_open_clip(text_cfg: dict[str, Any]) -> None:
    assert clip_tokenizer(text_cfg) is None


@pytest.mark.parametrize("content", [b"", b"no gzip", None])
def test_a_damaged_vocabulary_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vocabulary.gz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(clip_bpe, "package_file", lambda name: path)
    clip_bpe._merges.cache_clear()
    try:
        with pytest.raises(ModelUnavailableError, match="vocabulary") as caught:
            ClipTokenizer()
    finally:
        clip_bpe._merges.cache_clear()
    assert str(path) in str(caught.value)


def test_a_plain_query_imports_neither_torch_nor_ftfy() -> None:
    code = """
import sys
from searchengine.encoders.clip_bpe import ClipTokenizer
assert ClipTokenizer().encode("A red car, isn't it?")
heavy = [name for name in ("torch", "open_clip", "ftfy", "regex") if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
