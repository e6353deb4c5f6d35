"""Which runtime and precision a model gets on this machine, and where that is remembered.

A wish (device, runtime, precision; any may be ``auto``) becomes a ``Choice``. What it rests on is
measured, so it is kept by model, wish and machine; ``describe_model`` reads it without torch.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from searchengine.encoders.fingerprint import PRECISIONS, Precision
from searchengine.encoders.memory import recall_choice, remember_choice
from searchengine.encoders.towers.threads import available_cores
from searchengine.errors import UnsupportedError

Runtime = Literal["torch", "openvino", "onnx"]
RUNTIMES: Final[tuple[Runtime, ...]] = ("torch", "openvino", "onnx")
_PACKAGES: Final = ("torch", "open_clip_torch", "openvino", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    device: str = "auto"
    runtime: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        """Raise ``UnsupportedError`` for names nobody knows."""
        for what, given, known in (
            ("runtime", self.runtime, RUNTIMES),
            ("precision", self.precision, PRECISIONS),
        ):
            if given != "auto" and given not in known:
                raise UnsupportedError(
                    f"{what} {given!r} is not known", hint=f"use auto, {', '.join(known)}"
                )
        if self.runtime == "onnx" and self.precision not in ("auto", "fp32"):
            raise UnsupportedError(
                f"ONNX Runtime runs fp32 only here, not {self.precision}",
                hint="use model.runtime=openvino or torch, or model.precision=auto",
            )
        if self.precision == "int8" and self.runtime == "torch":
            raise UnsupportedError(
                "torch has no int8 here", hint="use model.runtime=openvino, or auto"
            )


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model is run."""

    runtime: Runtime
    precision: Precision
    shares: bool
    """Whether its vectors may stand beside fp32's: then they bear fp32's fingerprint."""
    cosine: float = 1.0
    """The least to fp32, over the sample of ``interchange``."""
    overlap: float = 1.0
    """Of the ten nearest."""
    speedup: float = 1.0
    """Pictures a second against torch fp32, as probed; 1.0 where nothing was."""

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"


def plain_choice(wish: Wish) -> Choice | None:
    """Return the choice where nothing need be compared: torch at fp32, and int8."""
    if wish.precision == "int8":
        return Choice("openvino", "int8", False)
    if wish.precision == "fp32" and wish.runtime in ("auto", "torch"):
        return Choice("torch", "fp32", True)
    return None


def known_choice(print_: str, wish: Wish, *, cache_dir: Path | None) -> Choice | None:
    """Return what ``keep_choice`` was told for the model of that fp32 fingerprint, if it fits."""
    found = recall_choice(_key(print_, wish), cache_dir=cache_dir)
    try:
        choice = Choice(**(found or {}))
    except TypeError:  # nothing, or of another version
        return None
    sound = choice.runtime in RUNTIMES and choice.precision in PRECISIONS
    return choice if sound else None


def keep_choice(print_: str, wish: Wish, choice: Choice, *, cache_dir: Path | None) -> None:
    """Remember a choice for this machine."""
    remember_choice(_key(print_, wish), asdict(choice), cache_dir=cache_dir)


def _key(print_: str, wish: Wish) -> str:
    device = wish.device
    if wish.runtime in ("openvino", "onnx") or (device == "auto" and not may_have_gpu()):
        device = "cpu"
    return f"{print_} {device} {wish.runtime} {wish.precision} {machine()}"


@functools.cache
def machine() -> str:
    """Return 16 hex digits over what a measurement on this machine rests on.

    Processor, cores, system, graphics card or none, versions of the runtimes.
    """
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    parts = [processor(), available_cores(), sys.platform, may_have_gpu(), *versions]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


@functools.cache
def processor() -> str:
    """Return the processor's name and, where the system tells, what it can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "cpu family", "model", "flags", "Features", "CPU part")
    found = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    return " ".join([platform.machine(), *(found.get(key, "") for key in wanted)])


def may_have_gpu() -> bool:
    """Whether torch may find something faster than the CPU. Asks the system, not torch."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    devices = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")
    return any(Path(each).exists() for each in devices) or shutil.which("nvidia-smi") is not None


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
