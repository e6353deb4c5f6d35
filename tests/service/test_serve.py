"""The process around the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_info, threadpool_limits

from searchengine.service.serve import serve
from searchengine.settings import ServiceSettings

if TYPE_CHECKING:
    import pytest


def test_requests_multiply_matrices_with_a_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def run(server: uvicorn.Server) -> None:
        seen.extend(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        server.started = True

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr("searchengine.service.serve.log_to_stderr", lambda level: None)
    with threadpool_limits(2, user_api="blas"):
        serve(FastAPI(), ServiceSettings())
    assert seen
    assert set(seen) == {1}
