"""Zero-shot labels for what is indexed, and moderation as one set of labels."""

from __future__ import annotations
