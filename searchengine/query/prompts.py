"""Words put around a query before a model reads it: "a photo of {}".

Models trained on captions of photos often understand "a photo of a boat" better than "boat", and
the mean over several such templates better still (Radford et al. 2021, "Learning Transferable
Visual Models From Natural Language Supervision", section 3.1.4). It depends on the model, so what
a model uses is data: ``configs/models.yaml``; the templates are in ``configs/prompts.yaml``, and
``bench/prompts.py`` measures them.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Literal

from searchengine.configs_path import config_file
from searchengine.encoders.presets import PROMPTS, load_presets
from searchengine.errors import EncoderError, QueryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from searchengine.encoders.contract import Encoder, Vectors

_FILE = "prompts.yaml"
_BATCH = 256
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

Language = Literal["en", "zh"]


def default_prompts(model: str) -> str:
    """Return what a model uses unless told otherwise: ``off``, ``single`` or ``ensemble``.

    ``model`` is a preset's name or a canonical spelling; ``off`` for all that is no preset.
    """
    for preset in load_presets().values():
        if model in (preset.name, preset.model):
            return preset.prompts
    return "off"


def encode_prompted(encoder: Encoder, texts: Sequence[str], prompts: str) -> Vectors:
    """Encode n texts, each in the templates of its language, to float32 (n, dim), unit rows.

    ``prompts`` is ``off`` (the texts as they are), ``single`` or ``ensemble``. Raises
    ``QueryError`` for another choice, and ``EncoderError`` as the encoder does.
    """
    if prompts not in PROMPTS:
        raise QueryError(f"no prompts {prompts!r}", hint=f"known: {', '.join(PROMPTS)}")
    if prompts == "off" or not texts:
        return encoder.encode_texts(texts)
    return encode_in_templates(encoder, texts, load_templates()[prompts])


def encode_in_templates(
    encoder: Encoder, texts: Sequence[str], templates: Mapping[Language, Sequence[str]]
) -> Vectors:
    """Return for each of n texts the mean over its templates, float32 (n, dim), unit rows."""
    import numpy as np

    from searchengine.encoders.vectors import unit_rows

    filled = [
        (row, template.replace("{}", text))
        for row, text in enumerate(texts)
        for template in templates[language_of(text)]
    ]
    sums = np.zeros((len(texts), encoder.dim))
    for start in range(0, len(filled), _BATCH):
        rows, lines = zip(*filled[start : start + _BATCH], strict=True)
        try:
            np.add.at(sums, list(rows), encoder.encode_texts(lines))
        except EncoderError as error:
            bad = tuple(sorted({rows[place] for place in error.bad_rows}))
            raise EncoderError(str(error), bad_rows=bad, hint=error.hint) from error
    return unit_rows(sums, count=len(texts), dim=encoder.dim, model=encoder.name, what="texts")


def language_of(text: str) -> Language:
    """Return ``zh`` for a text with Chinese characters in it, else ``en``."""
    return "zh" if _HAN.search(text) else "en"


@functools.cache
def load_templates() -> dict[str, dict[Language, tuple[str, ...]]]:
    """Return the templates by choice (``single``, ``ensemble``) and language.

    Raises ``SettingsError`` naming the entry that is wrong.
    """
    import yaml

    path = config_file(_FILE)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    choices = [choice for choice in PROMPTS if choice != "off"]
    if not isinstance(document, dict) or sorted(document) != sorted(choices):
        raise SettingsError(f"{path} must have the entries {' and '.join(choices)}, and no others")
    return {choice: _by_language(document[choice], f"{path}: {choice}") for choice in choices}


def _by_language(entry: Any, where: str) -> dict[Language, tuple[str, ...]]:
    languages: tuple[Language, ...] = ("en", "zh")
    if not isinstance(entry, dict) or set(entry) != set(languages):
        raise SettingsError(f"{where} must have lists for {' and '.join(languages)}")
    for language in languages:
        lines = entry[language]
        if not isinstance(lines, list) or not lines:
            raise SettingsError(f"{where}: {language} is no list of templates")
        for line in lines:
            if not isinstance(line, str) or line.count("{}") != 1:
                raise SettingsError(f"{where}: {language}: {line!r} has not one {{}} for the words")
    return {language: tuple(entry[language]) for language in languages}
