"""Attention with several heads."""

from __future__ import annotations

from typing import Any

from ..core import public as ops
from ..core.public import ShapeError, Tensor
from .calling import again
from .dims import Known, one, parts
from .linear import Linear
from .module import Composite
from .residual import unpacked

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Composite):
    """softmax(q k^T / sqrt(D)) v in each head, between linear layers. Source: arXiv 1706.03762, section 3.2.2.

    * `model`: features in and out; `heads`: how many, dividing `k_dim` and `v_dim`, whose default is `model`.
    * `causal`: position i sees positions 0 to i only; `bias`: whether the linear layers have one.

    Called with (q, k, v), one by one or as a tuple: q (S, model), k and v (T, model), each with or without a batch axis in
    front; with one tensor, all three are it. Gives the shape of q.
    `mask`: (S, T), or with a batch axis, or (B, heads, S, T): bool, where False hides, or floats added to the scores.

    Parameters: those of the linear layers `w_q`, `w_k` (k_dim), `w_v` (v_dim) and `w_o`.

    >>> import dfdx
    >>> from dfdx import nn
    >>> dev = dfdx.device("cpu")
    >>> dev.build_module(nn.MultiHeadAttention(8, heads=2, causal=True))(dev.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    def __init__(
        self, model: int, heads: int, k_dim: int | None = None, v_dim: int | None = None, causal: bool = False, bias: bool = True
    ) -> None:  # fmt: skip
        self.model, self.heads, self.causal = model, heads, causal
        self.k_dim, self.v_dim = k_dim or model, v_dim or model
        for name, n in (("k_dim", self.k_dim), ("v_dim", self.v_dim)):
            if heads < 1 or n % heads:
                raise ShapeError(
                    f"[MultiHeadAttention] {heads} heads do not divide {name} = {n}\n  hint: {name} % heads must be 0"
                )
        self.w_q = Linear(model, self.k_dim, bias)
        self.w_k = Linear(model, self.k_dim, bias)
        self.w_v = Linear(model, self.v_dim, bias)
        self.w_o = Linear(self.v_dim, model, bias)

    def settings(self) -> str:
        dims = "".join(f", {k}={getattr(self, k)}" for k in ("k_dim", "v_dim") if getattr(self, k) != self.model)
        return f"{self.model}, heads={self.heads}{dims}" + ", causal=True" * self.causal

    def propagate(self, known: Any) -> Known:
        inputs = parts(known, 3) if isinstance(known, tuple) else [one(known)]
        for k in inputs:
            k.need(self, "features", last=self.model)
        return inputs[0]

    def flow(self, call: Any, *inputs: Any, mask: Tensor | None = None) -> Tensor:
        given = unpacked(inputs)
        if len(given) not in (1, 3):
            raise ShapeError(f"[MultiHeadAttention] takes (q, k, v) or one tensor, not {len(given)} inputs")
        q, k, v = given if len(given) == 3 else given * 3
        if not q.rank == k.rank == v.rank or q.rank not in (2, 3):
            texts = ", ".join(f"{n} {t.type_text}" for n, t in zip("qkv", (q, k, v), strict=True))
            raise ShapeError(
                f"[MultiHeadAttention] q, k and v are (S, {self.model}) or (B, S, {self.model}), not {texts}"
            )
        q = self._split(call(self.w_q, again(q)))
        k = self._split(call(self.w_k, again(k)))
        v = self._split(call(self.w_v, again(v)))
        y = ops.attention(q, k, v, _per_head(mask, q, k), causal=self.causal)
        y = y.permute((*range(y.rank - 3), y.rank - 2, y.rank - 3, y.rank - 1))
        return call(self.w_o, y.reshape((*y.shape[:-2], self.v_dim)))  # type: ignore[no-any-return]

    def _split(self, x: Tensor) -> Tensor:
        """(.., S, heads * D) as (.., heads, S, D)."""
        x = x.reshape((*x.shape[:-1], self.heads, x.shape[-1] // self.heads))
        return x.permute((*range(x.rank - 3), x.rank - 2, x.rank - 3, x.rank - 1))


def _per_head(mask: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    """The mask for the scores (.., heads, S, T): one without heads holds for all of them."""
    if mask is None or mask.rank != q.rank - 1 or mask.rank < 3:
        return mask
    return mask.broadcast_to((*q.shape[:-1], k.shape[-2]), q.rank - 3)
