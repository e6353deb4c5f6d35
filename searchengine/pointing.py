"""A caret under the place in a text that someone typed wrong."""

from __future__ import annotations

from unicodedata import east_asian_width

_SHOWN = 72
_WIDE_BLANK = "\u3000"
"""As wide as a character of double width, so that the caret stands where it should."""


def point_at(source: str, column: int, advice: str = "") -> str:
    """Return the text around a column, a line with a caret below it, and the advice.

    Columns count characters from 0. What no terminal prints is shown as a blank.
    """
    start = max(0, min(column - _SHOWN // 2, len(source) - _SHOWN))
    shown = "".join(c if c.isprintable() else " " for c in source[start : start + _SHOWN])
    before = source[start:column]
    blanks = "".join(_WIDE_BLANK if east_asian_width(c) in "WF" else " " for c in before)
    return f"  {shown}\n  {blanks}^" + (f"\n{advice}" if advice else "")
