"""Expressions: immutable and interned, so that equal structure is the same object and common parts are shared.

Leaves: `arg(i)` the i-th array, `scalar(i)` a Python number given at launch, `const(v)`, `index()` the linear index of the
output element, `random(key, counter)` the 32-bit Philox word of that index. A const or scalar takes the dtype it meets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

__all__ = [
    "Expr",
    "arg",
    "cast",
    "const",
    "index",
    "make",
    "random",
    "rewrite",
    "row_max",
    "row_min",
    "row_prod",
    "row_sum",
    "scalar",
    "select",
    "walk",
]

_interned: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()


class Expr:
    """A node: an operation, its operands, and a value (argument number, constant, dtype)."""

    __slots__ = ("__weakref__", "_args_used", "args", "op", "value")

    op: str
    args: tuple[Expr, ...]
    value: Any

    def arg_indices(self) -> frozenset[int]:
        """Numbers of the array arguments in this expression."""
        return frozenset(n.value for n in walk([self]) if n.op == "arg")

    def __repr__(self) -> str:
        if self.op in ("arg", "scalar"):
            return f"{'x' if self.op == 'arg' else 's'}{self.value}"
        if self.op == "const":
            return repr(self.value)
        if self.op in _INFIX:
            return f"({self.args[0]!r} {_INFIX[self.op]} {self.args[1]!r})"
        inner = ", ".join(map(repr, self.args))
        return f"{self.op}({inner}{', ' + self.value.name if self.op == 'cast' else ''})"

    def __add__(self, o: Any) -> Expr:
        return _add(self, as_expr(o))

    def __radd__(self, o: Any) -> Expr:
        return _add(as_expr(o), self)

    def __sub__(self, o: Any) -> Expr:
        o = as_expr(o)
        return self if is_const(o, 0) else make("sub", self, o)

    def __rsub__(self, o: Any) -> Expr:
        return make("sub", as_expr(o), self)

    def __mul__(self, o: Any) -> Expr:
        return _mul(self, as_expr(o))

    def __rmul__(self, o: Any) -> Expr:
        return _mul(as_expr(o), self)

    def __truediv__(self, o: Any) -> Expr:
        o = as_expr(o)
        return self if is_const(o, 1) else make("div", self, o)

    def __rtruediv__(self, o: Any) -> Expr:
        return make("div", as_expr(o), self)

    def __neg__(self) -> Expr:
        if self.op == "neg":
            return self.args[0]
        return const(-self.value) if self.op == "const" else make("neg", self)

    def __lt__(self, o: Any) -> Expr:
        return make("lt", self, as_expr(o))

    def __le__(self, o: Any) -> Expr:
        return make("le", self, as_expr(o))

    def __gt__(self, o: Any) -> Expr:
        return make("gt", self, as_expr(o))

    def __ge__(self, o: Any) -> Expr:
        return make("ge", self, as_expr(o))


_INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
}


def make(op: str, *args: Expr, value: Any = None) -> Expr:
    """The one node of this operation, operands and value."""
    key = (op, args, type(value), repr(value) if isinstance(value, float) else value)
    node = _interned.get(key)
    if node is None:
        node = object.__new__(Expr)
        node.op, node.args, node.value = op, args, value
        _interned[key] = node
    return node


def as_expr(value: Any) -> Expr:
    """A node from itself or a Python number."""
    return value if isinstance(value, Expr) else const(value)


def arg(i: int) -> Expr:
    """The i-th array argument."""
    return make("arg", value=i)


def scalar(i: int) -> Expr:
    """The i-th runtime scalar: a Python number given at launch."""
    return make("scalar", value=i)


def const(value: float) -> Expr:
    """A literal."""
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"an expression holds Python numbers, not {value!r}")
    return make("const", value=value)


def index() -> Expr:
    """The logical linear index of the output element, i64."""
    return make("index")


def random(key: Expr, counter: Expr) -> Expr:
    """Philox4x32-10: word (index mod 4) of block counter + index div 4, as u32; key and counter are 64-bit scalars."""
    return make("random", key, counter)


def cast(x: Any, dtype: Any) -> Expr:
    """x in another dtype."""
    return make("cast", as_expr(x), value=dtype)


def select(cond: Expr, a: Any, b: Any) -> Expr:
    """a where cond, else b."""
    a, b = as_expr(a), as_expr(b)
    return a if a is b else make("select", cond, a, b)


def row_sum(x: Expr) -> Expr:
    """Sum along the reduced axes of a row program."""
    return make("row_sum", x)


def row_max(x: Expr) -> Expr:
    """Maximum along the reduced axes; NaN propagates."""
    return make("row_max", x)


def row_min(x: Expr) -> Expr:
    """Minimum along the reduced axes; NaN propagates."""
    return make("row_min", x)


def row_prod(x: Expr) -> Expr:
    """Product along the reduced axes; it has no derivative here."""
    return make("row_prod", x)


def is_const(x: Expr, value: float) -> bool:
    return x.op == "const" and x.value == value and not (value == 0 and str(x.value).startswith("-"))


def _add(a: Expr, b: Expr) -> Expr:
    if is_const(a, 0):
        return b
    return a if is_const(b, 0) else make("add", a, b)


def _mul(a: Expr, b: Expr) -> Expr:
    if is_const(a, 1):
        return b
    if is_const(b, 1):
        return a
    if is_const(a, -1):
        return -b
    return -a if is_const(b, -1) else make("mul", a, b)


def walk(roots: Any) -> Iterator[Expr]:
    """Every node once, operands before users."""
    seen: set[Expr] = set()
    stack: list[tuple[Expr, bool]] = [(r, False) for r in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args))


def rewrite(expr: Expr, mapping: dict[Expr, Expr]) -> Expr:
    """The expression with nodes replaced: the largest matches first."""
    done: dict[Expr, Expr] = {}

    def visit(node: Expr) -> Expr:
        found = mapping.get(node)
        if found is not None:
            return found
        if node in done:
            return done[node]
        args = tuple([visit(a) for a in node.args])
        done[node] = out = node if args == node.args else make(node.op, *args, value=node.value)
        return out

    return visit(expr)
