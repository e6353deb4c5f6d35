"""Doctor: every state it knows, and that no check can hide, hang or harm anything."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from searchengine.diagnose import (
    Check,
    as_json,
    checks_table,
    databases,
    models,
    run,
    run_checks,
    runtime,
    surroundings,
    worst,
)
from searchengine.diagnose.decoding import check_decoding
from searchengine.diagnose.stages import run_stages
from searchengine.settings import Settings, load_settings

MakeSettings = Callable[..., Settings]
GOOD: dict[str, dict[str, Any]] = {
    "torch": {"version": "2.9.0", "cuda_build": "12.8", "warnings": []},
    "accelerator": {"cuda": False, "mps": False, "devices": [], "warnings": []},
    "torchvision": {"version": "0.24.0", "warnings": []},
    "open_clip": {"version": "3.3.0", "warnings": []},
}


@pytest.fixture
def settings(tmp_path: Path) -> MakeSettings:
    def make(**flags: Any) -> Settings:
        return load_settings(
            "lite",
            {
                "data_dir": str(tmp_path / "data"),
                "cache_dir": str(tmp_path / "cache"),
                **{name.replace("__", "."): value for name, value in flags.items()},
            },
        )

    return make


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "nvidia_driver", lambda: None)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"torch": "2.9.0+cpu", "torchvision": "0.24.0"}
    monkeypatch.setattr(runtime, "_version", known.get)
    needs = {"torchvision": ["numpy", "torch==2.9.0", "pillow"]}
    monkeypatch.setattr(runtime, "_requirements", lambda name: needs.get(name, []))


def test_worst() -> None:
    checks = [Check("a", "ok", ""), Check("b", "fail", ""), Check("c", "warn", "")]
    assert [worst(checks[:1]), worst(checks), worst(checks[2:]), worst([])] == [
        "ok",
        "fail",
        "warn",
        "ok",
    ]


def test_table_and_json() -> None:
    checks = [
        Check("python", "ok", "Python 3.11"),
        Check("open_clip", "fail", "it is broken", "pip install x"),
        Check("cache", "warn", "little space"),
    ]
    assert checks_table(checks) == (
        "ok    python     Python 3.11\n"
        "FAIL  open_clip  it is broken\n"
        "                 -> pip install x\n"
        "warn  cache      little space\n"
        "\n"
        "1 problem and 1 warning."
    )
    assert checks_table(checks[:1]).endswith("\nAll is well.")
    assert as_json(checks)["status"] == "fail"
    assert as_json(checks)["checks"][1] == {
        "name": "open_clip",
        "status": "fail",
        "message": "it is broken",
        "remedy": "pip install x",
    }


# Another process: it may fail in every way a process can.


def test_stages_report_what_they_found() -> None:
    script = "print('noise {')\nstage('one', lambda: {'n': 1})\nstage('two', lambda: 1 / 0)\n"
    found = run_stages(script, timeout_s=20)
    assert found["one"] == {"n": 1, "warnings": []}
    assert found["two"] == {"error": "division by zero", "kind": "ZeroDivisionError"}
    assert "end" not in found


def test_stages_survive_a_crash() -> None:
    script = "stage('one', lambda: {})\nimport os\nstage('two', os.abort)\n"
    found = run_stages(script, timeout_s=20)
    assert "one" in found
    assert "two" not in found
    assert "signal 6" in found["end"]["error"] or "exit code" in found["end"]["error"]


def test_stages_survive_a_hang() -> None:
    started = time.monotonic()
    found = run_stages("stage('one', lambda: {})\nimport time; time.sleep(60)\n", timeout_s=1.5)
    assert time.monotonic() - started < 10
    assert "one" in found
    assert found["end"]["error"] == "did not finish in 1.5 s"


def test_a_python_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(Path("no", "such", "python")))
    found = run_stages("", timeout_s=5)
    assert found["end"]["error"].startswith("Python cannot be started")
    assert runtime.check_torch(found).status == "fail"
    assert runtime.check_pymilvus().status == "fail"


# Torch and what stands on it.


FAKES = {
    "torch": """
__version__ = "2.9.0+cpu"
class version: cuda = None
class cuda: is_available = staticmethod(lambda: False)
class backends:
    class mps: is_available = staticmethod(lambda: False)
""",
    "torchvision": "raise RuntimeError('operator torchvision::nms does not exist')",
    "open_clip": "import torchvision",
}


def test_the_probe_meets_mixed_wheels(
    settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "nvidia_driver", lambda: None)
    for name, code in FAKES.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = runtime.probe(models.configured_model(settings()))
    assert runtime.check_torch(found) == Check("torch", "ok", "torch 2.9.0+cpu (CPU build)")
    assert runtime.check_accelerator(found, settings()).message == "no GPU: the CPU"
    check = runtime.check_open_clip(found)
    assert check.status == "fail"
    assert "do not fit together: operator torchvision::nms does not exist" in check.message
    assert "--force-reinstall" in check.remedy
    assert models.check_model(settings(), found).status == "warn"


def test_the_probe_asks_for_the_weights(
    settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text(FAKES["torch"])
    (tmp_path / "torchvision.py").write_text("__version__ = '1'")
    (tmp_path / "open_clip.py").write_text(
        "__version__ = '3'\n"
        "get_pretrained_cfg = lambda name, tag: {'hf_hub': f'org/{name}-{tag}/'}\n"
        "list_pretrained_tags_by_model = lambda name: ['a']\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = runtime.probe(models.configured_model(settings()))
    assert found["weights"]["repository"] == "org/ViT-B-32-256-datacomp_s34b_b86k"
    assert runtime.check_open_clip(found).message == "OpenCLIP 3, torchvision 1"


@pytest.mark.usefixtures("no_gpu")
def test_all_is_well(settings: MakeSettings) -> None:
    assert runtime.check_python().status == "ok"
    assert runtime.check_torch(GOOD) == Check("torch", "ok", "torch 2.9.0 (CUDA 12.8 build)")
    assert runtime.check_accelerator(GOOD, settings()).message == "no GPU: the CPU"
    assert runtime.check_open_clip(GOOD).message == "OpenCLIP 3.3.0, torchvision 0.24.0"


@pytest.mark.usefixtures("versions")
def test_mixed_wheels_are_named_with_their_mend() -> None:
    broken = {"error": "operator torchvision::nms does not exist\nmore", "kind": "RuntimeError"}
    check = runtime.check_open_clip({**GOOD, "torchvision": broken, "open_clip": broken})
    assert check.status == "fail"
    assert check.message == (
        "torch 2.9.0+cpu and torchvision 0.24.0 do not fit together: "
        "operator torchvision::nms does not exist"
    )
    assert check.remedy.endswith(
        "-m pip install --force-reinstall torch===2.9.0 torchvision===0.24.0"
    )


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    ("error", "message", "remedy"),
    [
        (
            {"error": "No module named 'torch'", "kind": "ModuleNotFoundError"},
            "No module named 'torch'",
            "-m pip install torch",
        ),
        (
            {"error": "libcudart.so.12: cannot open", "kind": "OSError"},
            "torch cannot be imported: libcudart.so.12: cannot open",
            "torch===2.9.0 torchvision===0.24.0",
        ),
    ],
)
def test_broken_torch(
    settings: MakeSettings, error: dict[str, Any], message: str, remedy: str
) -> None:
    found = dict.fromkeys(GOOD, error)
    check = runtime.check_torch(found)
    assert (check.status, check.message) == ("fail", message)
    assert check.remedy.endswith(remedy)
    assert runtime.check_accelerator(found, settings()).message.endswith("see above")
    assert runtime.check_open_clip(found).message.endswith("see above")


def test_a_process_that_died_is_said(settings: MakeSettings) -> None:
    died = {"end": {"error": "the process crashed (signal 11)", "kind": "Crash"}}
    assert "signal 11" in runtime.check_torch(died).message
    assert "signal 11" in runtime.check_accelerator({**died, **_only("torch")}, settings()).message
    vision = runtime.check_open_clip({**died, **_only("torch", "accelerator")})
    assert "signal 11" in vision.message


def _only(*names: str) -> dict[str, dict[str, Any]]:
    return {name: GOOD[name] for name in names}


@pytest.mark.parametrize(
    ("stage", "kind", "words", "remedy"),
    [
        ("torchvision", "ModuleNotFoundError", "gone", "-m pip install torchvision"),
        ("open_clip", "ImportError", "OpenCLIP cannot be imported: gone", "open_clip_torch"),
    ],
)
def test_broken_open_clip(stage: str, kind: str, words: str, remedy: str) -> None:
    broken = {"error": "gone", "kind": kind}
    check = runtime.check_open_clip({**GOOD, "open_clip": broken, stage: broken})
    assert check.status == "fail"
    assert check.message == words
    assert check.remedy.endswith(remedy)


ACCELERATORS = [
    ("auto", {"cuda": True, "devices": ["H200 (140 GiB)"]}, None, "ok", "CUDA: H200 (140 GiB)"),
    ("cuda:1", {"cuda": True, "devices": ["a", "b"]}, None, "ok", "CUDA: a, b"),
    ("auto", {"mps": True}, None, "ok", "Apple GPU (MPS)"),
    ("cuda", {"mps": True}, None, "fail", "model.device is cuda, but torch finds no such device"),
    ("mps", {}, None, "fail", "model.device is mps, but torch finds no such device"),
    (
        "auto",
        {"warnings": ["CUDA initialization: The NVIDIA driver on your system is too old"]},
        "A100, driver 470.1",
        "warn",
        "there is an NVIDIA GPU (A100, driver 470.1), but torch for CUDA 12.8 cannot use it: "
        "CUDA initialization: The NVIDIA driver on your system is too old",
    ),
    ("cuda", {}, "A100, driver 470.1", "fail", "but torch for CUDA 12.8 cannot use it"),
]


@pytest.mark.parametrize(("device", "found", "driver", "status", "words"), ACCELERATORS)
def test_accelerators(
    settings: MakeSettings,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    found: dict[str, Any],
    driver: str | None,
    status: str,
    words: str,
) -> None:
    monkeypatch.setattr(runtime, "nvidia_driver", lambda: driver)
    known = {**GOOD, "accelerator": {**GOOD["accelerator"], **found}}
    check = runtime.check_accelerator(known, settings(model__device=device))
    assert check.status == status
    assert check.message.endswith(words)
    assert bool(check.remedy) == (status != "ok")


@pytest.mark.usefixtures("versions")
def test_a_cpu_build_beside_a_gpu(settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "nvidia_driver", lambda: "H200, driver 590.1")
    known = {**GOOD, "torch": {"version": "2.9.0+cpu", "cuda_build": None, "warnings": []}}
    check = runtime.check_accelerator(known, settings())
    assert check.status == "warn"
    assert check.message.endswith("but torch is a CPU build")
    assert "torch===2.9.0" in check.remedy


def test_a_gpu_that_fails(settings: MakeSettings) -> None:
    broken = {"error": "no kernel image is available\n...", "kind": "RuntimeError"}
    check = runtime.check_accelerator({**GOOD, "accelerator": broken}, settings())
    assert check.message == "CUDA fails: no kernel image is available"


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert runtime.check_python().status == "fail"


# Models.


def test_the_encoder_that_ships() -> None:
    assert models.check_drawn_scenes().status == "ok"


def test_a_model_that_is_not_here(settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    check = models.check_model(settings(), {})
    assert check.status == "warn"
    assert "not on this machine" in check.message
    for way in ("network", "local-dir:PATH", "searchengine demo"):
        assert way in check.remedy
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert (
        check.message + ", but HF_HUB_OFFLINE is set" == models.check_model(settings(), {}).message
    )


def test_a_model_in_the_cache(settings: MakeSettings) -> None:
    chosen = settings(model__name="hf-hub:org/name")
    snapshot = chosen.cache_dir / "models--org--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    assert models.check_model(chosen, {}).status == "warn"
    (snapshot / "open_clip_model.safetensors").write_bytes(b"x")
    check = models.check_model(chosen, {})
    assert check.status == "ok"
    assert "downloaded, not loaded yet" in check.message
    known = {"weights": {"known": True, "repository": "org/name", "tags": []}}
    assert models.check_model(settings(), known).status == "ok"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("drawn-scenes", "open_clip_model"),
        ("no-such-model", "no-such-model"),
        ("local-dir:/no/such/folder", "folder"),
    ],
)
def test_other_models(settings: MakeSettings, name: str, words: str) -> None:
    check = models.check_model(settings(model__name=name), {})
    assert check.status == ("ok" if name == "drawn-scenes" else "fail")
    assert words in check.message


def test_weights_that_do_not_exist(settings: MakeSettings) -> None:
    known = {"weights": {"known": False, "repository": "", "tags": ["openai", "laion2b"]}}
    check = models.check_model(settings(model__name="ViT-B-32/nonsense"), known)
    assert check.status == "fail"
    assert "openai, laion2b" in check.message


# Databases.


def test_a_folder_that_is_not_there_is_not_made(settings: MakeSettings, tmp_path: Path) -> None:
    check = databases.check_database(settings())
    assert check.status == "ok"
    assert "made by the first index run" in check.message
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_a_folder(settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = databases.check_database(settings(store__uri=str(tmp_path / "file" / "milvus")))
    assert check.status == "fail"
    assert "is a file" in check.message


def test_a_folder_that_may_not_be_written_to(
    settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    check = databases.check_database(settings(store__uri=str(tmp_path)))
    assert check.status == "fail"
    assert check.message == f"you may not write to {tmp_path}"
    assert check.remedy


HOLD = """
import sys
from milvus_lite.db import MilvusLite
db = MilvusLite(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A Milvus Lite folder that another process has open, and that process."""
    folder = tmp_path / "held"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        yield folder, process.pid
        process.kill()


def test_a_folder_in_use(settings: MakeSettings, held: tuple[Path, int]) -> None:
    folder, pid = held
    started = time.monotonic()
    check = databases.check_database(settings(store__uri=str(folder)))
    assert time.monotonic() - started < 2
    assert check.status == "warn"
    assert "is in use by" in check.message
    if Path("/proc/locks").exists() and databases.lock_holder(folder / "LOCK") is not None:
        assert f"process {pid}" in check.message


def test_a_folder_that_is_free(settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "LOCK").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    check = databases.check_database(settings(store__uri=tmp_path.as_uri()))
    assert (check.status, check.message) == ("ok", f"{tmp_path} (Milvus Lite), free")
    assert sorted(tmp_path.iterdir()) == before


def test_lock_table(tmp_path: Path) -> None:
    lock = tmp_path / "LOCK"
    lock.write_bytes(b"")
    table = tmp_path / "locks"
    inode = lock.stat().st_ino
    table.write_text(
        f"1: POSIX  ADVISORY  WRITE 1 00:13:{inode} 0 EOF\n"
        f"2: FLOCK  ADVISORY  WRITE 708 00:13:{inode} 0 EOF\n"
    )
    assert databases.lock_holder(lock, table) == 708
    assert databases.lock_holder(lock, tmp_path / "none") is None


def test_a_dead_server(settings: MakeSettings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    chosen = settings(store__uri=f"http://user:secret@127.0.0.1:{port}", store__timeout_s=1)
    check = databases.check_database(chosen)
    assert time.monotonic() - started < 5
    assert check.status == "fail"
    assert "does not answer" in check.message
    assert check.remedy == "docker compose up -d"
    assert "secret" not in check.message


def test_a_server_that_answers(settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    from searchengine.store import configured, open_store

    store = open_store("memory:")
    monkeypatch.setattr(configured, "open_configured_store", lambda settings: store)
    check = databases.check_database(settings(store__uri="http://u:p@milvus.example"))
    assert check == Check("database", "ok", "http://milvus.example:19530: Milvus memory, 0 corpora")


def test_a_refused_login(settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    from searchengine.errors import StoreUnavailableError
    from searchengine.store import configured

    def refuse(settings: Settings) -> None:
        raise StoreUnavailableError("the database at x refuses the login", hint="Check the token.")

    monkeypatch.setattr(configured, "open_configured_store", refuse)
    check = databases.check_database(settings(store__uri="http://localhost:19530"))
    assert (check.status, check.remedy) == ("fail", "Check the token.")


def test_other_addresses(settings: MakeSettings) -> None:
    assert databases.check_database(settings(store__uri="memory:")).status == "ok"
    assert databases.check_database(settings(store__uri="ftp://x")).status == "fail"


# Surroundings.


@pytest.mark.parametrize(
    ("free", "status", "words"),
    [
        (50_000_000_000, "ok", "50.0 GB free at"),
        (1_500_000_000, "warn", "only 1.5 GB free at"),
        (100_000_000, "fail", "only 100 MB free at"),
        (0, "fail", "only 0 MB free at"),
    ],
)
def test_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str, words: str
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(free, 0, free))
    check = surroundings.check_space("data", "data_dir", tmp_path / "not" / "made")
    assert check.status == status
    assert check.message.startswith(words)
    assert bool(check.remedy) == (status != "ok")


def test_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEARCHENGINE_STORE__TOKEN", "secret")
    check = surroundings.check_settings("standalone")
    assert check.status == "ok"
    assert "standalone.yaml" in check.message
    assert "SEARCHENGINE_STORE__TOKEN" in check.message
    assert "secret" not in check.message
    assert surroundings.check_settings(str(tmp_path / "none.yaml")).status == "fail"


@pytest.mark.parametrize("found", [None, object()])
def test_formats(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    monkeypatch.setattr(surroundings, "find_spec", lambda name: found)
    checks = surroundings.check_formats()
    assert [check.name for check in checks] == ["heic", "raw", "video", "pdf"]
    for check in checks:
        assert check.status == "ok"
        assert (f"[{check.name}]" in check.remedy) == (found is None)


# All together.


@pytest.mark.parametrize(
    ("missing", "status"),
    [((), "ok"), (("simplejpeg",), "warn"), (("simplejpeg", "cykooz-resizer"), "warn")],
)
def test_what_decodes_photos(
    missing: tuple[str, ...], status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"simplejpeg": "searchengine.jpeg._simplejpeg"}
    names["cykooz-resizer"] = "searchengine.encoders.box_resize._fast"
    for package, loader in names.items():
        found = None if package in missing else object()
        monkeypatch.setattr(loader, lambda found=found: found)
    check = check_decoding()
    assert check.status == status
    for package in names:
        assert (package in check.remedy.split()) == (package in missing)
        assert package in check.message
    assert ("Pillow" in check.message) == bool(missing)


def test_no_check_hides_another() -> None:
    forever = threading.Event()

    def hang() -> list[Check]:
        forever.wait(30)
        return []

    def fail() -> list[Check]:
        raise RuntimeError("oh\nno")

    jobs = [
        run.Job("slow", hang, 0.2),
        run.Job("broken", fail),
        run.Job("fine", lambda: [Check("fine", "ok", "yes")]),
    ]
    started = time.monotonic()
    checks = run.run_jobs(jobs)
    forever.set()
    assert time.monotonic() - started < 5
    assert checks == [
        Check("slow", "fail", "did not finish in 0.2 s"),
        Check("broken", "fail", "the check itself failed: RuntimeError: oh"),
        Check("fine", "ok", "yes"),
    ]


def test_run_checks(
    settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run, "probe", lambda ref: GOOD)
    monkeypatch.setattr(run, "check_pymilvus", lambda: Check("pymilvus", "ok", ""))
    checks = run_checks(settings(model__name="no-such-model"), config="lite")
    assert [check.name for check in checks] == [
        "settings",
        "python",
        "torch",
        "accelerator",
        "open_clip",
        "model",
        "runtimes",
        "drawn-scenes",
        "pymilvus",
        "database",
        "data",
        "cache",
        "decoding",
        "heic",
        "raw",
        "video",
        "pdf",
    ]
    assert {check.name for check in checks if check.status == "fail"} == {"model"}
    assert list(tmp_path.iterdir()) == []


def test_the_client_of_the_database() -> None:
    check = runtime.check_pymilvus()
    assert check.status == "ok"
    assert check.message.startswith("pymilvus ")


def test_diagnose_itself_imports_nothing_heavy() -> None:
    script = (
        "import sys, searchengine.diagnose\n"
        "heavy = ('torch', 'open_clip', 'pymilvus', 'pyarrow', 'PIL')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
