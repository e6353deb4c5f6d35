"""From a model's name to its files: configuration, preprocessing, weights. Without torch."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import searchengine
from searchengine.encoders.architectures import open_clip_version
from searchengine.encoders.fingerprint import ModelCard, Precision, fingerprint
from searchengine.encoders.memory import file_hash, recall_model, remember_model
from searchengine.encoders.names import ModelRef
from searchengine.encoders.preprocess import Preprocess, preprocess_of
from searchengine.errors import ModelUnavailableError

_DEMO = Path(searchengine.__file__).parent / "demo"
CONFIG_NAME = "open_clip_config.json"

# OpenCLIP's own order of preference (open_clip.factory._find_checkpoint_in_dir).
_WEIGHTS_NAMES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
_TOKENIZER_PATTERNS = (
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.*", "merges.txt", "*.model", "*.bpe",
)  # fmt: skip
_LAYOUT_HINT = (
    f"a local-dir holds {CONFIG_NAME} and {_WEIGHTS_NAMES[0]}, "
    "as open_clip's push_to_hf_hub writes them"
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model as it lies on this machine."""

    ref: ModelRef
    model_cfg: Mapping[str, Any]
    """OpenCLIP's ``model_cfg``, with the activation the weights were trained with."""
    preprocess: Preprocess
    weights: Path
    folder: Path | None
    """Where the configuration lies, for models that bring their own."""

    @property
    def open_clip_name(self) -> str:
        """What OpenCLIP builds the model by."""
        return self.ref.name if self.folder is None else f"local-dir:{self.folder}"

    @property
    def context_length(self) -> int:
        """Tokens of a text that are read, begin and end marks included."""
        return int(self.model_cfg["text_cfg"].get("context_length", 77))

    def card(self, *, precision: Precision, cache_dir: Path | None) -> ModelCard:
        """Return what the model is; reads the weights whole where they are new."""
        return ModelCard(
            name=str(self.ref),
            fingerprint=fingerprint(
                model_cfg=self.model_cfg,
                weights_hash=_hash(self.weights, cache_dir),
                preprocess=self.preprocess,
                precision=precision,
                tokenizer_hash=self._tokenizer_hash(cache_dir),
            ),
            dim=int(self.model_cfg["embed_dim"]),
            image_size=self.preprocess.size,
            context_length=self.context_length,
        )

    def _tokenizer_hash(self, cache_dir: Path | None) -> str:
        # A model from the hub names its tokenizer in model_cfg; a folder brings its own files.
        named = self.model_cfg["text_cfg"].get("hf_tokenizer_name")
        if self.folder is None or self.ref.kind == "hub" or not named:
            return ""
        found = {path for pattern in _TOKENIZER_PATTERNS for path in self.folder.glob(pattern)}
        return " ".join(f"{path.name}:{_hash(path, cache_dir)}" for path in sorted(found))


def known_files(ref: ModelRef, *, cache_dir: Path | None = None) -> ModelFiles | None:
    """Return a model's files as far as that needs neither torch nor the network.

    ``None`` for a model from the hub that was never loaded here, or whose
    weights have gone since. Raises ``ModelUnavailableError`` for local ones.
    """
    if ref.kind == "builtin":
        return local_files(ref, _DEMO / ref.name.replace("-", "_"))
    if ref.kind == "local":
        return local_files(ref, Path(ref.name))
    record = recall_model(str(ref), cache_dir=cache_dir)
    if record is None or record.get("open_clip") != open_clip_version():
        return None
    weights = Path(record["weights"])
    if not weights.is_file():
        return None
    folder = None if record["folder"] is None else Path(record["folder"])
    preprocess = preprocess_of(record["model_cfg"], record["preprocess_cfg"])
    return ModelFiles(ref, record["model_cfg"], preprocess, weights, folder)


def remember_files(files: ModelFiles, *, cache_dir: Path | None = None) -> None:
    """Make ``known_files`` know a model from the hub; of others nothing need be remembered.

    From now on its name means these very files, until they are gone.
    """
    if files.ref.kind not in ("pretrained", "hub"):
        return
    record = {
        "open_clip": open_clip_version(),
        "weights": str(files.weights),
        "folder": None if files.folder is None else str(files.folder),
        "model_cfg": files.model_cfg,
        "preprocess_cfg": files.preprocess.as_open_clip(),
    }
    remember_model(str(files.ref), record, cache_dir=cache_dir)


def local_files(ref: ModelRef, folder: Path) -> ModelFiles:
    """Return the files of a model in OpenCLIP's ``local-dir`` layout.

    Raises ``ModelUnavailableError`` naming the file that is missing or wrong.
    """
    if not folder.is_dir():
        raise ModelUnavailableError(
            f"there is no folder {folder} to load the model from", hint=_LAYOUT_HINT
        )
    config = read_config(folder / CONFIG_NAME)
    preprocess = read_preprocess(folder / CONFIG_NAME, config)
    return ModelFiles(ref, config["model_cfg"], preprocess, _find_weights(folder), folder)


def read_config(path: Path) -> dict[str, Any]:
    """Return the parsed ``open_clip_config.json``, checked for what every model has."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelUnavailableError(
            f"the model's configuration {path} is missing", hint=_LAYOUT_HINT
        ) from error
    except OSError as error:
        raise ModelUnavailableError(
            f"the model's configuration {path} cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise _bad_config(path, f"it is no JSON ({error})") from error
    model_cfg = config.get("model_cfg") if isinstance(config, dict) else None
    if not isinstance(model_cfg, dict):
        raise _bad_config(path, "it has no model_cfg")
    for key, kind in (("embed_dim", int), ("vision_cfg", dict), ("text_cfg", dict)):
        if not isinstance(model_cfg.get(key), kind):
            raise _bad_config(path, f"model_cfg has no {key}")
    return dict(config)


def read_preprocess(path: Path, config: Mapping[str, Any]) -> Preprocess:
    """Return the preprocessing that a configuration from ``read_config`` asks for."""
    try:
        return preprocess_of(config["model_cfg"], config.get("preprocess_cfg") or {})
    except (TypeError, ValueError, AttributeError) as error:
        raise _bad_config(path, f"preprocess_cfg: {error}") from error


def check_packages(ref: ModelRef, model_cfg: Mapping[str, Any]) -> None:
    """Raise ``ModelUnavailableError`` where a model needs a package that is not installed.

    Asked before anything is fetched: the weights may be gigabytes.
    """
    text_cfg = model_cfg["text_cfg"]
    if not (text_cfg.get("hf_tokenizer_name") or text_cfg.get("hf_model_name")):
        return
    if importlib.util.find_spec("transformers") is None:
        raise ModelUnavailableError(
            f"the model {ref} reads texts with the package transformers, which is not installed",
            hint="pip install transformers",
        )


def _find_weights(folder: Path) -> Path:
    found = {path.name: path for path in folder.iterdir()}
    for name in _WEIGHTS_NAMES:
        if name in found:
            return found[name]
    others = [found[name] for name in sorted(found)]
    for suffix in (".safetensors", ".bin", ".pth"):
        for path in others:
            if path.suffix == suffix:
                return path
    raise ModelUnavailableError(f"{folder} holds no weights", hint=_LAYOUT_HINT)


def _hash(path: Path, cache_dir: Path | None) -> str:
    try:
        return file_hash(path, cache_dir=cache_dir)
    except OSError as error:
        raise ModelUnavailableError(
            f"the model's file {path} cannot be read: {error.strerror or error}"
        ) from error


def _bad_config(path: Path, why: str) -> ModelUnavailableError:
    return ModelUnavailableError(f"{path} is no OpenCLIP configuration: {why}", hint=_LAYOUT_HINT)
