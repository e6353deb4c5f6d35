"""Which font files this machine has for the scripts that Pillow's built-in font lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

CHINESE = "中文"
"""A font that draws these draws Chinese."""
EUROPEAN = "éłжα"

_CHINESE_NAMES = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc",
    "msyh.ttc",
    "Deng.ttf",
    "simhei.ttf",
    "simsun.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "uming.ttc",
    "Arial Unicode.ttf",
)
_EUROPEAN_NAMES = (
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "HelveticaNeue.ttc",
    "Helvetica.ttc",
    "Arial.ttf",
    "segoeui.ttf",
)
"""Best first. The folders differ between systems; the names do not."""


@lru_cache(maxsize=1)
def chinese_font() -> Path | None:
    """Return a font file that draws Chinese, ``None`` where there is none.

    Where the machine has none, the small one that ships: the commonest characters only.
    """
    shipped = Path(__file__).parent / "fonts" / "NotoSansSC-common.otf"
    found = _first(CHINESE, _CHINESE_NAMES, "sans-serif:lang=zh-cn")
    return found or (shipped if draws(shipped, CHINESE) else None)


@lru_cache(maxsize=1)
def european_font() -> Path | None:
    """Return a font file for accents, Greek and Cyrillic, ``None`` where there is none."""
    return _first(EUROPEAN, _EUROPEAN_NAMES, "sans-serif:lang=ru")


def draws(file: Path, sample: str) -> bool:
    """Return whether the font has a shape of its own for every character of the sample."""
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(file, 24)
        unknown = bytes(font.getmask("\uffff"))
        return all(bytes(font.getmask(char)) != unknown for char in sample)
    except (OSError, ValueError):
        return False


def _first(sample: str, names: tuple[str, ...], pattern: str) -> Path | None:
    configured = _configured(pattern)
    if configured is not None and draws(configured, sample):
        return configured
    installed = _installed(names)
    return next((file for file in installed if draws(file, sample)), None)


def _configured(pattern: str) -> Path | None:
    """Ask fontconfig. It always names some font, so the answer has to be checked."""
    program = shutil.which("fc-match")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "--format=%{file}", pattern], capture_output=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(os.fsdecode(answer.stdout)) if answer.stdout else None


def _installed(names: tuple[str, ...]) -> list[Path]:
    """Return the installed files of those names, in the order of the names."""
    places = {name.lower(): place for place, name in enumerate(names)}
    found: list[tuple[int, Path]] = []
    for folder in _font_folders():
        for here, _, files in os.walk(folder):
            found += [
                (places[name.lower()], Path(here, name)) for name in files if name.lower() in places
            ]
    return [file for _, file in sorted(found)]


def _font_folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")
        return [
            Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts",
            Path(local) / "Microsoft" / "Windows" / "Fonts",
        ]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".local" / "share" / "fonts",
        home / ".fonts",
    ]
