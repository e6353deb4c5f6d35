"""Which runtimes are here, and which of them the configured model runs on."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from searchengine.diagnose.check import Check, pip_command
from searchengine.errors import SearchEngineError

if TYPE_CHECKING:
    from searchengine.settings import Settings

_RUNTIMES = (("OpenVINO", "openvino"), ("ONNX Runtime", "onnxruntime"), ("NNCF for int8", "nncf"))


def check_runtimes(settings: Settings) -> Check:
    """List the runtimes beside torch, and say what was measured for the model. Loads nothing."""
    here = []
    for label, package in _RUNTIMES:
        try:
            here.append(f"{label} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    what = ", ".join(["torch", *here])
    wanted = {"openvino": "openvino", "onnx": "onnxruntime"}.get(settings.model.runtime)
    if settings.model.precision == "int8" and not _installed("nncf"):
        mend = pip_command("install", "crossmodal-searchengine[int8]")
        return Check("runtimes", "fail", f"{what}; model.precision=int8 needs NNCF", mend)
    if wanted and not _installed(wanted):
        said = f"{what}; model.runtime={settings.model.runtime} is not installed"
        extra = "fast" if wanted == "openvino" else "onnx"
        return Check(
            "runtimes", "fail", said, pip_command("install", f"crossmodal-searchengine[{extra}]")
        )
    return Check("runtimes", "ok", f"{what}; {_chosen(settings)}")


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _chosen(settings: Settings) -> str:
    """Say what the configured model runs on, without reading weights that are not known yet."""
    from searchengine.diagnose.models import configured_model
    from searchengine.encoders.choose import Wish, known_choice, plain_choice
    from searchengine.encoders.files import known_files

    wish = Wish(settings.model.device, settings.model.runtime, settings.model.precision)
    plain = plain_choice(wish)
    if plain is not None:
        return f"the model runs on {plain}, as set"
    try:
        files = known_files(configured_model(settings), cache_dir=settings.cache_dir)
        if files is None:
            return "the model has not been loaded here yet"
        print_ = files.card(precision="fp32", cache_dir=settings.cache_dir).fingerprint
    except SearchEngineError:
        return "the model cannot be described, see below"
    choice = known_choice(print_, wish, cache_dir=settings.cache_dir)
    if choice is None and wish != Wish(wish.device):
        return "the model has not been run as set here yet: the first time it is compared with fp32"
    if choice is None:
        return "the model runs on torch fp32 until it has worked for long enough to measure others"
    gain = f", {choice.speedup:g} times torch fp32" if choice.speedup > 1 else ""
    return f"measured for the model: {choice} (cosine to fp32 at least {choice.cosine:.4f}{gain})"
