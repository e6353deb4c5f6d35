from __future__ import annotations

from pathlib import Path

import pytest

from searchengine.encoders import ModelRef, parse_model
from searchengine.errors import UnknownModelError

DATACOMP = ModelRef("pretrained", "ViT-B-32-256", "datacomp_s34b_b86k")


@pytest.mark.parametrize(
    ("spelling", "ref"),
    [
        ("ViT-B-32-256/datacomp_s34b_b86k", DATACOMP),
        ("  ViT-B-32-256/datacomp_s34b_b86k\n", DATACOMP),
        ("open_clip:ViT-B-32-256/datacomp_s34b_b86k", DATACOMP),
        ("vit-b-32-256::DataComp-S34B-B86K", DATACOMP),
        ("ViT-B-32-256", DATACOMP),  # a preset says which weights
        ("ViT-B-32", ModelRef("pretrained", "ViT-B-32", "datacomp_xl_s13b_b90k")),
        ("balanced", DATACOMP),
        ("Balanced", DATACOMP),
        ("fast", ModelRef("pretrained", "ViT-B-32", "datacomp_xl_s13b_b90k")),
        ("best", ModelRef("pretrained", "PE-Core-L-14-336", "meta")),
        ("multilingual", ModelRef("pretrained", "ViT-B-16-SigLIP2-256", "webli")),
        ("drawn-scenes", ModelRef("builtin", "drawn-scenes")),
        ("fake", ModelRef("builtin", "fake")),
        ("ViT-B-32::laion2b_s34b_b79k", ModelRef("pretrained", "ViT-B-32", "laion2b_s34b_b79k")),
        ("ViT-B-32__openai", ModelRef("pretrained", "ViT-B-32", "openai")),
        ("ViT-B-32:openai", ModelRef("pretrained", "ViT-B-32", "openai")),
        ("ViT-B/32", ModelRef("pretrained", "ViT-B-32", "openai")),
        ("ViT-L/14@336px", ModelRef("pretrained", "ViT-L-14-336", "openai")),
        ("open_clip:ViT-L/14", ModelRef("pretrained", "ViT-L-14", "openai")),
        (
            "XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k",
            ModelRef("pretrained", "xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k"),
        ),
        ("convnext_base", ModelRef("pretrained", "convnext_base", "laion400m_s13b_b51k")),
        ("hf-hub:laion/CLIP-ViT-B", ModelRef("hub", "laion/CLIP-ViT-B")),
        ("hf-hub:laion/CLIP-ViT-B/", ModelRef("hub", "laion/CLIP-ViT-B")),
        ("local-dir:~/models/m", ModelRef("local", str(Path("~/models/m").expanduser()))),
        ("local-dir:m", ModelRef("local", str(Path.cwd() / "m"))),
    ],
)
def test_every_spelling_means_one_model(spelling: str, ref: ModelRef) -> None:
    assert parse_model(spelling) == ref


def test_the_canonical_spelling_parses_back_for_everything_open_clip_knows() -> None:
    import open_clip

    for architecture, tag in open_clip.list_pretrained():
        ref = parse_model(f"{architecture}::{tag}")
        assert str(ref) == f"{architecture}/{tag}"
        assert parse_model(str(ref)) == ref


@pytest.mark.parametrize("spelling", ["hf-hub:a/b", "local-dir:m", "drawn-scenes", "fake"])
def test_other_kinds_parse_back_too(spelling: str) -> None:
    ref = parse_model(spelling)
    assert parse_model(str(ref)) == ref


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("a\0b", "no name"),
        ("balancd", "did you mean balanced"),
        ("drawn_scenes", "did you mean drawn-scenes"),
        ("ViT-B-33/openai", "did you mean ViT-B-32"),
        ("qqqqqqqqqqqqqqqqqqqqqqqqqqqq", "there is no model 'qqq"),
        ("ViT-B-16", "leaves open which weights: .*openai"),
        ("ViT-S-16", "no known weights"),
        ("ViT-B-32/../../etc/passwd", "names no weights"),
        ("local-dir:", "names no folder"),
        ("local-dir:~nobody-of-that-name/m", "local-dir"),
        ("hf-hub:laion", "no name on the hub"),
        ("hf-hub:a/b/c", "no name on the hub"),
    ],
)
def test_what_means_no_model_says_so_and_what_to_write(spelling: str, message: str) -> None:
    with pytest.raises(UnknownModelError, match=message) as caught:
        parse_model(spelling)
    assert caught.value.hint


def test_a_bare_folder_is_told_how_to_be_spelled(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError) as caught:
        parse_model(str(tmp_path))
    assert caught.value.hint == f"write local-dir:{tmp_path}"


@pytest.mark.parametrize("spelling", ["x" * 5000, "~nobody-of-that-name/x", "../" * 3000])
def test_what_no_folder_can_be_called_is_no_model_either(spelling: str) -> None:
    with pytest.raises(UnknownModelError, match="there is no model"):
        parse_model(spelling)
