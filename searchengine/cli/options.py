"""The options that verbs share, and the settings made of them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from searchengine.settings import Settings
    from searchengine.store.contract import SideInfo, Store

Corpus = Annotated[
    str | None, typer.Option("--corpus", "-c", metavar="NAME", help="The corpus to work on.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="An OpenCLIP model (ARCH/TAG, hf-hub:REPO, local-dir:PATH) or a preset "
        "(fast, balanced, best, multilingual, drawn-scenes). Default: the corpus's own.",
    ),
]
StoreUri = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URI", help="A folder (Milvus Lite) or a server: http://host:19530."
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="A settings file, or lite, standalone or cluster."
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any other setting: ingest.batch_size=64."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter", "-f", metavar="EXPR", help="Only items that match: 'width > 800 and ...'."
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", "-n", help="How many hits.")]
Offset = Annotated[int, typer.Option("--offset", help="Leave out this many of the best hits.")]
AllowNet = Annotated[bool, typer.Option("--allow-net", help="Allow fetching a picture by URL.")]
Show = Annotated[
    str | None,
    typer.Option(
        "--show",
        metavar="FILE|terminal",
        help="Draw the hits: as a contact sheet (a .png or .jpg file), or in the terminal.",
    ),
]


Beside = Annotated[
    bool,
    typer.Option(
        "--beside",
        help="Into a draft beside the corpus as it is; searchengine switch makes it live.",
    ),
]


Draft = Annotated[
    bool, typer.Option("--draft", help="Of the draft (index --beside), before it is live.")
]
Bulk = Annotated[
    bool,
    typer.Option(
        "--bulk",
        help="Into a draft, by the server's own import of files (see store.bulk_uri).",
    ),
]


class ModalityChoice(str, Enum):
    """Which side of a corpus."""

    image = "image"
    text = "text"


Modality = Annotated[ModalityChoice, typer.Option("--modality", help="Search images or texts.")]


def sides_of(store: Store, settings: Settings, *, draft: bool) -> list[SideInfo]:
    """Return the sides of the corpus that is meant, or those of its draft.

    Raises ``NotFoundError`` where there are none.
    """
    from searchengine.errors import NotFoundError

    state = "draft" if draft else "live"
    found = [one.info for one in store.versions(settings.corpus) if one.state == state]
    if found:
        return found
    what = (
        f"corpus {settings.corpus!r} has no draft"
        if draft
        else f"there is no corpus {settings.corpus!r}"
    )
    raise NotFoundError(
        f"{what} in {settings.store_uri}", hint="searchengine corpora lists what there is"
    )


def switch_command(settings: Settings) -> str:
    """Return the command that makes the corpus's draft live, as a person would type it."""
    import shlex

    named = "" if settings.corpus == "default" else f" --corpus {shlex.quote(settings.corpus)}"
    return f"searchengine switch{named}"


def tell_of_draft(settings: Settings, *, make_live: bool = False) -> None:
    """Say how a draft that was written becomes live; ``make_live`` makes a corpus's first so."""
    from searchengine.cli.talk import say
    from searchengine.store.configured import open_configured_store
    from searchengine.store.readiness import is_first

    if make_live:
        store = open_configured_store(settings)
        try:
            if is_first(store, settings.corpus):
                store.switch(settings.corpus)
                return
        finally:
            store.close()
    say(f"nobody sees it yet: {switch_command(settings)} makes it live")


def read_settings(config: str | None, sets: list[str] | None = None, **flags: Any) -> Settings:
    """Return the settings; keyword flags use ``__`` for the dot, ``None`` means not given."""
    from searchengine.errors import SettingsError
    from searchengine.settings import load_settings

    given = {name.replace("__", "."): value for name, value in flags.items()}
    for one in sets or ():
        key, sign, value = one.partition("=")
        if not sign or not key:
            raise SettingsError(
                f"--set {one!r} is not KEY=VALUE", hint="for example --set ingest.batch_size=64"
            )
        given[key] = value
    return load_settings(config, given)
