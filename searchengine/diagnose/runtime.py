"""Python, torch and what computes: looked at from another process, which may crash."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

from searchengine.diagnose.check import Check, Status, first_line, pip_command
from searchengine.diagnose.stages import Stages, run_stages

if TYPE_CHECKING:
    from searchengine.encoders.names import ModelRef
    from searchengine.settings import Settings

IMPORT_TIMEOUT_S = 120.0
"""For importing torch: a cold disk takes half a minute."""
_NEWEST, _OLDEST = (3, 13), (3, 10)

_PROBE = """
def torch_():
    import torch
    return {"version": torch.__version__, "cuda_build": torch.version.cuda}
def accelerator():
    import torch
    cuda = torch.cuda.is_available()
    found = {"cuda": cuda, "mps": torch.backends.mps.is_available(), "devices": []}
    if cuda:
        for i in range(torch.cuda.device_count()):
            p = torch.cuda.get_device_properties(i)
            found["devices"].append(f"{p.name} ({p.total_memory / 2**30:.0f} GiB)")
        (torch.ones(2, device="cuda") + 1).sum().item()
    return found
def torchvision_():
    import torchvision
    return {"version": torchvision.__version__}
def open_clip_():
    import open_clip
    return {"version": open_clip.__version__}
def weights():
    import open_clip
    found = open_clip.get_pretrained_cfg(sys.argv[1], sys.argv[2])
    return {"repository": (found.get("hf_hub") or "").rpartition("/")[0], "known": bool(found),
            "tags": open_clip.list_pretrained_tags_by_model(sys.argv[1])}
stage("torch", torch_)
stage("accelerator", accelerator)
stage("torchvision", torchvision_)
stage("open_clip", open_clip_)
if len(sys.argv) > 2:
    stage("weights", weights)
"""


def probe(ref: ModelRef | None) -> Stages:
    """Import torch, torchvision and OpenCLIP elsewhere; ask about a pretrained model's weights."""
    asked = [ref.name, ref.tag] if ref is not None and ref.kind == "pretrained" else []
    return run_stages(_PROBE, asked, timeout_s=IMPORT_TIMEOUT_S)


def check_python() -> Check:
    """Look at the version and the architecture of Python."""
    version, machine = platform.python_version(), platform.machine() or "unknown machine"
    what = f"Python {version}, {machine}, {platform.system()}"
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        return Check(
            "python",
            "fail",
            f"{what}: 3.10 to 3.13 are supported",
            "install Python 3.12 and set up again with it",
        )
    if sys.maxsize <= 2**32:
        return Check("python", "fail", f"{what}: torch needs a 64-bit Python")
    return Check("python", "ok", what)


def check_torch(stages: Stages) -> Check:
    """Say whether torch can be imported."""
    found = _stage(stages, "torch")
    if "error" not in found:
        build = f"CUDA {found['cuda_build']} build" if found.get("cuda_build") else "CPU build"
        return Check("torch", "ok", f"torch {found['version']} ({build})")
    if found.get("kind") == "ModuleNotFoundError":
        return Check("torch", "fail", first_line(found["error"]), pip_command("install", "torch"))
    return Check(
        "torch", "fail", f"torch cannot be imported: {first_line(found['error'])}", mend_torch()
    )


def check_open_clip(stages: Stages) -> Check:
    """Say whether OpenCLIP, and torchvision under it, can be imported."""
    vision, clip = _stage(stages, "torchvision"), _stage(stages, "open_clip")
    if "error" not in clip:
        return Check(
            "open_clip", "ok", f"OpenCLIP {clip['version']}, torchvision {vision.get('version')}"
        )
    if "error" in _stage(stages, "torch"):
        return Check("open_clip", "warn", "unknown without torch, see above")
    if "error" in vision:
        if vision.get("kind") == "ModuleNotFoundError":
            mend = pip_command("install", "torchvision")
            return Check("open_clip", "fail", first_line(vision["error"]), mend)
        pair = f"torch {_version('torch')} and torchvision {_version('torchvision')}"
        return Check(
            "open_clip",
            "fail",
            f"{pair} do not fit together: {first_line(vision['error'])}",
            mend_torch(),
        )
    return Check(
        "open_clip",
        "fail",
        f"OpenCLIP cannot be imported: {first_line(clip['error'])}",
        pip_command("install", "--upgrade", "open_clip_torch"),
    )


def check_accelerator(stages: Stages, settings: Settings) -> Check:
    """Say what computes, and why a GPU that is there is not used."""
    found, torch = _stage(stages, "accelerator"), _stage(stages, "torch")
    if "error" in torch:
        return Check("accelerator", "warn", "unknown without torch, see above")
    if "error" in found:
        said = f"CUDA fails: {first_line(found['error'])}"
        return Check("accelerator", "fail", said, "add --set model.device=cpu")
    wanted = settings.model.device.partition(":")[0]
    missing = wanted in {"cuda", "mps"} and not found[wanted]
    if not found["cuda"] and not found["mps"] and (gpu := nvidia_driver()) is not None:
        return _unused_gpu(gpu, torch, found, "fail" if missing else "warn")
    if missing:
        said = f"model.device is {settings.model.device}, but torch finds no such device"
        return Check("accelerator", "fail", said, "add --set model.device=auto")
    if found["cuda"]:
        return Check("accelerator", "ok", f"CUDA: {', '.join(found['devices'])}")
    return Check("accelerator", "ok", "Apple GPU (MPS)" if found["mps"] else "no GPU: the CPU")


def check_pymilvus() -> Check:
    """Say whether the client of the database can be imported."""
    script = (
        "def client():\n    import pymilvus\n    return {'version': pymilvus.__version__}\n"
        "stage('pymilvus', client)\n"
    )
    found = _stage(run_stages(script, timeout_s=IMPORT_TIMEOUT_S), "pymilvus")
    if "error" not in found:
        lite = _version("milvus-lite")
        said = f"pymilvus {found['version']}, milvus-lite {lite or 'not installed'}"
        return Check("pymilvus", "ok", said)
    return Check(
        "pymilvus",
        "fail",
        f"pymilvus cannot be imported: {first_line(found['error'])}",
        pip_command("install", "--upgrade", "pymilvus[milvus-lite]>=3.0.2"),
    )


def mend_torch() -> str:
    """Return the command that installs the plain builds of torch and torchvision that fit.

    ``===`` keeps pip from taking a build with a local label (``2.9.0+cpu``),
    which is how two of them come to be mixed.
    """
    vision = (_version("torchvision") or "").partition("+")[0]
    pinned = None
    for line in _requirements("torchvision"):
        pinned = pinned or re.match(r"torch\s*\(?==\s*([\w.]+)", line)
    if not vision or pinned is None:
        return pip_command("install", "--force-reinstall", "torch", "torchvision")
    wanted = (f"torch==={pinned[1]}", f"torchvision==={vision}")
    return pip_command("install", "--force-reinstall", *wanted)


def nvidia_driver() -> str | None:
    """Return the first NVIDIA GPU and its driver's version, ``None`` where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    name, _, driver = lines[0].partition(", ") if lines else ("", "", "")
    return f"{name}, driver {driver}" if name else None


def _unused_gpu(gpu: str, torch: dict[str, Any], found: dict[str, Any], status: Status) -> Check:
    said = f"there is an NVIDIA GPU ({gpu}), but"
    if not torch.get("cuda_build"):
        return Check("accelerator", status, f"{said} torch is a CPU build", mend_torch())
    said = f"{said} torch for CUDA {torch['cuda_build']} cannot use it"
    why = next((first_line(text) for text in found["warnings"] if "CUDA" in text), "")
    return Check(
        "accelerator",
        status,
        f"{said}: {why}" if why else said,
        "update the NVIDIA driver, or install a torch built for an older CUDA",
    )


def _stage(stages: Stages, name: str) -> dict[str, Any]:
    """Return what a stage found; for one that was not reached, why."""
    return stages.get(name) or stages.get("end") or {"error": "not reached", "kind": ""}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _requirements(distribution: str) -> list[str]:
    try:
        return metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []
