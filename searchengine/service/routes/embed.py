"""``/v1/embed/text``, ``/v1/embed/image``, ``/v1/similarity``: vectors and how near they are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from searchengine.encoders.contract import Encoder
from searchengine.encoders.contract import Vectors as Rows
from searchengine.encoders.names import public_name
from searchengine.service.bodies import FORM, JSON, Upload, media_type, read_form, read_json
from searchengine.service.embedding import (
    Sent,
    choose_encoder,
    encode_sent,
    encode_texts,
    picture_bytes,
    sent_inputs,
)
from searchengine.service.questions import dump
from searchengine.service.replies import body_of, json_reply
from searchengine.service.schemas.embedding import (
    EmbedImageForm,
    EmbedImageOptions,
    EmbedImageRequest,
    EmbedTextRequest,
    Similarity,
    SimilarityRequest,
    Vectors,
)
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1", tags=["embeddings"])


@router.post(
    "/embed/text",
    summary="Vectors of texts, as searches make them",
    response_model=Vectors,
    openapi_extra=body_of((JSON, EmbedTextRequest)),
)
async def embed_text(request: Request, service: Shared) -> Response:
    """Encode texts."""
    body = await request.body()
    return json_reply(await service.threads.run(request, _texts, service, body))


def _texts(service: Service, body: bytes) -> bytes:
    asked = read_json(body, EmbedTextRequest)
    encoder = choose_encoder(service.corpora, asked.model)
    return _told(encoder, encode_texts(service.corpora, encoder, asked.texts, asked.prompts))


@router.post(
    "/embed/image",
    summary="Vectors of pictures",
    response_model=Vectors,
    openapi_extra=body_of((JSON, EmbedImageRequest), (FORM, EmbedImageForm)),
)
async def embed_image(request: Request, service: Shared) -> Response:
    """Encode pictures: base64 in JSON, or the files of a form."""
    if media_type(request) == JSON:
        body = await request.body()
        return json_reply(await service.threads.run(request, _pictures, service, body))
    said, uploads = await read_form(request, "options")
    return json_reply(await service.threads.run(request, _files, service, said, uploads))


def _pictures(service: Service, body: bytes) -> bytes:
    asked = read_json(body, EmbedImageRequest)
    sent = [
        Sent(picture_bytes(one, f"/images/{place}"), f"/images/{place}")
        for place, one in enumerate(asked.images)
    ]
    return _encoded(service, asked.model, sent)


def _files(service: Service, said: str | None, uploads: dict[str, Upload]) -> bytes:
    asked = read_json(said if said is not None else "{}", EmbedImageOptions, "options")
    return _encoded(service, asked.model, [Sent(one.data, f"/{n}") for n, one in uploads.items()])


def _encoded(service: Service, model: str | None, sent: list[Sent]) -> bytes:
    encoder = choose_encoder(service.corpora, model)
    return _told(encoder, encode_sent(service, encoder, sent, "off"))


def _told(encoder: Encoder, vectors: Rows) -> bytes:
    return dump({**_of(encoder), "dim": encoder.dim, "vectors": vectors.tolist()})


def _of(encoder: Encoder) -> dict[str, Any]:
    return {"model": public_name(encoder.name), "fingerprint": encoder.fingerprint}


@router.post(
    "/similarity",
    summary="How near texts and pictures are to each other",
    response_model=Similarity,
    openapi_extra=body_of((JSON, SimilarityRequest)),
)
async def similarity(request: Request, service: Shared) -> Response:
    """Compare each of ``left`` with each of ``right``, by the cosine of their vectors."""
    body = await request.body()
    return json_reply(await service.threads.run(request, _similarity, service, body))


def _similarity(service: Service, body: bytes) -> bytes:
    asked = read_json(body, SimilarityRequest)
    encoder = choose_encoder(service.corpora, asked.model)
    left, right = sent_inputs(asked.left, "/left"), sent_inputs(asked.right, "/right")
    vectors = encode_sent(service, encoder, [*left, *right], "auto")
    cosines = (vectors[: len(left)] @ vectors[len(left) :].T).clip(-1, 1)
    return dump({**_of(encoder), "cosines": cosines.tolist()})
