"""Weights from the hub, on first use."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from searchengine.encoders.architectures import architecture_config
from searchengine.encoders.files import (
    CONFIG_NAME,
    ModelFiles,
    check_packages,
    read_config,
    read_preprocess,
)
from searchengine.encoders.names import ModelRef
from searchengine.encoders.preprocess import preprocess_of
from searchengine.encoders.seam import import_open_clip
from searchengine.errors import DiskFullError, ModelUnavailableError, UnknownModelError

_WEIGHTS_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_CONNECT_SECONDS = 5.0


def fetch_files(ref: ModelRef, *, cache_dir: Path | None = None) -> ModelFiles:
    """Return the files of a ``pretrained`` or ``hub`` model, downloading what is not here.

    What lies in the hub's cache is used as it is, without asking the network.
    Raises ``UnknownModelError`` for a tag or repository that does not exist,
    ``ModelUnavailableError`` when the files cannot be had, ``DiskFullError``.
    """
    if ref.kind == "hub":
        return _from_repository(ref, cache_dir)
    return _pretrained(ref, cache_dir)


def known_tags(architecture: str) -> list[str]:
    """Return the weights OpenCLIP knows for an architecture. Imports torch."""
    tags: list[str] = import_open_clip().list_pretrained_tags_by_model(architecture)
    return tags


def _from_repository(ref: ModelRef, cache_dir: Path | None) -> ModelFiles:
    config_path = _fetch(ref, ref.name, (CONFIG_NAME,), cache_dir)
    folder = config_path.parent
    config = read_config(config_path)
    model_cfg = config["model_cfg"]
    check_packages(ref, model_cfg)
    # Both from one commit: the folder is named after it.
    weights = _fetch(ref, ref.name, _WEIGHTS_NAMES, cache_dir, revision=folder.name)
    preprocess = read_preprocess(config_path, config)
    return ModelFiles(ref, model_cfg, preprocess, weights, folder)


def _pretrained(ref: ModelRef, cache_dir: Path | None) -> ModelFiles:
    open_clip = import_open_clip()
    pretrained = open_clip.get_pretrained_cfg(ref.name, ref.tag)
    if not pretrained:
        tags = open_clip.list_pretrained_tags_by_model(ref.name)
        raise UnknownModelError(
            f"the architecture {ref.name} has no weights {ref.tag!r}",
            hint=f"it has: {', '.join(tags) or 'none'}",
        )
    model_cfg = architecture_config(ref.name)
    if pretrained.get("quick_gelu"):
        # The activation these weights were trained with: the plain architecture's name
        # means its "-quickgelu" twin here. OpenCLIP itself only warns.
        model_cfg["quick_gelu"] = True
    check_packages(ref, model_cfg)
    weights = _fetch_tagged(ref, open_clip, pretrained, cache_dir)
    return ModelFiles(ref, model_cfg, preprocess_of(model_cfg, pretrained), weights, None)


def _fetch_tagged(ref: ModelRef, open_clip: Any, pretrained: Any, cache_dir: Path | None) -> Path:
    repository, _, name = str(pretrained.get("hf_hub") or "").rpartition("/")
    if not repository:  # a few old ones have a plain address only
        try:
            return Path(open_clip.download_pretrained(pretrained, cache_dir=cache_dir))
        except OSError as error:
            raise _unavailable(ref, error) from error
    names: tuple[str, ...] = _WEIGHTS_NAMES
    if name:
        names = (str(Path(name).with_suffix(".safetensors")), name)
    return _fetch(ref, repository, names, cache_dir)


def _fetch(
    ref: ModelRef,
    repository: str,
    names: Sequence[str],
    cache_dir: Path | None,
    revision: str | None = None,
) -> Path:
    """Return the first of the named files that exists, from the cache or the network."""
    import huggingface_hub
    from huggingface_hub import errors

    for name in names:
        cached = huggingface_hub.try_to_load_from_cache(
            repository, name, cache_dir=cache_dir, revision=revision
        )
        if isinstance(cached, str):
            return Path(cached)
    _knock(ref, huggingface_hub.hf_hub_url(repository, names[0], revision=revision))
    for name in names:
        try:
            return Path(
                huggingface_hub.hf_hub_download(
                    repository,
                    name,
                    cache_dir=cache_dir,
                    revision=revision,
                    etag_timeout=_CONNECT_SECONDS,
                )
            )
        except errors.LocalEntryNotFoundError as error:  # offline, or nobody answers
            raise _unavailable(ref, error) from error
        except errors.EntryNotFoundError:
            continue
        except errors.GatedRepoError as error:
            raise ModelUnavailableError(
                f"the weights of {ref} are given out on request only",
                hint=f"ask at https://huggingface.co/{repository}, then: hf auth login",
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise UnknownModelError(
                f"there is no repository {repository} on the hub, or it is private",
                hint="mend the name, or: hf auth login",
            ) from error
        except Exception as error:
            raise _unavailable(ref, error) from error
    raise UnknownModelError(
        f"the repository {repository} holds no OpenCLIP model: it has no {' and no '.join(names)}",
        hint="only models in OpenCLIP's format can be loaded",
    )


def _knock(ref: ModelRef, url: str) -> None:
    """Ask once whether the hub can be reached: its own downloader tries for half a minute.

    Raises ``ModelUnavailableError``. Any answer will do, an error status too.
    """
    import huggingface_hub

    try:
        huggingface_hub.get_session().head(url, timeout=_CONNECT_SECONDS)
    except Exception as error:  # of httpx or requests, by version; or the offline mode's own
        raise _unavailable(ref, error) from error


def _unavailable(ref: ModelRef, error: Exception) -> DiskFullError | ModelUnavailableError:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return DiskFullError(
            f"there is no space left to keep the weights of {ref}",
            hint="free some, or set HF_HOME to a folder on another disk",
        )
    why = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if type(error).__name__ == "OfflineModeIsEnabled":
        why = "HF_HUB_OFFLINE is set"
    return ModelUnavailableError(
        f"the weights of {ref} are not on this machine and cannot be downloaded ({why})",
        hint="run the same again with a network connection (and without HF_HUB_OFFLINE); "
        "or name a folder that holds a model: --model local-dir:PATH; "
        "or try what comes with the package: searchengine demo",
    )
