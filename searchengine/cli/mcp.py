"""``searchengine mcp``: searching from assistants."""

from __future__ import annotations

from searchengine.cli import options


def mcp(
    corpus: options.Corpus = None,
    model: options.Model = None,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Let an assistant search, by the Model Context Protocol over standard input and output."""
    settings = options.read_settings(
        config, sets, corpus=corpus, model__name=model, store__uri=store
    )
    from searchengine.assist.tools import Tools
    from searchengine.errors import UnsupportedError

    try:
        from searchengine.assist.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise UnsupportedError(
            "the Model Context Protocol needs an extra",
            hint="pip install 'crossmodal-searchengine[mcp]'",
        ) from None
    serve(Tools(settings))
