"""Ops that are expressions with reductions along named axes: softmax, normalisation and their kin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

from .calls import short_call
from .cell import Empty
from .checks import same_dtype, shape_error
from .dispatch import apply
from .elementwise import check_takes
from .expr import Expr, arg, const, rewrite, row_program, walk
from .expr.functions import REDUCTIONS
from .expressed import Expressed, numbered
from .lower import finish, lower
from .types import Signature, TensorType

if TYPE_CHECKING:
    from .device import Device
    from .entry import Entry
    from .tensor import Tensor

__all__ = ["RowOp", "row_gradient"]


class RowOp(Expressed):
    """An op over rows: the elements along `axes` form a row, which reductions run over.

    * `outputs`: expressions with row_sum, row_max, row_min.
    * `in_kinds`, `out_kinds`: "full" (all dims), "row" (one per row: without the axes), "col" (the axes only), "scalar".

    One argument at least is full. A device's `row` kernel runs it; otherwise core lowers it to `map` and `reduce`.
    """

    kind = "rowwise"
    through = ("row", "map")

    def __init__(
        self, name: str, outputs: Expr | Sequence[Expr], in_kinds: tuple[str, ...], out_kinds: str | tuple[str, ...], *,
        n_scalars: int = 0, gradient: Any = "derived", family: str = "rowwise", doc: str = "",
    ) -> None:  # fmt: skip
        super().__init__(name, outputs, len(in_kinds), n_scalars, gradient, attrs=("axes",), family=family, doc=doc)
        self.in_kinds = in_kinds
        self.out_kinds = (out_kinds,) if isinstance(out_kinds, str) else out_kinds

    @cached_property
    def call(self) -> Any:
        """The op on its short path: (operands, scalars, (axes,))."""
        n = self.n_args

        def slow(*given: Any) -> Any:
            return apply(self, given[:n], given[-1], given[n:-1])

        operands, scalars = tuple([f"x{i}" for i in range(n)]), tuple([f"s{i}" for i in range(self.n_scalars)])
        return short_call(self, slow, operands, scalars, has_attrs=True)

    def _shapes(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        outer = tuple(n for i, n in enumerate(shape) if i not in axes)
        return {"full": shape, "row": outer, "col": tuple(shape[a] for a in axes), "scalar": ()}

    def infer(self, tensors: tuple[Tensor, ...], attrs: dict[str, Any]) -> Any:
        check_takes(self.name, "float", tensors)
        by_kind = self._shapes(tensors[self._first_full()].shape, attrs["axes"])
        for t, kind in zip(tensors, self.in_kinds, strict=True):
            same_dtype(self.name, tensors[0], t)
            if t.shape != by_kind[kind]:
                names = dict(zip("xabcdefg", (tensors[0], t), strict=False))
                raise shape_error(
                    self.name,
                    f"an operand of shape {list(by_kind[kind])} is wanted along axes {attrs['axes']}",
                    names,
                    {"a": f"a.shape = {list(t.shape)}"},
                )
        outs = tuple(TensorType(by_kind[k], tensors[0].dtype) for k in self.out_kinds)
        return outs[0] if len(outs) == 1 else outs

    def _first_full(self) -> int:
        return self.in_kinds.index("full")

    def bind(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        kernel = device.find(self.name, sig, attrs)
        if kernel is not None:
            return kernel
        axes, shape = attrs["axes"], sig.inputs[self._first_full()].shape
        kept = tuple(i for i in range(len(shape)) if i not in axes)
        outer, inner = tuple(shape[i] for i in kept), tuple(shape[i] for i in axes)
        order = kept + axes
        program = row_program(
            self.exprs,
            tuple(t.dtype for t in sig.inputs),
            tuple(t.dtype for t in sig.outputs),
            self.n_scalars,
            self.in_kinds,
            self.out_kinds,
        )
        if order != tuple(range(len(shape))):
            unturned = device.find("row_over", sig, {"program": program, "axes": axes})
            if unturned is not None:
                return unturned
        by_kind = {"full": outer + inner, "row": outer, "col": inner, "scalar": ()}
        inputs = tuple(TensorType(by_kind[k], t.dtype) for k, t in zip(self.in_kinds, sig.inputs, strict=True))
        outputs = tuple(TensorType(by_kind[k], t.dtype) for k, t in zip(self.out_kinds, sig.outputs, strict=True))
        row = device.find("row", Signature(inputs, outputs), {"program": program, "outer": outer, "inner": inner})
        if row is None:
            row = lower(device, program, outer, inner)
        return row if order == tuple(range(len(shape))) else self._turned(device, row, sig, order)

    def on_empty(self, device: Device, sig: Signature, attrs: dict[str, Any]) -> Callable[..., Any] | None:
        """Outputs per row over empty rows: sums are 0, maxima -inf and minima inf there."""
        nothing = {"row_sum": const(0.0), "row_max": const(-inf), "row_min": const(inf)}
        mapping = {n: nothing[n.op] for n in walk(self.exprs) if n.op in REDUCTIONS}
        dtypes = tuple(t.dtype for t in sig.inputs)
        finals = []
        for expr, kind, out in zip(self.exprs, self.out_kinds, sig.outputs, strict=True):
            answer = Empty(out.shape, out.dtype)
            final = finish(
                device, rewrite(expr, mapping), dtypes, self.in_kinds, out.dtype, out.shape, kind, self.n_scalars
            )
            finals.append(final if out.numel else lambda pool, rows, scalars, answer=answer: answer)
        n = self.n_args

        def kernel(*inputs: Any) -> Any:
            outs = tuple([f(inputs[:n], inputs[:n], inputs[n:]) for f in finals])
            return outs[0] if len(outs) == 1 else outs

        return kernel

    def _turned(
        self, device: Device, row: Callable[..., Any], sig: Signature, order: tuple[int, ...]
    ) -> Callable[..., Any]:
        """The kernel between permutations that put the reduced axes last and back."""
        back = tuple(sorted(range(len(order)), key=order.__getitem__))
        full = sig.inputs[self._first_full()]
        turned = TensorType(tuple([full.shape[i] for i in order]), full.dtype)
        permute = device.backend.primitive("permute", Signature((full,), (turned,)), axes=order)
        undo = device.backend.primitive("permute", Signature((turned,), (full,)), axes=back)
        turn = [k == "full" for k in self.in_kinds]
        turn_out = [k == "full" for k in self.out_kinds]

        def kernel(*inputs: Any) -> Any:
            n = len(turn)
            outs = row(*[permute(x) if t else x for x, t in zip(inputs[:n], turn, strict=True)], *inputs[n:])
            if len(turn_out) == 1:
                return undo(outs) if turn_out[0] else outs
            return tuple([undo(o) if t else o for o, t in zip(outs, turn_out, strict=True)])

        return kernel

    def derive(self, wrt: list[int]) -> tuple[RowOp, tuple[int, ...]]:
        """Make `<op>.backward` for these arguments; that of one per column or of a scalar is full-size."""
        grad_kinds = (self.out_kinds[0], *self.out_kinds)
        kinds = self.in_kinds + grad_kinds
        outs = self._gradient_of(wrt, self.in_kinds, grad_kinds)
        used = {i for o in outs for i in o.arg_indices()} | {self.n_args + 1}
        if not any(kinds[i] == "full" for i in used):
            used.add(self._first_full())
        sources = tuple(sorted(used))
        out_kinds = tuple(["row" if self.in_kinds[i] == "row" else "full" for i in wrt])
        in_kinds, exprs = tuple([kinds[s] for s in sources]), numbered(outs, sources)
        return RowOp(f"{self.name}.backward", exprs, in_kinds, out_kinds, n_scalars=self.n_scalars), sources

    def shaped(self, i: int, g: Any, entry: Entry) -> Any:
        """The gradient of an argument per column is summed over the rows, that of a scalar over everything."""
        kind = self.in_kinds[i]
        rows = tuple([k for k in range(g.rank) if k not in entry.attrs["axes"]])
        return g.sum() if kind == "scalar" else g.sum(rows) if kind == "col" and rows else g


def row_gradient(name: str, needs: tuple[bool, ...], sig: Signature) -> Any:
    """The gradient of a row op as one program, for a device's `<op>.backward`.

    Its arguments are g and what the op saves, as that kernel gets them. The gradient of a per-column argument has kind "col":
    the sum of the expression over all rows.
    """
    from .registry import OPS

    op: Any = OPS[name]
    spec, sources = op.gradient(needs)
    place = {s: 0 if s > op.n_args else 1 + op.saves.index("out" if s == op.n_args else s) for s in sources}
    turned = {arg(k): arg(place[s]) for k, s in enumerate(sources)}
    kinds = [op.out_kinds[0], *(op.out_kinds[0] if s == "out" else op.in_kinds[s] for s in op.saves)]
    return row_program(
        tuple(rewrite(e, turned) for e in spec.exprs),
        tuple(t.dtype for t in sig.inputs),
        tuple(t.dtype for t in sig.outputs),
        op.n_scalars,
        tuple(kinds),
        tuple(k for k, need in zip(op.in_kinds, needs, strict=True) if need),
    )
