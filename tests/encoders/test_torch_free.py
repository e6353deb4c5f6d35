"""What must not import torch, shown in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

HEAVY = ("torch", "open_clip", "timm", "huggingface_hub", "PIL.Image", "yaml")


def loaded_after(code: str) -> list[str]:
    """Run the code and return which heavy modules it left behind."""
    report = f"\nimport sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import searchengine.encoders") == []


def test_describing_and_preprocessing_need_no_torch(tiny_vit: Path, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from searchengine.encoders import describe_model
card = describe_model({f"local-dir:{tiny_vit}"!r}, cache_dir=Path({str(tmp_path)!r}))
assert card.dim == 24
assert describe_model("fake").dim == 32
"""
    assert loaded_after(code) == []
    code = """
from PIL import Image
from searchengine.encoders.preprocess import Preprocess
assert Preprocess((8, 8))(Image.new("RGB", (20, 10))).shape == (8, 8, 3)
"""
    assert loaded_after(code) == ["PIL.Image"]


@pytest.mark.parametrize("name", ["balanced", "ViT-B-32-256/datacomp_s34b_b86k", "ViT-H-14/dfn5b"])
def test_names_are_understood_without_torch(name: str, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from searchengine.encoders import describe_model
assert describe_model({name!r}, cache_dir=Path({str(tmp_path)!r})) is None
"""
    assert loaded_after(code) in ([], ["yaml"])


def test_the_fake_runs_without_torch() -> None:
    code = """
from searchengine.encoders import load_encoder
load_encoder("fake").encode_texts(["a"])
"""
    assert loaded_after(code) == []


def test_a_question_to_a_compiled_model_needs_no_torch_and_no_database(
    tiny_vit: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (60, 50), (90 * number, 20, 30)).save(tmp_path / f"photos/{number}.png")
    flags = f"--store {tmp_path / 'db'} --set model.runtime=openvino --set model.precision=fp32"
    flags += f" --set cache_dir={tmp_path / 'cache'} --set data_dir={tmp_path}"
    run = "import sys; from searchengine.cli.app import main; sys.argv[1:] = {!r}\n"
    run += "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code\n"
    model = f"--model local-dir:{tiny_vit} --quiet"
    index = f"index {tmp_path / 'photos'} {model} {flags}".split()
    loaded_after(run.format(index))
    asked = run.format(f"search a red car --paths {flags}".split())
    report = "import sys; sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", asked + report], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 3
    loaded = set(done.stderr.split())
    assert "openvino" in loaded
    assert loaded & {"torch", "open_clip", "pymilvus", "milvus_lite", "grpc"} == set()
