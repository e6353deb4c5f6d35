"""OpenCLIP's text towers over fewer tokens than their context. Imports torch.

OpenCLIP adds the positions and the mask of the whole context, so a shorter text is an error there.
The same steps are taken here over as many tokens as come; ``encoders/trimming.py`` says for which
towers that changes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from searchengine.encoders.trimming import KEYS, EndMark

_AGREE: Final = {"fp32": 1e-5, "bf16": 3e-2, "fp16": 3e-3}
"""Of the largest component: rounding in another order may change as much, a mistake changes more.
"""


def short_texts(model: Any, mark: EndMark) -> Callable[[Any], Any]:
    """Return a function like ``model.encode_text`` that takes tokens (n, length), length free."""
    tower = getattr(model, "text", model)

    def encode(tokens: Any) -> Any:
        import torch

        length = tokens.shape[1]
        dtype = tower.transformer.get_cast_dtype()
        rows = tower.token_embedding(tokens).to(dtype)
        rows = rows + tower.positional_embedding[:length].to(dtype)
        if has_plain_blocks(tower.transformer):
            rows = _through_blocks(tower.transformer, rows, tower.attn_mask)
        else:
            rows = tower.transformer(rows, attn_mask=tower.attn_mask[:length, :length])
        places = tokens if mark.token is None else (tokens == mark.token).int()
        rows = rows[torch.arange(rows.shape[0], device=rows.device), places.argmax(dim=-1)]
        rows = tower.ln_final(rows)
        if tower.text_projection is None:
            return rows
        if isinstance(tower.text_projection, torch.nn.Linear):
            return tower.text_projection(rows)
        return rows @ tower.text_projection

    return encode


def has_plain_blocks(transformer: Any) -> bool:
    """Tell whether the blocks are those that OpenCLIP builds of torch's own attention."""
    return bool(transformer.resblocks) and all(
        type(block).__name__ == "ResidualAttentionBlock"
        and not hasattr(block, "ln_1_kv")
        and is_plain_attention(block.attn)
        for block in transformer.resblocks
    )


def _through_blocks(transformer: Any, rows: Any, whole_mask: Any) -> Any:
    """Take (n, length, width) through OpenCLIP's blocks, with more keys than there are rows.

    What stands behind the rows is hidden from them by the mask; it is there for the attention
    to add up in the same order as over the whole context, and costs the layers around it nothing.
    """
    length, context = rows.shape[1], len(whole_mask)
    keys = min(context, -(-length // KEYS) * KEYS)
    mask = whole_mask[:length, :keys].to(rows.dtype)
    for block in transformer.resblocks:
        rows = rows + block.ls_1(_attend(block.attn, block.ln_1(rows), mask))
        rows = rows + block.ls_2(block.mlp(block.ln_2(rows)))
    return rows


def _attend(plain: Any, rows: Any, mask: Any) -> Any:
    """Do as torch's ``MultiheadAttention`` for (n, length, width), a mask (length, keys)."""
    import torch

    functional: Any = torch.nn.functional
    count, length, width = rows.shape
    parts = functional.linear(rows, plain.in_proj_weight, plain.in_proj_bias)
    parts = parts.view(count, length, 3, plain.num_heads, width // plain.num_heads)
    query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
    if mask.shape[1] > length:
        behind = (0, 0, 0, mask.shape[1] - length)
        key, value = functional.pad(key, behind), functional.pad(value, behind)
    seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return plain.out_proj(seen.transpose(1, 2).flatten(2))


def checked_short_texts(
    model: Any, mark: EndMark, tokens: Any, length: int, precision: str
) -> Callable[[Any], Any] | None:
    """Return ``short_texts`` if its vectors of these tokens, cut at a length, are the model's own.

    ``None`` if they are not, by more than rounding: then this OpenCLIP builds its towers otherwise.
    """
    import torch

    with torch.inference_mode():
        whole = model.encode_text(tokens).float().cpu().numpy()
        short = short_texts(model, mark)
        try:
            found = short(tokens[:, :length]).float().cpu().numpy()
        except (AttributeError, TypeError, ValueError, RuntimeError, IndexError):
            return None  # whatever a tower says that is put together in another way
    if found.shape != whole.shape:
        return None
    near = np.abs(found - whole).max() <= _AGREE[precision] * np.abs(whole).max()
    return short if near else None


def has_plain_attention(model: Any) -> bool:
    """Tell whether the text tower attends by torch's own module, set up as OpenCLIP does."""
    blocks = getattr(getattr(model, "text", model).transformer, "resblocks", ())
    return bool(blocks) and all(
        is_plain_attention(getattr(block, "attn", None)) for block in blocks
    )


def is_plain_attention(attention: Any) -> bool:
    """Tell whether this is torch's own module, over packed weights."""
    import torch

    return (
        type(attention) is torch.nn.MultiheadAttention
        and attention.batch_first
        and attention.in_proj_weight is not None
        and attention.bias_k is None
        and not attention.add_zero_attn
    )


@contextlib.contextmanager
def attention_of_any_length(model: Any) -> Iterator[None]:
    """Meanwhile, have the text tower attend by steps that can be traced with the length left free.

    torch's own module, traced, takes the length of the example for a constant.
    """
    import torch

    class Attention(torch.nn.Module):
        def __init__(self, plain: Any) -> None:
            super().__init__()
            self.plain = plain

        def forward(self, rows: Any, *_: Any, attn_mask: Any, **__: Any) -> tuple[Any, None]:
            plain, heads = self.plain, self.plain.num_heads
            parts = torch.nn.functional.linear(rows, plain.in_proj_weight, plain.in_proj_bias)
            parts = parts.reshape(rows.shape[0], -1, 3, heads, rows.shape[2] // heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
            attend: Any = torch.nn.functional.scaled_dot_product_attention
            seen = attend(query, key, value, attn_mask=attn_mask)
            return plain.out_proj(seen.transpose(1, 2).flatten(2)), None

    blocks = list(getattr(model, "text", model).transformer.resblocks)
    plain = [block.attn for block in blocks]
    try:
        for block in blocks:
            block.attn = Attention(block.attn)
        yield
    finally:
        for block, one in zip(blocks, plain, strict=True):
            block.attn = one
