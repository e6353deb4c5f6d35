"""Searching for assistants, by the Model Context Protocol: ``tools.py`` is what may be asked,
``server.py`` how it is said over standard input and output.
"""

from __future__ import annotations
