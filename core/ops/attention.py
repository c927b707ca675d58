"""Scaled dot-product attention: softmax(q k^T * scale + mask) v."""

from __future__ import annotations

from typing import Any

from ..checks import broadcast_axes, same_dtype, shape_error
from ..dispatch import apply
from ..elementwise import check_takes
from ..registry import Composite, register
from ..tensor import Tensor
from ..types import TensorType
from ._define import as_one_op, as_tensor, public
from .join import concat
from .matmul import swap
from .reduce import back, narrow, wide
from .rowwise import softmax_gradient


def _weights(q: Any, k: Any, mask: Any, causal: bool, scale: float) -> Any:
    """The softmax of the scores; a row that may look at nothing gives zeros."""
    from .compare import where

    scores = (q * scale) @ swap(k)
    if mask is not None:
        scores = scores + mask
    if causal:
        seen = q.device.lower_tri(scores.shape, True, 0, "bool")
        scores = where(seen, scores, float("-inf"))
    if mask is None:
        return scores.softmax(-1)
    last = (scores.rank - 1,)
    blind = back(scores.detach().max(last) == float("-inf"), scores, last)
    return where(blind, 0.0, where(blind, 0.0, scores).softmax(-1))


def _attend(q: Any, k: Any, v: Any, mask: Any = None, *, causal: bool, scale: float) -> Any:
    p = _weights(wide(q), wide(k), None if mask is None else wide(mask), causal, scale)
    return narrow(p @ wide(v), q.dtype)


def _vjp(e: Any, g: Any, needs: Any) -> tuple[Any, ...]:
    """With p the weights: dv = p^T g, and of the scores ds = p (dp - sum(p dp)) where dp = g v^T."""
    q, k, v, *rest = [wide(e.input(i)) for i in range(len(e.inputs))]
    scale, dtype, g = e.attrs["scale"], e.inputs[0].dtype, wide(g)
    p = _weights(q, k, rest[0] if rest else None, e.attrs["causal"], scale)
    dv = swap(p) @ g if needs[2] else None
    dq = dk = ds = None
    if needs[0] or needs[1] or any(needs[3:]):
        dp = g @ swap(v)
        ds = softmax_gradient(p, dp, (p.rank - 1,))
        dq = (ds @ k) * scale if needs[0] else None
        dk = swap(ds) @ (q * scale) if needs[1] else None
    return tuple([None if d is None else narrow(d, dtype) for d in (dq, dk, dv, ds)[: len(needs)]])


def _infer(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool, scale: float) -> TensorType:
    operands = {"q": q, "k": k, "v": v} | ({"mask": mask} if mask is not None else {})
    check_takes("attention", "float", tuple(operands.values()))
    for t in operands.values():
        same_dtype("attention", q, t)
    if q.rank < 2 or not q.rank == k.rank == v.rank:
        facts = {n: f"{n}.rank = {t.rank}" for n, t in operands.items()}
        raise shape_error("attention", "q, k and v have one rank, 2 at least", operands, facts)
    for what, a, b in (
        ("leading dims", ("q.shape[:-2]", q.shape[:-2]), ("k.shape[:-2]", k.shape[:-2])),
        ("leading dims", ("q.shape[:-2]", q.shape[:-2]), ("v.shape[:-2]", v.shape[:-2])),
        ("widths", ("q.shape[-1]", q.shape[-1]), ("k.shape[-1]", k.shape[-1])),
        ("lengths", ("k.shape[-2]", k.shape[-2]), ("v.shape[-2]", v.shape[-2])),
    ):
        if a[1] != b[1]:
            facts = {text[0]: f"{text} = {list(n) if isinstance(n, tuple) else n}" for text, n in (a, b)}
            raise shape_error("attention", f"{what} differ", operands, facts)
    return TensorType((*q.shape[:-1], v.shape[-1]), q.dtype)


_ATTENTION = register(
    Composite("attention", _infer, _attend, attrs=("causal", "scale"), vjp=_vjp, saves=(0, 1, 2, 3), family="attention",
              doc="softmax(q k^T scale + mask) v; a row that may look at nothing gives zeros.")
)  # fmt: skip


@public("scaled_dot_product_attention")
@as_one_op
def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False, scale: float | None = None
) -> Tensor:
    """softmax(q k^T * scale + mask) v.

    * `q` (.., M, D), `k` (.., N, D), `v` (.., N, E) with equal leading dims.
    * `mask`: (.., M, N) or without the first of the leading dims: added to the scores (-inf hides), or bool, where False hides.
    * `causal`: query i sees the keys 0 to i only; `scale`: None is 1 / sqrt(D).

    Returns (.., M, E). A query that sees no key gives zeros. Source: `torch.nn.functional.scaled_dot_product_attention`.

    >>> import dfdx
    >>> x = dfdx.device("cpu").ones((2, 4, 8))
    >>> dfdx.attention(x, x, x, causal=True).shape
    (2, 4, 8)
    """
    from .compare import where

    for t in (q, k, v):
        as_tensor("attention", t)
    if scale is None:
        scale = float(q.shape[-1]) ** -0.5 if q.rank and q.shape[-1] else 1.0
    attrs = (bool(causal), float(scale))
    if mask is None:
        return apply(_ATTENTION, (q, k, v), attrs)
    if as_tensor("attention", mask).dtype.name == "bool":
        hidden = q.device.full(mask.shape, float("-inf"), q.dtype)
        mask = where(mask, q.device.zeros(mask.shape, q.dtype), hidden)
    scores = (*q.shape[:-1], k.shape[-2] if k.rank > 1 else 0)
    lead = len(scores) - mask.rank
    if lead < 0 or mask.shape != scores[lead:]:
        fits = broadcast_axes(mask.shape, scores)
        hint = f"mask.broadcast_to({scores}, axes={fits[0]}) fits" if fits else "mask has one entry per query and key"
        facts = {"mask": f"mask.shape = {list(mask.shape)}, scores = {list(scores)}"}
        raise shape_error("attention", "the mask does not fit the scores", {"q": q, "k": k, "mask": mask}, facts, hint)
    return apply(_ATTENTION, (q, k, v, mask.broadcast_to(scores, tuple(range(lead)))), attrs)


@public(methods=False)
@as_one_op
def attention_reshape(qkv: Tensor, past_k: Tensor, past_v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values by head from one projection, after those of earlier positions.

    * `qkv`: (S, 3 H D), in each row the H heads' queries, then keys, then values; `past_k` (H, D, P); `past_v` (H, P, D).

    Returns q (H, S, D), k (H, D, P + S), v (H, P + S, D).
    """
    operands = {"qkv": qkv, "past_k": past_k, "past_v": past_v}
    for t in operands.values():
        as_tensor("attention_reshape", t)
    h, d, p = past_k.shape if past_k.rank == 3 else (0, 0, 0)
    if past_k.rank != 3 or past_v.shape != (h, p, d) or qkv.rank != 2 or qkv.shape[1] != 3 * h * d:
        facts = {name: f"{name}.shape = {list(t.shape)}" for name, t in operands.items()}
        hint = "qkv is (S, 3 H D), past_k (H, D, P), past_v (H, P, D)"
        raise shape_error("attention_reshape", "shapes do not fit", operands, facts, hint)
    heads = qkv.reshape((qkv.shape[0], 3, h, d)).permute((1, 2, 0, 3))
    k, v = heads.with_empty_tape()[1:2], heads.with_empty_tape()[2:]
    q, k, v = [part.reshape(part.shape[1:]) for part in (heads[:1], k, v)]
    return q, concat([past_k, k.permute((0, 2, 1))], 2), concat([past_v, v], 1)
