"""Vectors over HTTP: OpenAI's own client gets them, and they are the encoder's."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from searchengine.encoders.contract import Encoder
from searchengine.encoders.pictures import prepare_picture
from searchengine.query.prompts import encode_prompted
from searchengine.service.app import create_app
from searchengine.service.embedding import public_name
from tests.service.conftest import settings_at
from tests.service.live import listening

TEXTS = ["a red car", "two dogs on a meadow", "a red car"]


@pytest.fixture(scope="module")
def ai(scenes_home: Path) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, over a real socket."""
    with (
        listening(create_app(settings_at(scenes_home))) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def encoder(client: TestClient) -> Encoder:
    found: Encoder = client.app.state.service.corpora.encoder("drawn-scenes")  # type: ignore[attr-defined]
    return found


@pytest.fixture(scope="module")
def picture(scenes_home: Path) -> bytes:
    return next((scenes_home / "scenes").rglob("*.jpg")).read_bytes()


def data_uri(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def pixels_of(encoder: Encoder, data: bytes) -> Any:
    return encoder.encode_images(prepare_picture(encoder, data, max_pixels=10**8)[1][None])


def near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["float", "base64", None])
def test_openai_s_client_gets_texts(ai: openai.OpenAI, encoder: Encoder, form: Any) -> None:
    more = {} if form is None else {"encoding_format": form}
    found = ai.embeddings.create(model="drawn-scenes", input=TEXTS, **more)
    rows: Any = [one.embedding for one in found.data]
    if form == "base64":  # as it is asked for, the client hands it on as it comes
        rows = [np.frombuffer(base64.b64decode(row), "<f4") for row in rows]
    near(rows, encoder.encode_texts(TEXTS))
    assert [one.index for one in found.data] == [0, 1, 2]
    assert {one.object for one in found.data} == {"embedding"}
    assert (found.object, found.model) == ("list", "drawn-scenes")
    assert found.usage.prompt_tokens == found.usage.total_tokens
    assert found.usage.total_tokens == 2 * count(ai, "a red car") + count(ai, TEXTS[1])


def count(ai: openai.OpenAI, text: str) -> int:
    return ai.embeddings.create(model="drawn-scenes", input=text).usage.total_tokens


def test_tokens_are_counted_by_the_model_s_own_tokenizer(ai: openai.OpenAI) -> None:
    assert count(ai, "car") == 3  # with the marks of beginning and end
    assert count(ai, "a red car") == 5
    assert count(ai, "red " * 5000) == 128  # the context: no more is read


def test_openai_s_client_gets_pictures(ai: openai.OpenAI, encoder: Encoder, picture: bytes) -> None:
    expected = pixels_of(encoder, picture)[0]
    alone = ai.embeddings.create(model="drawn-scenes", input=data_uri(picture))
    near(alone.data[0].embedding, expected)
    assert alone.usage.total_tokens == 0
    mixed = ai.embeddings.create(model="drawn-scenes", input=["a car", data_uri(picture), "a cat"])
    near(mixed.data[1].embedding, expected)
    near(mixed.data[2].embedding, encoder.encode_texts(["a cat"])[0])


def test_models_are_listed_and_found_by_name(ai: openai.OpenAI) -> None:
    assert [model.id for model in ai.models.list()] == ["drawn-scenes"]
    with pytest.raises(openai.NotFoundError, match="drawn-scenes"):
        ai.embeddings.create(model="text-embedding-3-small", input="a car")


@pytest.mark.parametrize("name", ["fake", "local-dir:/etc", "ViT-B-32/openai", "local-dir:\0"])
def test_no_model_is_loaded_because_a_request_names_it(client: TestClient, name: str) -> None:
    answer = client.post("/v1/embeddings", json={"model": name, "input": "a car"})
    assert answer.status_code == 404
    assert answer.json()["pointer"] == "/model"


def test_a_folder_is_named_without_its_path() -> None:
    assert public_name("local-dir:/srv/models/mine") == "mine"
    assert public_name("ViT-B-32/openai") == "ViT-B-32/openai"


def test_dimensions_are_the_model_s_or_refused(ai: openai.OpenAI, encoder: Encoder) -> None:
    made = ai.embeddings.create(model="drawn-scenes", input="a car", dimensions=encoder.dim)
    assert len(made.data[0].embedding) == encoder.dim
    ai.embeddings.create(model="drawn-scenes", input="a car", dimensions=float(encoder.dim))  # type: ignore[call-overload]
    with pytest.raises(openai.ConflictError, match=f"gives {encoder.dim} dimensions"):
        ai.embeddings.create(model="drawn-scenes", input="a car", dimensions=8)


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_tokens_of_other_models_are_refused(ai: openai.OpenAI, tokens: Any) -> None:
    with pytest.raises(openai.ConflictError, match="tokens are those of another model"):
        ai.embeddings.create(model="drawn-scenes", input=tokens)


def _poor(**more: Any) -> dict[str, Any]:
    return {"model": "drawn-scenes", **more}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (_poor(input=""), 422, "/input"),
        (_poor(input=[]), 422, "/input"),
        (_poor(input=["a" * 65_537]), 422, "/input/0"),
        (_poor(input=["a car", "  "]), 422, "/input"),
        (_poor(), 422, "/input"),
        ({"input": "a car"}, 422, "/model"),
        (_poor(input="a car", encoding_format="int8"), 422, "/encoding_format"),
        (_poor(input="a car", more=1), 422, "/more"),
        (_poor(input="data:image/png,abc"), 422, "/input"),
        (_poor(input=["a car", "data:image/png;base64,!!"]), 422, "/input/1"),
        (_poor(input=["a car", "data:image/png;base64,AAAA"]), 422, "/input/1"),
        (_poor(input=[{"image": "AAAA"}]), 422, "/input/0/image"),
        (_poor(input=[{"image": "AAAA", "text": "a"}]), 422, "/input"),
    ],
)
def test_what_is_wrong_is_pointed_at(
    client: TestClient, body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["pointer"].startswith(pointer)


def test_no_json_is_an_error(client: TestClient) -> None:
    answer = client.post(
        "/v1/embeddings", content=b"{", headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["title"]) == (422, "Request")


def test_embed_text_is_what_searches_use(client: TestClient, encoder: Encoder) -> None:
    found = client.post("/v1/embed/text", json={"texts": TEXTS}).json()
    near(found["vectors"], encoder.encode_texts(TEXTS))
    assert found["fingerprint"] == encoder.fingerprint
    assert found["dim"] == encoder.dim
    single = client.post("/v1/embed/text", json={"texts": ["car"], "prompts": "single"}).json()
    near(single["vectors"], encode_prompted(encoder, ["car"], "single"))
    assert np.abs(np.subtract(single["vectors"], encoder.encode_texts(["car"]))).max() > 1e-3


def test_embed_image_by_json_and_by_form(
    client: TestClient, encoder: Encoder, picture: bytes
) -> None:
    expected = pixels_of(encoder, picture)
    grey = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(grey, "PNG")
    sent = base64.b64encode(picture).decode()
    found = client.post("/v1/embed/image", json={"images": [sent, data_uri(grey.getvalue())]})
    vectors = found.json()["vectors"]
    near(vectors[:1], expected)
    files = {"one": ("x.png", grey.getvalue()), "two": ("y.jpg", picture)}
    form = client.post("/v1/embed/image", files=files, data={"options": '{"model":"drawn-scenes"}'})
    near(form.json()["vectors"], vectors[::-1])
    broken = client.post("/v1/embed/image", files={"one": ("x.jpg", b"no picture at all")})
    assert (broken.status_code, broken.json()["pointer"]) == (422, "/one")
    stages = client.get("/v1/stats", params={"format": "json"}).json()["routes"]
    assert stages["POST /v1/embed/image"]["decode"]["p50_ms"] > 0


def test_similarity(client: TestClient, encoder: Encoder, picture: bytes) -> None:
    body = {"left": ["a red car", data_uri(picture)], "right": ["a red car", {"text": "a cat"}]}
    found = client.post("/v1/similarity", json=body).json()
    words = encoder.encode_texts(["a red car", "a cat"])
    left = np.concatenate([words[:1], pixels_of(encoder, picture)])
    near(found["cosines"], left @ words.T)
    assert found["cosines"][0][0] == pytest.approx(1, abs=1e-6)


def test_texts_are_encoded_once(scenes_home: Path) -> None:
    with TestClient(create_app(settings_at(scenes_home, service__texts_mb=1))) as client:
        kept = client.app.state.service.corpora.kept  # type: ignore[attr-defined]
        texts = [f"car {n}" for n in range(20)]
        first = client.post("/v1/embed/text", json={"texts": texts}).json()
        misses = kept.misses
        again = client.post("/v1/embed/text", json={"texts": texts[::-1]}).json()
        assert kept.misses == misses
        assert again["vectors"] == first["vectors"][::-1]
        many = [f"word {n}" for n in range(2000)]
        assert client.post("/v1/embed/text", json={"texts": many}).status_code == 200
        assert kept.nbytes <= 1 << 20


def test_without_a_corpus_there_is_no_model(tmp_path: Path) -> None:
    with TestClient(create_app(settings_at(tmp_path))) as client:
        answer = client.post("/v1/embed/text", json={"texts": ["a car"]})
        assert answer.status_code == 404
        assert client.get("/v1/models").json() == {"object": "list", "data": []}
