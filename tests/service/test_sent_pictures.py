"""What is sent is decoded elsewhere: of a picture that harms its decoder, one request hears."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from searchengine import decode
from searchengine.apart import decoders
from searchengine.service.app import create_app
from tests.apart import hostile_work
from tests.ingest.hostile import encode, photo, png_bomb
from tests.service.conftest import settings_at


@pytest.fixture(scope="module")
def serving(scenes_home: Path) -> Iterator[TestClient]:
    settings = settings_at(scenes_home, service__decode_s=3.0, service__decode_mb=200)
    with TestClient(create_app(settings)) as client:
        yield client


def embed(client: TestClient, data: bytes) -> Any:
    return client.post("/v1/embed/image", files={"a": ("a.png", data)})


def search(client: TestClient, data: bytes) -> Any:
    return client.post("/v1/corpora/scenes/search", files={"a": ("a.png", data)})


@pytest.mark.parametrize("ask", [embed, search])
def test_no_picture_that_was_sent_is_decoded_here(
    serving: TestClient, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("decoded here")

    monkeypatch.setattr(decode, "_open", refuse)
    answer = ask(serving, encode(photo(70, 50), "PNG"))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("ask", [embed, search])
@pytest.mark.parametrize(
    ("harm", "status", "said"),
    [
        (hostile_work.hang, 413, "service.decode_s"),
        (hostile_work.crash, 422, "SIGSEGV"),
        (hostile_work.allocate_anyhow, 413, "memory"),
    ],
)
def test_one_that_harms_its_decoder_fails_alone(
    serving: TestClient,
    ask: Any,
    harm: Any,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = encode(photo(60, 40), "PNG")
    whole = decoders.work.prepare
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        monkeypatch.setattr(decoders.work, "prepare", harm)
        bad = pool.submit(ask, serving, good)
        time.sleep(0.5)
        monkeypatch.setattr(decoders.work, "prepare", whole)
        others = list(pool.map(lambda _: ask(serving, good), range(6)))
        failed = bad.result()
    assert time.monotonic() - began < 20
    assert [other.status_code for other in others] == [200] * 6
    assert failed.status_code == status, failed.text
    assert said in failed.json()["detail"]


@pytest.mark.parametrize("ask", [embed, search])
def test_poisoned_pictures(serving: TestClient, ask: Any) -> None:
    whole = encode(photo(), "JPEG")
    for data, status in (
        (png_bomb(30_000, 30_000), 413),
        (whole[: len(whole) // 2], 422),
        (b"%PDF-1.4", 422),
        (bytes(5_000_000), 422),
        (encode(photo(1, 1), "PNG"), 200),
    ):
        assert ask(serving, data).status_code == status


def test_the_vector_is_that_of_the_picture_decoded_here(serving: TestClient) -> None:
    from searchengine import load_encoder
    from searchengine.encoders.pictures import prepare_picture

    out = io.BytesIO()
    Image.effect_mandelbrot((700, 500), (-2, -1.5, 1, 1.5), 60).save(out, "JPEG")
    encoder = load_encoder("drawn-scenes")
    pixels = prepare_picture(encoder, out.getvalue(), max_pixels=1_000_000)[1]
    answer = embed(serving, out.getvalue()).json()
    given = answer["vectors"][0]
    assert given == pytest.approx(encoder.encode_images(pixels[None])[0].tolist(), abs=1e-5)
