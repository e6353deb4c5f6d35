"""``/v1/embeddings`` and ``/v1/models``: vectors for clients of OpenAI's API."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter, Request, Response

from searchengine.encoders.contract import Vectors
from searchengine.errors import QueryError
from searchengine.service.bodies import JSON, read_json
from searchengine.service.embedding import (
    check_dimensions,
    choose_encoder,
    count_tokens,
    encode_sent,
    public_name,
    sent_inputs,
    served_models,
)
from searchengine.service.problems import at
from searchengine.service.questions import dump
from searchengine.service.replies import body_of, json_reply
from searchengine.service.schemas.embedding import Embeddings, EmbeddingsRequest, Models
from searchengine.service.state import Service, Shared

router = APIRouter(prefix="/v1", tags=["embeddings"])


@router.get("/models", summary="The models that this service has", response_model=Models)
async def list_models(request: Request, service: Shared) -> Response:
    """List the models that corpora were made with."""
    return json_reply(await service.threads.run(request, _models, service))


def _models(service: Service) -> bytes:
    data = [
        {"id": public_name(model), "object": "model", "created": 0, "owned_by": "searchengine"}
        for model in served_models(service.corpora)
    ]
    return dump({"object": "list", "data": data})


@router.post(
    "/embeddings",
    summary="Vectors of texts and pictures, in the shape of OpenAI's API",
    response_model=Embeddings,
    openapi_extra=body_of((JSON, EmbeddingsRequest)),
)
async def create_embeddings(request: Request, service: Shared) -> Response:
    """Encode texts, and pictures as data URIs. Texts are encoded as they are, in no sentence."""
    body = await request.body()
    return json_reply(await service.threads.run(request, _embeddings, service, body))


def _embeddings(service: Service, body: bytes) -> bytes:
    asked = read_json(body, EmbeddingsRequest)
    encoder = choose_encoder(service.corpora, asked.model)
    check_dimensions(encoder, asked.dimensions)
    if not isinstance(asked.input, str) and isinstance(asked.input[0], int | list):
        with at("/input"):
            raise QueryError(
                "tokens are those of another model",
                hint="send the text itself (LangChain: check_embedding_ctx_length=False)",
            )
    sent = sent_inputs(asked.input, "/input")
    vectors = encode_sent(service, encoder, sent, "off")
    tokens = count_tokens(encoder, sent)
    return dump(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": one}
                for index, one in enumerate(_written(vectors, asked.encoding_format))
            ],
            "model": public_name(encoder.name),
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _written(vectors: Vectors, form: str) -> list[Any]:
    if form == "base64":
        return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors]
    return list(vectors.tolist())
