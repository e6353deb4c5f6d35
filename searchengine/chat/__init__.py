"""Search results as what chat models read: numbered, bounded in tokens, ready to be sent.

::

    tokens.py    how many tokens a text or a picture costs, estimated without any model's tokenizer
    pictures.py  a hit's picture, small, as a data URI
    passages.py  hits packed into a budget, best first
    messages.py  the packed ones as OpenAI's content parts
"""

from __future__ import annotations
