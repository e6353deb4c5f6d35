"""What the demonstration asks of a drawn collection, and which scene is the right answer."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_ENGLISH = (7, 61, 120)
_CHINESE = (33, 98)
_EXAMPLE = 45
"""Places in the collection: fixed before any model was asked, kept whatever it answers."""


@dataclass(frozen=True, slots=True)
class Question:
    """A text, or the bytes of a picture, and the file that it describes or shows."""

    words: str
    answer: str
    picture: bytes | None = None


def questions(folder: Path) -> list[Question]:
    """Return questions about a folder that ``write_collection`` made, at least 121 scenes."""
    with (folder / "captions.jsonl").open(encoding="utf-8") as lines:
        scenes = [json.loads(line) for line in lines]
    asked = [Question(scenes[n]["captions"][0], scenes[n]["file"]) for n in _ENGLISH]
    asked += [Question(scenes[n]["captions"][1], scenes[n]["file"]) for n in _CHINESE]
    file = scenes[_EXAMPLE]["file"]
    return [*asked, Question("the same scene, cropped and compressed", file, worn(folder / file))]


def worn(path: Path) -> bytes:
    """Return a picture as it comes back from a chat group: cropped, small, hard JPEG. RGB JPEG."""
    with Image.open(path) as picture:
        width, height = picture.size
        cut = picture.crop((width // 16, height // 16, width - width // 20, height - height // 20))
        small = cut.resize((cut.width * 2 // 3, cut.height * 2 // 3))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=35)
    return out.getvalue()
