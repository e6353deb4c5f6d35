"""What goes in and out over HTTP, exactly: the models that the OpenAPI document is made of."""

from __future__ import annotations
