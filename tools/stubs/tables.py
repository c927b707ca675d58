"""Which shapes go in and come out, as rows (shape of x, parameters, shape of the result), for standard typing.

`M0 M1 ..` are dims of x, `L0 ..` literals among the arguments, `N0 ..` other ints, `*B` any more dims.
"""

from __future__ import annotations

from itertools import combinations, permutations, product

__all__ = ["Row", "axis_kept", "broadcasts", "index_reductions", "permutes", "reductions", "shape_args", "slices"]

Row = tuple[str, str, str]
ANY_RANK = "Any"
# only `tuple[Any, ...]` fits, such as the shape of a NumPy array, which else counts as the first rank of a table
UNKNOWN_RANK = f"tuple[{'NoTape, ' * 7}*tuple[NoTape, ...]]"
_PAIRS = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3), (0, 1, 2), (1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2, 3)]


def ms(n: int) -> list[str]:
    return [f"M{i}" for i in range(n)]


def without(dims: list[str], axes: tuple[int, ...]) -> str:
    return " ".join(d for i, d in enumerate(dims) if i not in axes)


def literals(*values: int) -> str:
    return f"Literal[{', '.join(map(str, values))}]"


def _one_axis() -> list[Row]:
    """(shape, axis, shape without it), counted from either end."""
    rows = []
    for i in range(6):
        dims = [*ms(i + 1), "*B"]
        rows.append((" ".join(dims), literals(i), without(dims, (i,))))
    for i in range(1, 5):
        dims = ["*B", *ms(i)]
        rows.append((" ".join(dims), literals(-i), without(dims, (1,))))
    return rows


def reductions(also: str = "") -> list[Row]:
    """`x.sum(axis)`: one axis from either end, tuples of axes, or a target shape; `also` are further parameters."""
    to = f"{also}, *" if also and "*" not in also else (also or "*")
    rows: list[Row] = [("S", f"axes: None = ...{', ' + also if also else ''}", "")]
    more = f", {also}" if also else ""
    rows += [(dims, f"axes: {axis} | tuple[{axis}]{more}", out) for dims, axis, out in _one_axis()]
    for axes in _PAIRS:
        dims = [*ms(max(axes) + 1), "*B"]
        given = ", ".join(literals(a) for a in axes)
        rows.append((" ".join(dims), f"axes: tuple[{given}]{more}", without(dims, axes)))
    for k in (2, 3):
        given = ", ".join(literals(a) for a in range(-k, 0))
        rows.append((" ".join(["*B", *ms(k)]), f"axes: tuple[{given}]{more}", "*B"))
    rows.append(("S", f"axes: tuple[int, ...] | list[int]{more}", ANY_RANK))
    rows.append(("S", f"axes: None = ..., {to}, to: <>", ""))
    for n in (2, 3):
        for k in range(1, n):
            for kept in combinations(range(n), k):
                target = " ".join(f"M{i}" for i in kept)
                rows.append((" ".join(ms(n)), f"axes: None = ..., {to}, to: <{target}>", target))
    rows.append(("M0 M1 M2 M3 *B", f"axes: None = ..., {to}, to: tuple[int, ...]", ANY_RANK))
    return rows


def index_reductions() -> list[Row]:
    """`x.argmax(axis)`: one axis or all."""
    return [("S", "axis: None = ...", ""), *((dims, f"axis: {axis}", out) for dims, axis, out in _one_axis())]


def axis_kept() -> list[Row]:
    """`x.softmax(axis)`: the shape stays, the axis must exist."""
    rows: list[Row] = [("S", "axis: Literal[-1] = ...", "S")]
    for i in range(6):
        rows.append((" ".join([*ms(i + 1), "*B"]), f"axis: {literals(i)}", " ".join([*ms(i + 1), "*B"])))
    for i in range(2, 6):
        rows.append((" ".join(["*B", *ms(i)]), f"axis: {literals(-i)}", " ".join(["*B", *ms(i)])))
    return [*rows, ("S", "axis: tuple[int, ...] | list[int]", "S")]


def permutes() -> list[Row]:
    """`x.permute(axes)`: every order up to rank 4, counted from either end; beyond, the rank."""
    rows: list[Row] = []
    for n in (2, 3, 4):
        for order in permutations(range(n)):
            axes = ", ".join(literals(a, a - n) for a in order)
            rows.append((" ".join(ms(n)), f"axes: tuple[{axes}]", " ".join(f"M{a}" for a in order)))
    for n in (1, 5, 6):
        rows.append((" ".join(ms(n)), f"axes: tuple[{', '.join(['int'] * n)}]", " ".join(["Any"] * n)))
    return rows


def shape_args(ranks: range = range(7)) -> list[tuple[str, str]]:
    """(shape argument, resulting dims): literals keep their value wherever they stand, other ints their class."""
    rows = [("tuple[()]", "")] if 0 in ranks else []
    for n in ranks:
        if not n:
            continue
        mixes = list(product("LN", repeat=n)) if n <= 3 else [m for m in product("LN", repeat=n) if _common(m)]
        for mix in mixes:
            names = [f"{kind}{i}" for i, kind in enumerate(mix)]
            rows.append((f"tuple[{', '.join(names)}]", " ".join(names)))
    return rows


def _common(mix: tuple[str, ...]) -> bool:
    """All literal, all int, or ints at the front or at the back only; beyond rank 4 one or two at the front."""
    text = "".join(mix)
    if len(mix) > 4:
        return "L" not in text or "N" not in text.removeprefix("N").removeprefix("N")
    return "L" not in text or text.strip("N").count("N") == 0


def inferred_dim() -> list[tuple[str, str]]:
    """`x.reshape((64, -1))`: the inferred dim is anything."""
    rows = [("tuple[Literal[-1]]", "Any")]
    for n in (2, 3, 4):
        for at in range(n):
            given = [f"L{i}" if i != at else "Literal[-1]" for i in range(n)]
            rows.append((f"tuple[{', '.join(given)}]", " ".join(f"L{i}" if i != at else "Any" for i in range(n))))
        for at in range(n):
            given = [f"N{i}" if i != at else "Literal[-1]" for i in range(n)]
            rows.append((f"tuple[{', '.join(given)}]", " ".join(f"N{i}" if i != at else "Any" for i in range(n))))
    return rows


def broadcasts() -> list[Row]:
    """`x.broadcast_to(shape, axes)`: up to rank 4 every place for new axes; beyond, what the call says."""
    rows: list[Row] = [("", "shape: <L0>, axes: Any = ...", "L0")]
    rows += [("", f"shape: {arg}, axes: Any = ...", out) for arg, out in shape_args(range(2, 7)) if "N" not in arg]
    rows += [
        ("", f"shape: tuple[{', '.join(['int'] * n)}], axes: Any = ...", " ".join(["int"] * n)) for n in range(1, 7)
    ]
    for kind in "LN":
        for n in (1, 2, 3, 4):
            for k in range(1, n):
                for new in combinations(range(n), k):
                    rows.append(_broadcast(n, new, kind))
    for n in (1, 2, 3, 4):
        rows.append((" ".join(ms(n)), f"shape: <{' '.join(ms(n))}>, axes: tuple[()] | None = ...", " ".join(ms(n))))
    rest = ", ".join(["Any"] * 5)
    rows.append(("S", f"shape: tuple[{rest}, *tuple[Any, ...]], axes: Any = ...", ANY_RANK))
    return rows


def _broadcast(n: int, new: tuple[int, ...], kind: str) -> Row:
    dims, kept = [], 0
    for i in range(n):
        if i in new:
            dims.append(f"{kind}{i}")
        else:
            dims.append(f"M{kept}")
            kept += 1
    axes = f"tuple[{', '.join(literals(a, a - n) for a in new)}]"
    if len(new) == 1:
        axes += f" | {literals(new[0], new[0] - n)}"
    return " ".join(ms(n - len(new))), f"shape: <{' '.join(dims)}>, axes: {axes} | None = ...", " ".join(dims)


def slices() -> list[Row]:
    """`x.slice(ranges)`: one range per axis; what a range keeps is known only at run time, `slice(None)` apart."""
    return [(" ".join(ms(n)), f"ranges: tuple[{', '.join(['Any'] * n)}]", " ".join(["Any"] * n)) for n in range(1, 7)]
