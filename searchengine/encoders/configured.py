"""The encoder that the settings ask for, the same for whoever loads it.

What a model is run with decides its fingerprint, so no caller picks from the settings by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.encoders import describe_model, load_encoder
from searchengine.encoders.several import first_device

if TYPE_CHECKING:
    from searchengine.encoders import Encoder, ModelCard
    from searchengine.settings import Settings


def load_configured_encoder(settings: Settings, name: str) -> Encoder:
    """Load a model for much work, on all devices that are named; see ``load_encoder``."""
    chosen = settings.model
    return load_encoder(
        name,
        device=chosen.device,
        runtime=chosen.runtime,
        precision=chosen.precision,
        cache_dir=settings.cache_dir,
    )


def load_questions_encoder(settings: Settings, name: str) -> Encoder:
    """Load a model for single questions, on one device; see ``load_encoder``."""
    chosen = settings.model
    return load_encoder(
        name,
        device=first_device(chosen.device),
        runtime=chosen.runtime,
        precision=chosen.precision,
        cache_dir=settings.cache_dir,
    )


def describe_configured_model(settings: Settings, name: str) -> ModelCard | None:
    """Return what loading would give, without loading; see ``describe_model``."""
    chosen = settings.model
    return describe_model(
        name,
        device=chosen.device,
        runtime=chosen.runtime,
        precision=chosen.precision,
        cache_dir=settings.cache_dir,
    )
