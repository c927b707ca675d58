"""The transformer: encoder, decoder, and the two together. Source: arXiv 1706.03762."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.public import ShapeError, Tensor
from .activations import ReLU
from .attention import MultiHeadAttention
from .calling import again
from .dims import one, parts
from .dropout import Dropout
from .linear import Linear
from .module import Composite, Module
from .norm import LayerNorm1D
from .residual import Residual, unpacked
from .sequential import Repeated

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderBlock", "TransformerEncoder", "TransformerEncoderBlock",
]  # fmt: skip


class TransformerEncoderBlock(Composite):
    """Self-attention, then two linear layers, each added to its input and normalised.

    * `model`: features; `heads`: of the attention; `ff`: features between the two linear layers.
    * `causal`: position i sees positions 0 to i only; `pre_norm`: normalise before each part, not after the addition.
    * `activation`: between the linear layers.
    * `dropout`: probability for each element of a part's output, before that is added (arXiv 1706.03762, section 5.4); attention
      weights and what is between the linear layers are never dropped.

    Called with x (S, model) or (B, S, model) and, if wanted, `mask`, as in `MultiHeadAttention`.
    Sub-modules: `self_attn`, `norm1`, `ff` (a residual of linear, activation, linear), `norm2`.
    Source: PyTorch `nn.TransformerEncoderLayer`, but for where dropout is.
    """

    def __init__(
        self, model: int, heads: int, ff: int, causal: bool = False, pre_norm: bool = False, activation: Module | None = None,
        dropout: float = 0.0,
    ) -> None:  # fmt: skip
        self.model, self.pre_norm = model, pre_norm
        if dropout:
            self.dropout: Any = Dropout(dropout)
        self.self_attn = MultiHeadAttention(model, heads, causal=causal)
        self.norm1 = LayerNorm1D(model)
        self._between(model, heads)
        self.ff = Residual((Linear(model, ff), activation or ReLU(), Linear(ff, model)))
        self._last(model)

    def _between(self, model: int, heads: int) -> None:
        """The parts between self-attention and the linear layers: none."""

    def _last(self, model: int) -> None:
        self.norm2 = LayerNorm1D(model)

    def settings(self) -> str:
        return f"{self.model}" + ", pre_norm=True" * self.pre_norm

    def propagate(self, known: Any) -> Any:
        inputs = parts(known, len(known)) if isinstance(known, tuple) else [one(known)]
        for k in inputs:
            k.need(self, "features", last=self.model)
        self.ff.propagate(inputs[0])
        return inputs[0]

    def flow(self, call: Any, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self._part(call, self.norm1, x, lambda h: call(self.self_attn, h, mask=mask))
        return self._part(call, self.norm2, x, lambda h: call(self.ff.inner, h))

    def _part(self, call: Any, norm: Module, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
        y = f(call(norm, x) if self.pre_norm else x)
        if "dropout" in self.__dict__:
            y = call(self.dropout, y)
        return y + x if self.pre_norm else call(norm, y + x)  # type: ignore[no-any-return]


class TransformerDecoderBlock(TransformerEncoderBlock):
    """As the encoder's block, with attention to a memory between self-attention and the linear layers.

    Called with (x, memory), one by one or as a tuple, and, if wanted, `mask` for x and `memory_mask`.
    Sub-modules: `self_attn`, `norm1`, `mh_attn`, `norm2`, `ff`, `norm3`. Self-attention is causal only if asked for.
    Source: PyTorch `nn.TransformerDecoderLayer`, but for where dropout is.
    """

    def _between(self, model: int, heads: int) -> None:
        self.mh_attn = MultiHeadAttention(model, heads)
        self.norm2 = LayerNorm1D(model)

    def _last(self, model: int) -> None:
        self.norm3 = LayerNorm1D(model)

    def flow(self, call: Any, *inputs: Any, mask: Tensor | None = None, memory_mask: Tensor | None = None) -> Tensor:
        x, memory = _two(self, inputs)
        x = self._part(call, self.norm1, x, lambda h: call(self.self_attn, h, mask=mask))
        x = self._part(call, self.norm2, x, lambda h: call(self.mh_attn, h, memory, memory, mask=memory_mask))
        return self._part(call, self.norm3, x, lambda h: call(self.ff.inner, h))


def _norm(model: int, wanted: bool) -> Any:
    return LayerNorm1D(model) if wanted else None


class TransformerEncoder(Repeated):
    """Blocks one after the other, then, if wanted, a norm. Sub-modules: `0`, `1`, ..., `norm`.

    The arguments are those of `TransformerEncoderBlock`, after them the number of blocks.

    >>> import dfdx
    >>> from dfdx import nn
    >>> dev = dfdx.device("cpu")
    >>> dev.build_module(nn.TransformerEncoder(16, 4, 32, 2))(dev.ones((2, 5, 16))).shape
    (2, 5, 16)
    """

    def __init__(
        self, model: int, heads: int, ff: int, blocks: int, causal: bool = False, pre_norm: bool = False,
        activation: Module | None = None, final_norm: bool = False, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(TransformerEncoderBlock(model, heads, ff, causal, pre_norm, activation, dropout), blocks)
        self.norm: Any = _norm(model, final_norm)

    def settings(self) -> str:
        return ""

    def flow(self, call: Any, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for m in self:
            x = call(m, x) if m is self.norm else call(m, x, mask=mask)
        return x


class TransformerDecoder(Composite):
    """Blocks one after the other, then, if wanted, a norm. Sub-modules: `0.0`, `0.1`, ..., `norm`.

    The arguments are those of `TransformerDecoderBlock`, after them the number of blocks; it is called as a block is.
    """

    def __init__(
        self, model: int, heads: int, ff: int, blocks: int, causal: bool = False, pre_norm: bool = False,
        activation: Module | None = None, final_norm: bool = False, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        block = TransformerDecoderBlock(model, heads, ff, causal, pre_norm, activation, dropout)
        object.__setattr__(self, "0", Repeated(block, blocks))
        self.norm: Any = _norm(model, final_norm)

    def propagate(self, known: Any) -> Any:
        for block in self.__dict__["0"]:
            known = (block.propagate(known), known[1]) if isinstance(known, tuple) else block.propagate(known)
        return known[0] if isinstance(known, tuple) else known

    def flow(self, call: Any, *inputs: Any, mask: Tensor | None = None, memory_mask: Tensor | None = None) -> Tensor:
        x, memory = _two(self, inputs)
        for block in self.__dict__["0"]:
            x = call(block, x, memory, mask=mask, memory_mask=memory_mask)
        return x if self.norm is None else call(self.norm, x)


class Transformer(Composite):
    """An encoder of the source, and a decoder of the target that attends to what the encoder gives.

    * `model`: features; `heads`; `ff`: features between the linear layers; `encoders`, `decoders`: blocks of each.
    * `causal`: whether a position of the target sees only those before it and itself.
    * `final_norm`: a norm after the encoder and one after the decoder, as PyTorch has them.

    Called with (source, target), one by one or as a tuple: (S, model) and (T, model), with or without a batch axis; gives the
    target's shape. `mask`, `memory_mask`: of the target and of what it sees of the source; `source_mask`: of the source.
    Sub-modules: `encoder`, `decoder`. Source: PyTorch `nn.Transformer`, but for where dropout is.
    """

    def __init__(
        self, model: int, heads: int, ff: int, encoders: int, decoders: int, causal: bool = False, pre_norm: bool = False,
        activation: Module | None = None, final_norm: bool = True, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        self.encoder = TransformerEncoder(model, heads, ff, encoders, False, pre_norm, activation, final_norm, dropout)
        self.decoder = TransformerDecoder(model, heads, ff, decoders, causal, pre_norm, activation, final_norm, dropout)

    def propagate(self, known: Any) -> Any:
        source, target = parts(known, 2)
        return self.decoder.propagate((target, self.encoder.propagate(source)))

    def flow(
        self, call: Any, *inputs: Any, mask: Tensor | None = None, memory_mask: Tensor | None = None,
        source_mask: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        source, target = _two(self, inputs)
        memory = call(self.encoder, source, mask=source_mask)
        return call(self.decoder, again(target), memory, mask=mask, memory_mask=memory_mask)  # type: ignore[no-any-return]


def _two(module: Module, inputs: tuple[Any, ...]) -> tuple[Tensor, Tensor]:
    given = unpacked(inputs)
    if len(given) != 2:
        raise ShapeError(f"[{type(module).__name__}] takes two inputs, not {len(given)}")
    return given
