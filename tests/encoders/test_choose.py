from __future__ import annotations

import json
from pathlib import Path

import pytest

from searchengine.encoders import choose
from searchengine.encoders.choose import Choice, Wish, keep_choice, known_choice, plain_choice
from searchengine.encoders.memory import memory_file
from searchengine.errors import UnsupportedError

PRINT = "f" * 32
FOUND = Choice("openvino", "bf16", True, 0.9999, 0.99, 2.3)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"runtime": "tensorrt"}, "runtime 'tensorrt' is not known"),
        ({"precision": "fp7"}, "precision 'fp7' is not known"),
        ({"runtime": "torch", "precision": "int8"}, "torch has no int8"),
        ({"runtime": "onnx", "precision": "int8"}, "fp32 only"),
    ],
)
def test_wishes_nobody_can_meet(wish: dict[str, str], said: str) -> None:
    with pytest.raises(UnsupportedError, match=said) as caught:
        Wish(**wish)
    assert "auto" in caught.value.hint


@pytest.mark.parametrize(
    ("wish", "choice"),
    [
        (Wish(), None),
        (Wish(precision="bf16"), None),
        (Wish(runtime="openvino"), None),
        (Wish(precision="fp32"), Choice("torch", "fp32", True)),
        (Wish(runtime="openvino", precision="fp32"), None),
        (Wish(runtime="onnx"), None),
        (Wish(precision="int8"), Choice("openvino", "int8", False)),
    ],
)
def test_some_wishes_need_no_measuring(wish: Wish, choice: Choice | None) -> None:
    assert plain_choice(wish) == choice


def test_a_choice_is_remembered_for_one_model_wish_and_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert known_choice(PRINT, Wish(), cache_dir=tmp_path) is None
    keep_choice(PRINT, Wish(), FOUND, cache_dir=tmp_path)
    assert known_choice(PRINT, Wish(), cache_dir=tmp_path) == FOUND
    assert known_choice("e" * 32, Wish(), cache_dir=tmp_path) is None
    assert known_choice(PRINT, Wish(precision="bf16"), cache_dir=tmp_path) is None
    monkeypatch.setattr(choose, "machine", lambda: "another")
    assert known_choice(PRINT, Wish(), cache_dir=tmp_path) is None


@pytest.mark.parametrize(
    "damage", [{"runtime": "abacus"}, {"precision": "fp1"}, {"colour": "red"}, 3, None]
)
def test_a_choice_that_makes_no_sense_is_forgotten(damage: object, tmp_path: Path) -> None:
    keep_choice(PRINT, Wish(), FOUND, cache_dir=tmp_path)
    memory = json.loads(memory_file(tmp_path).read_text())
    ((key, record),) = memory["choices"].items()
    memory["choices"][key] = {**record, **damage} if isinstance(damage, dict) else damage
    memory_file(tmp_path).write_text(json.dumps(memory))
    assert known_choice(PRINT, Wish(), cache_dir=tmp_path) is None


def test_another_version_is_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = choose.machine()
    choose.machine.cache_clear()
    assert choose.machine() == before
    choose.machine.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(choose, "_version", lambda package: "0.0.1")
        assert choose.machine() != before
    choose.machine.cache_clear()
