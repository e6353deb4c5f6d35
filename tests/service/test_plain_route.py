"""Routes that FastAPI documents, and does not call by its own way."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.testclient import TestClient

from searchengine.service.plain_route import PlainRoute


def test_a_plain_route_gets_the_request_and_its_response_is_the_answer() -> None:
    router = APIRouter(prefix="/of/{name}", route_class=PlainRoute)

    @router.post("/said", response_model=list[int])
    async def said(request: Request) -> Response:
        return Response(request.path_params["name"].encode() + await request.body(), 202)

    app = FastAPI()
    app.include_router(router)
    with TestClient(app) as client:
        answer = client.post("/of/x/said", content=b" y")
    assert (answer.status_code, answer.text) == (202, "x y")
    told = app.openapi()["paths"]["/of/{name}/said"]["post"]["responses"]["200"]
    assert told["content"]["application/json"]["schema"]["type"] == "array"


def test_one_that_asks_for_more_is_refused_when_it_is_made() -> None:
    router = APIRouter(route_class=PlainRoute)
    with pytest.raises(TypeError, match="more: a plain route takes the request"):

        @router.get("/")
        async def more(request: Request, limit: int) -> Response:
            raise AssertionError
