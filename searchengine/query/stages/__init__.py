"""What happens to the candidates on their way to a page: one pure function a file.

Each takes a sequence of candidates, best first, and returns a new list; none changes what it got,
looks at a limit or draws a random number, so that the pages of an answer concatenate.
"""

from __future__ import annotations
