"""Where the files of ``configs/`` are: in the wheel, or in the repository."""

from __future__ import annotations

from pathlib import Path

from searchengine.errors import NotFoundError

_PACKAGE = Path(__file__).resolve().parent


def config_file(name: str) -> Path:
    """Return the path of a shipped settings file such as ``models.yaml``.

    The wheel carries the folder inside the package; a checkout has it at the
    root. The package is asked first: beside an installed package there may be
    somebody else's ``configs``. Raises ``NotFoundError``.
    """
    for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs"):
        if (folder / name).is_file():
            return folder / name
    raise NotFoundError(
        f"the settings file {name!r} is missing from this installation",
        hint="install the package again: pip install --force-reinstall crossmodal-searchengine",
    )
