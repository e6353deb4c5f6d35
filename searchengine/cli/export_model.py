"""``searchengine export-model``: the towers of a model as files for other programs."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say


class Form(str, Enum):
    """What the files are for."""

    onnx = "onnx"
    openvino = "openvino"
    torchscript = "torchscript"


def export_model(
    model: Annotated[str, typer.Argument(help="Any spelling of a model that --model takes.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is new or empty.")],
    form: Annotated[Form, typer.Option("--format", help="For which runtime.")] = Form.onnx,
    as_json: options.AsJson = False,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Write a model's image and text tower as files for other programs, and try them."""
    from searchengine.encoders.export_model import export_model as export

    settings = options.read_settings(config, sets)
    say(f"exporting {model}; the files are run against torch before they count")
    report = export(model, to.expanduser(), form=form.value, cache_dir=settings.cache_dir)
    if as_json:
        emit_json(report)
        return
    emit(str(to.expanduser()))
    for tower in ("image", "text"):
        part = report[tower]
        shape = " x ".join(str(one) for one in part["input"]["shape"])
        say(
            f"  {part['file']}: {part['input']['type']} {shape} to float32 n x {report['dim']}, "
            f"cosine to torch at least {part['least_cosine_to_torch']}"
        )
    say(f"  {report['licence']}")
