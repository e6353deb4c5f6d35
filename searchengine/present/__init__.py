"""Results made visible: for programs, for a terminal, and as one picture.

Nothing here searches or prints. ``formats`` needs the standard library alone,
``terminal`` and ``contact_sheet`` bring Pillow in when they are called.
"""

from __future__ import annotations
