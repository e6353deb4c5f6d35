from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.cli import main
from searchengine.encoders import export_model as exporting
from searchengine.encoders import load_encoder
from searchengine.encoders.export_model import FORMATS, export_model
from searchengine.errors import EncoderError, UnsupportedError, UsageError


def images(folder: Path, form: str, pixels: Any) -> Any:
    """Run an exported image tower the way its readers would: with the runtime's own calls."""
    if form == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(folder / "image.onnx"))
        return session.run(None, {"input": pixels})[0]
    if form == "torchscript":
        import torch

        return torch.jit.load(str(folder / "image.pt"))(torch.from_numpy(pixels)).detach().numpy()
    from searchengine.encoders.towers.openvino_import import import_openvino

    core = import_openvino().Core()
    return core.compile_model(str(folder / "image.xml"), "CPU")({"input": pixels})[0]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_gives_the_encoders_vectors(
    form: Any, tiny_vit: Path, tmp_path: Path
) -> None:
    report = export_model(f"local-dir:{tiny_vit}", tmp_path / "out", form=form, cache_dir=tmp_path)
    assert json.loads((tmp_path / "out" / "model.json").read_text()) == report
    assert (report["dim"], report["text"]["context_length"]) == (24, 20)
    assert report["image"]["input"]["shape"] == ["n", 48, 48, 3]
    assert report["image"]["preprocess"]["resize_mode"] == "squash"
    assert report["image"]["least_cosine_to_torch"] > 0.9999
    assert report["text"]["least_cosine_to_torch"] > 0.9999
    assert "unknown" in report["licence"]
    pixels = np.random.default_rng(1).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    rows = images(tmp_path / "out", form, pixels)
    encoder = load_encoder(f"local-dir:{tiny_vit}", precision="fp32", cache_dir=tmp_path)
    assert report["fingerprint"] == encoder.fingerprint
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # By itself OpenVINO takes bf16 where the processor has it.
    np.testing.assert_allclose(rows, encoder.encode_images(pixels), atol=1e-2)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]


def test_a_folder_with_something_in_it_is_left_alone(tiny_vit: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not empty"):
        export_model(f"local-dir:{tiny_vit}", tmp_path)
    with pytest.raises(UsageError, match="not empty"):
        export_model(f"local-dir:{tiny_vit}", tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_files_that_give_other_vectors_are_not_kept(
    tiny_vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporting._run
    monkeypatch.setattr(exporting, "_run", lambda *args: honest(*args)[::-1])
    with pytest.raises(EncoderError, match="image tower gives other vectors"):
        export_model(f"local-dir:{tiny_vit}", tmp_path / "out", form="torchscript")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="no towers"):
        export_model("fake", tmp_path / "out")
    with pytest.raises(UnsupportedError, match="'gguf' is not known"):
        export_model("drawn-scenes", tmp_path / "out", form="gguf")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["export-model", "drawn-scenes", "--to", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["searchengine", *arguments, "--format", "onnx", "--json"])
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code
    out, err = capsys.readouterr()
    assert json.loads(out)["dim"] == 192
    assert "exporting drawn-scenes" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "image.onnx",
        "model.json",
        "text.onnx",
    ]
