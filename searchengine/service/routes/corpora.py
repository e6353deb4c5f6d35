"""``/v1/corpora``: what there is to be searched."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from searchengine.present.corpora import side_json
from searchengine.service.state import Shared

router = APIRouter(prefix="/v1/corpora", tags=["corpora"])


@router.get("", summary="What there is to be searched")
async def list_corpora(request: Request, service: Shared) -> dict[str, Any]:
    """List all corpora with their sides."""
    sides = await service.threads.run(request, service.corpora.sides)
    return {"corpora": [side_json(info) for info in sides]}
