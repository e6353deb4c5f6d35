"""Files that hold many pictures: films by their key frames, PDFs by their pages."""

from __future__ import annotations
