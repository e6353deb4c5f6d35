"""``/v1/embeddings`` and ``/v1/models``: vectors for clients of OpenAI's API."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from searchengine.encoders.contract import Vectors
from searchengine.encoders.names import public_name
from searchengine.errors import MismatchError, SearchEngineError
from searchengine.service.bodies import JSON, read_json
from searchengine.service.embedding import (
    check_dimensions,
    choose_encoder,
    count_tokens,
    encode_sent,
    sent_inputs,
)
from searchengine.service.problems import at, invalid_problem, known_problem
from searchengine.service.questions import dump
from searchengine.service.replies import body_of, json_reply
from searchengine.service.schemas.embedding import Embeddings, EmbeddingsRequest, Models
from searchengine.service.state import Service, Shared


class _Told(APIRoute):
    """Tells what is wrong the way OpenAI's clients read it, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_tell(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return _with_error(invalid_problem(error))
            except SearchEngineError as error:
                return _with_error(known_problem(error))

        return handle_and_tell


def _with_error(response: JSONResponse) -> JSONResponse:
    problem = json.loads(bytes(response.body))
    hint = f" ({problem['hint']})" if "hint" in problem else ""
    error = {
        "message": f"{problem['detail']}{hint}",
        "type": problem["title"],
        "param": problem.get("pointer"),
        "code": None,
    }
    headers = {k: v for k, v in response.headers.items() if k != "content-length"}
    return JSONResponse({**problem, "error": error}, response.status_code, headers=headers)


router = APIRouter(prefix="/v1", tags=["embeddings"], route_class=_Told)


@router.get("/models", summary="The models that this service has", response_model=Models)
async def list_models(request: Request, service: Shared) -> Response:
    """List the models that corpora were made with."""
    return json_reply(await service.threads.run(request, _models, service))


def _models(service: Service) -> bytes:
    data = [
        {"id": public_name(model), "object": "model", "created": 0, "owned_by": "searchengine"}
        for model in service.corpora.models()
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
            raise MismatchError(
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
