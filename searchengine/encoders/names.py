"""The names of models: every spelling people use, and the one we write down."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from searchengine.encoders.architectures import architectures
from searchengine.encoders.presets import load_presets
from searchengine.errors import UnknownModelError

BUILTINS = ("drawn-scenes", "fake")
"""Models that need no weights from elsewhere."""

_HUB_REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_HINT = (
    "see configs/models.yaml for the presets and `searchengine doctor` for what is installed; "
    "spellings: ViT-B-32-256/datacomp_s34b_b86k, hf-hub:ORG/NAME, local-dir:PATH"
)


_LOCAL = "local-dir:"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model is meant. ``str()`` is its canonical spelling, and parses back to it."""

    kind: Literal["pretrained", "hub", "local", "builtin"]
    name: str
    """The architecture, the hub's ``org/name``, the absolute path, or the built-in's name."""
    tag: str = ""
    """Of a pretrained architecture: which weights."""

    def __str__(self) -> str:
        if self.kind == "pretrained":
            return f"{self.name}/{self.tag}"
        return {"hub": "hf-hub:", "local": _LOCAL, "builtin": ""}[self.kind] + self.name


def parse_model(text: str) -> ModelRef:
    """Return the model a spelling means; presets are looked up.

    The architecture is checked against the installed OpenCLIP, a tag only when
    the weights are first loaded: that needs torch, this does not. Raises
    ``UnknownModelError`` with the nearest known names.
    """
    spelling = text.strip()
    if not spelling or "\0" in spelling:
        raise UnknownModelError("the name of the model is empty or no name at all", hint=_HINT)
    if spelling.startswith((_LOCAL, "hf-hub:")) or spelling in BUILTINS:
        return _parse(spelling)
    preset = load_presets().get(spelling.lower())
    return _parse(spelling if preset is None else preset.model)


def public_name(model: str) -> str:
    """Return a canonical name without where on this machine the model lies."""
    return Path(model.removeprefix(_LOCAL)).name if model.startswith(_LOCAL) else model


def parse_architecture(text: str) -> str:
    """Return the OpenCLIP architecture that a spelling means, with or without its weights' tag.

    Raises ``UnknownModelError`` with the nearest known names.
    """
    spelling = text.strip()
    return _known_architecture(_split(_usual(spelling.removeprefix("open_clip:")))[0], spelling)


def _parse(spelling: str) -> ModelRef:
    """Parse what is no preset's name."""
    if spelling in BUILTINS:
        return ModelRef("builtin", spelling)
    scheme, _, rest = spelling.partition(":")
    if scheme == "local-dir":
        return _local(rest, spelling)
    if scheme == "hf-hub":
        return _hub(rest, spelling)
    return _pretrained(rest.strip() if scheme == "open_clip" else spelling, spelling)


def _local(path: str, spelling: str) -> ModelRef:
    if not path.strip():
        raise UnknownModelError(
            f"{spelling!r} names no folder", hint="write local-dir:PATH, for example local-dir:./m"
        )
    try:
        folder = Path(path.strip()).expanduser()
    except RuntimeError as error:  # ~somebody who does not exist
        raise UnknownModelError(f"{spelling!r}: {error}", hint="write the whole path") from error
    # Not resolve(): a link to the current model is a fine name for it.
    return ModelRef("local", str(folder.absolute()))


def _hub(repo: str, spelling: str) -> ModelRef:
    repo = repo.strip().strip("/")
    if not _HUB_REPO.fullmatch(repo):
        raise UnknownModelError(f"{spelling!r} is no name on the hub", hint="write hf-hub:ORG/NAME")
    return ModelRef("hub", repo)


def _pretrained(model: str, spelling: str) -> ModelRef:
    name, tag = _split(_usual(model))
    architecture = _known_architecture(name, spelling)
    if not tag:
        return ModelRef("pretrained", architecture, _only_tag(architecture, spelling))
    if not _TAG.fullmatch(tag):
        raise UnknownModelError(f"{spelling!r}: {tag!r} names no weights", hint=_HINT)
    return ModelRef("pretrained", architecture, tag.lower().replace("-", "_"))


def _usual(model: str) -> str:
    """Return OpenAI's own names, ViT-L/14@336px, as OpenCLIP spells them; others as they are."""
    openai = re.fullmatch(r"(ViT-[A-Za-z]+)/(\d+)(?:@(\d+)px)?", model, re.IGNORECASE)
    if openai:
        return "-".join(part for part in openai.groups() if part) + "/openai"
    return model


def _split(model: str) -> tuple[str, str]:
    for separator in ("::", "__", "/", ":"):
        name, found, tag = model.partition(separator)
        if found:
            return name.strip(), tag.strip()
    return model, ""


def _known_architecture(name: str, spelling: str) -> str:
    known = architectures()
    if name in known:
        return name
    by_lower = {each.lower(): each for each in known}
    if name.lower() in by_lower:
        return by_lower[name.lower()]
    if _is_folder(spelling):
        raise UnknownModelError(
            f"{spelling!r} is a folder, not the name of a model", hint=f"write local-dir:{spelling}"
        )
    candidates = {**by_lower, **{each: each for each in (*load_presets(), *BUILTINS)}}
    near = difflib.get_close_matches(name.lower(), candidates, n=3, cutoff=0.5)
    guess = f"; did you mean {' or '.join(candidates[each] for each in near)}?" if near else ""
    raise UnknownModelError(f"there is no model {spelling!r}{guess}", hint=_HINT)


def _is_folder(spelling: str) -> bool:
    try:
        return Path(spelling).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, ~nobody, a NUL: no name of a folder
        return False


def _only_tag(architecture: str, spelling: str) -> str:
    """Return the tag of an architecture that was given without one, if there is no doubt."""
    refs = [preset.model.partition("/") for preset in load_presets().values()]
    tags = {tag for name, _, tag in refs if name == architecture}
    if len(tags) != 1:
        from searchengine.encoders.hub import known_tags

        tags = set(known_tags(architecture))
    if len(tags) == 1:
        return tags.pop()
    if not tags:
        raise UnknownModelError(
            f"there are no known weights for the architecture {spelling!r}", hint=_HINT
        )
    raise UnknownModelError(
        f"{spelling!r} leaves open which weights: {', '.join(sorted(tags))}",
        hint=f"write for example {architecture}/{sorted(tags)[0]}",
    )
