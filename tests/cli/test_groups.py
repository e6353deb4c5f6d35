"""Options in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer
from typer.testing import CliRunner

from searchengine.cli.groups import spread


@dataclass(frozen=True)
class Colours:
    PANEL: ClassVar[str] = "Colours to choose"

    colour: Annotated[str, typer.Option("--colour", "-c", help="Which.")] = "red"
    shades: Annotated[list[int] | None, typer.Option("--shade", help="How dark.")] = None


def test_a_group_is_filled_from_its_options() -> None:
    app = typer.Typer()
    seen: list[object] = []

    @app.command()
    @spread
    def paint(
        what: Annotated[str, typer.Argument(help="The thing.")],
        colours: Colours,
        twice: Annotated[bool, typer.Option("--twice", help="Once more.")] = False,
    ) -> None:
        """Paint a thing."""
        seen.append((what, colours, twice))

    run = CliRunner().invoke
    assert run(app, ["door"]).exit_code == 0
    assert (
        run(app, ["door", "-c", "blue", "--shade", "1", "--shade", "2", "--twice"]).exit_code == 0
    )
    assert seen == [
        ("door", Colours(), False),
        ("door", Colours("blue", [1, 2]), True),
    ]
    shown = run(app, ["--help"]).output
    assert "Paint a thing." in shown
    assert "Colours to choose" in shown
    assert "--shade" in shown
    assert run(app, ["door", "--shade", "x"]).exit_code == 2
