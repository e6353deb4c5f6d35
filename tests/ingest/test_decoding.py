"""Files that bring their decoder down are rows in the report; what is decoded apart is the same."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.decoding import is_risky
from ingest.job import job_for
from ingest.report import Report
from searchengine.apart import Bounds, decoders
from searchengine.settings import load_settings
from tests.apart import hostile_work
from tests.container_files import film, pdf, scene
from tests.ingest.folders import FlakyStore, contents, make_job, picture, run
from tests.ingest.hostile import encode, exif_with, photo, write_hostile_files
from tests.raw_files import dng, preview

QUICK = Bounds(time_s=1.5)


def test_what_is_decoded_apart_is_what_is_decoded_here(tmp_path: Path) -> None:
    folder = tmp_path / "things"
    folder.mkdir()
    write_hostile_files(folder)
    (folder / "large.jpg").write_bytes(encode(photo(700, 500), "JPEG"))
    exif = exif_with(orientation=8)
    exif[0x010F], exif[0x0110] = "Testmaker", "One"
    (folder / "camera.jpg").write_bytes(encode(photo(80, 60), "JPEG", exif=exif))
    (folder / "shot.dng").write_bytes(dng(previews=(preview(),)))
    here, apart = FlakyStore(), FlakyStore()
    first = run(make_job(folder, here, max_pixels=20_000_000)).as_json()
    job = replace(make_job(folder, apart, max_pixels=20_000_000), decode_apart=True)
    second = run(job).as_json()
    assert contents(apart) == contents(here)
    assert any(row["camera"] == "Testmaker One" for row in contents(apart).values())
    assert len(contents(here)) >= 18
    for key in ("seen", "embedded", "failed", "skipped"):
        assert first[key] == second[key]


@pytest.mark.parametrize(
    ("works", "at_least"), [(hostile_work.hang, "after 1.5 s"), (hostile_work.crash, "SIGSEGV")]
)
def test_a_film_and_a_picture_that_harm_their_decoders_are_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: Any, at_least: str
) -> None:
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(film([(3, scene(0))]))
    (folder / "shot.dng").write_bytes(dng(previews=(preview(),)))
    for number in range(5):
        (folder / f"{number}.png").write_bytes(picture((40 * number, 0, 0)))
    monkeypatch.setattr(decoders.work, "film", works)
    monkeypatch.setattr(decoders.work, "prepare", works)
    store, report = FlakyStore(), Report(path=tmp_path / "report.jsonl")
    began = time.monotonic()
    done = run(replace(make_job(folder, store), bounds=QUICK), report).as_json()
    assert time.monotonic() - began < 20
    assert (done["embedded"], done["failed"]) == (5, 2)
    told = sorted(report.first_failures)
    assert len(told) == 2
    assert all(at_least in line for line in told)
    monkeypatch.undo()
    again = run(make_job(folder, store)).as_json()
    assert (again["embedded"], again["failed"], again["unchanged"]) == (2, 0, 5)


def test_a_page_that_harms_its_decoder_is_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book.pdf").write_bytes(pdf([f"page {number}" for number in range(1, 21)]))
    monkeypatch.setattr(decoders.work, "pages", hostile_work.real_pages_of_which_some_kill)
    store, report = FlakyStore(), Report(path=tmp_path / "report.jsonl")
    done = run(make_job(tmp_path / "book.pdf", store), report).as_json()
    assert (done["embedded"], done["failed"]) == (19, 1)
    assert "book.pdf#page=13: its decoder ended the process" in report.first_failures[0]
    captions = {row["caption"] for row in contents(store).values()}
    assert captions == {f"page {number}" for number in range(1, 21) if number != 13}


def test_which_pictures_are_risky() -> None:
    assert is_risky(encode(photo(), "AVIF"))
    assert is_risky(dng(previews=(preview(),)))
    assert not any(is_risky(encode(photo(), kind)) for kind in ("JPEG", "PNG", "WEBP", "TIFF"))


def test_settings_reach_the_job(tmp_path: Path) -> None:
    plain = job_for([tmp_path], load_settings())
    assert (plain.decode_apart, plain.bounds) == (False, Bounds(60.0, 2048))
    flags = {"ingest.decode_apart": True, "ingest.decode_s": 5, "ingest.decode_mb": 300}
    job = job_for([tmp_path], load_settings(flags=flags))
    assert (job.decode_apart, job.bounds) == (True, Bounds(5.0, 300))
