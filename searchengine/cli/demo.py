"""``searchengine demo``: the whole main job on drawn scenes, with the encoder that ships."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from ingest.report import Report
    from searchengine.demo.questions import Question
    from searchengine.records import Results
    from searchengine.settings import Settings

_SCENES = 300
_SEED = 2024


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where scenes, index and picture go.")
    ] = Path("demo-output"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw scenes, index them, ask for some by words and by example, and show the answers.

    Needs no network. Uses the small drawn-scenes model, which knows nothing but such scenes.
    """
    from searchengine.demo.questions import questions
    from searchengine.present.contact_sheet import write_contact_sheet

    photos = _draw_scenes(out)
    settings = _settings(out)
    report = _index(photos, settings)
    say(report.summary())
    answers = _ask(settings, questions(photos))
    sheet = out / "contact-sheet.png"
    warnings = write_contact_sheet(
        sheet, [(results, question.words, question.picture) for question, results in answers]
    )
    for warning in warnings:
        say(f"note: {warning}")
    right = [_is_right(question, results) for question, results in answers]
    if as_json:
        emit_json(_as_json(answers, sheet, report))
    else:
        _print(answers, sheet)
        emit(f"\n{sum(right)} of {len(right)} queries put the right scene first")
    if not all(right):
        raise typer.Exit(1)


def _draw_scenes(out: Path) -> Path:
    from searchengine.demo.collection import write_collection

    photos = out / "scenes"
    table = photos / "captions.jsonl"  # written last, so it stands for a whole collection
    if not table.is_file() or len(table.read_bytes().splitlines()) != _SCENES:
        say(f"drawing {_SCENES} scenes into {photos}")
        write_collection(photos, _SCENES, _SEED)
    return photos


def _settings(out: Path) -> Settings:
    from searchengine.settings import load_settings

    return load_settings(
        "lite",
        {
            "corpus": "demo",
            "model.name": "drawn-scenes",
            "store.uri": str(out / "milvus"),
            "data_dir": str(out),
        },
    )


def _index(photos: Path, settings: Settings) -> Report:
    from ingest.job import job_for
    from searchengine.cli.index import run_index
    from searchengine.errors import MismatchError
    from searchengine.store.configured import open_configured_store

    job, stop = job_for([photos], settings), threading.Event()
    try:
        return run_index(job, settings, stop, quiet=False)
    except MismatchError:  # an index that an earlier version of the model made
        say("the model that ships has changed since: indexing from nothing")
        store = open_configured_store(settings)
        store.drop(settings.corpus)
        store.close()
        return run_index(job, settings, stop, quiet=False)


def _ask(settings: Settings, asked: list[Question]) -> list[tuple[Question, Results]]:
    from searchengine.query.engine import SearchEngine

    with SearchEngine.open(settings) as engine:
        return [
            (
                question,
                engine.search(question.words, limit=5)
                if question.picture is None
                else engine.similar(question.picture, limit=5),
            )
            for question in asked
        ]


def _is_right(question: Question, results: Results) -> bool:
    return bool(results.hits) and results.hits[0].uri.endswith("/" + question.answer)


def _print(answers: list[tuple[Question, Results]], sheet: Path) -> None:
    from searchengine.present import formats

    width = shutil.get_terminal_size().columns
    for question, results in answers:
        kind = "picture" if question.picture is not None else "text"
        mark = "right scene first" if _is_right(question, results) else "WRONG scene first"
        emit(f"\n{kind} query: {question.words}  [{mark}: {question.answer}]")
        emit(formats.table(results, width))
    emit(f"\ncontact sheet (queries on the left, hits on the right): {sheet}")


def _as_json(
    answers: list[tuple[Question, Results]], sheet: Path, report: Report
) -> dict[str, object]:
    from searchengine.present import formats

    return {
        "index": report.as_json(),
        "contact_sheet": str(sheet),
        "queries": [
            {
                "query": question.words,
                "kind": "image" if question.picture is not None else "text",
                "expected": question.answer,
                "right": _is_right(question, results),
                **formats.as_json(results),
            }
            for question, results in answers
        ],
    }
