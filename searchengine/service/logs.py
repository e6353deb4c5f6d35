"""The log of the service: a JSON object a line, on stderr."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from searchengine.present.strict_json import clean_text

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName", "color_message"}
"""What a record has before anybody adds to it."""


class JsonLines(logging.Formatter):
    """``time`` (UTC, ISO 8601), ``level``, ``logger``, ``message``, and what was added to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        said: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean_text(record.getMessage()),
        }
        said |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            said["error"] = clean_text(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=True, default=str)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Write this package's log, and the warnings of all others, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("searchengine").setLevel(level)
