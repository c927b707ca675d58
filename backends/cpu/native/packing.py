"""Packing for tiles: `height` lines of a matrix become one strip, in which step k of all lines comes before step k + 1.

Both functions write whole vectors and run over the end of the strip by less than one.
"""

from __future__ import annotations

from .ir import Function, V, lanes, size_of, vec
from .lanes import first_lanes, masked_load
from .tile import wide

__all__ = ["copy_function", "transpose", "turn_function"]


def _head(name: str, height: int, more: str = "") -> Function:
    return Function(
        f"internal void @{name}{height}(ptr %from, i64 %lead, i64 %k, i64 %live, ptr %to{more})", "noinline"
    )


def copy_function(height: int, type_: str = "float") -> Function:
    """copy(from, lead, k, live, to, count, pitch): steps of k lie `lead` apart, and each is `count` times `height` elements.

    Straight copies to `count` strips, `pitch` apart, over their ends; of a single one only `live` elements may be there.
    """
    b, w, size = _head("copy", height, ", i64 %count, i64 %pitch"), wide(type_), size_of(type_)
    t, lead, pitch = vec(type_, w), b.arg("lead", "i64") * size, b.arg("pitch", "i64") * size
    groups = -(-height // w)
    masks = [first_lanes(b, b.arg("live", "i64") - g * w, w) for g in range(groups)]

    def steps(whole: bool) -> None:
        with b.loop(0, b.arg("k", "i64"), 1, b.arg("from"), b.arg("to")) as loop:
            with b.loop(0, b.arg("count", "i64"), 1, *loop.values) as strip:
                source, to = strip.values
                for g in range(groups):
                    p = b.at(source, g * w * size)
                    x = b.load(p, t) if whole else masked_load(b, p, t, masks[g])
                    b.store(x, b.at(to, g * w * size))
                strip.next(b.at(source, height * size), b.at(to, pitch))
            loop.next(b.at(loop.values[0], lead), b.at(loop.values[1], height * size))

    if height % w:
        steps(False)
    else:
        b.either(b.arg("live", "i64").cmp("sge", height), lambda: steps(True), lambda: steps(False))
    b.ret()
    return b


def turn_function(height: int, type_: str = "float") -> Function:
    """turn(from, lead, k, live, to): each of `height` lines is contiguous along k, `lead` apart; lines that are not there repeat the last."""
    b, w, size = _head("turn", height), wide(type_), size_of(type_)
    t, k, to = vec(type_, w), b.arg("k", "i64"), b.arg("to")
    groups = -(-height // w)
    last = b.arg("live", "i64") - 1
    lead = b.arg("lead", "i64") * size
    lines = [b.at(b.arg("from"), b.min(last, b.const(i)) * lead) if i else b.arg("from") for i in range(height)]
    whole = k & -w
    with b.loop(0, whole, w) as loop:
        turned = []
        for g in range(groups):
            block = [b.load(b.at(line, loop.i, type_), t) for line in lines[g * w : (g + 1) * w]]
            block += [block[-1]] * (w - len(block))
            turned.append(transpose(b, block))
        here = b.at(to, loop.i * height, type_)
        for j in range(w):  # in this order: what runs over the end of a step is written again by the next
            for g in range(groups):
                b.store(turned[g][j], b.at(here, (j * height + g * w) * size))
    with b.loop(whole, k) as rest:
        here = b.at(to, rest.i * height, type_)
        for i, line in enumerate(lines):
            b.store(b.load(b.at(line, rest.i, type_), type_), b.at(here, i * size))
    b.ret()
    return b


def transpose(b: Function, xs: list[V]) -> list[V]:
    """n vectors of n lanes, turned: first within 128 bits, then by whole 128 bits."""
    n, quad = len(xs), 16 // size_of(xs[0].type)
    out: list[V] = []
    for g in range(0, n, quad):
        out += _within(b, xs[g : g + quad], quad)
    blocks = n // quad
    for j in range(quad):
        column = [out[g * quad + j] for g in range(blocks)]
        step = 1
        while step < blocks:
            for g in range(blocks):
                if not g & step:
                    low, high = column[g], column[g + step]
                    lower, upper = [], []
                    for block in range(blocks):
                        for lane in range(quad):
                            own, other = block * quad + lane, n + (block ^ step) * quad + lane
                            lower.append(own if not block & step else other)
                            upper.append(own + step * quad if not block & step else other + step * quad)
                    column[g], column[g + step] = b.shuffle(low, high, lower), b.shuffle(low, high, upper)
            step *= 2
        for g in range(blocks):
            out[g * quad + j] = column[g]
    return out


def _within(b: Function, xs: list[V], quad: int) -> list[V]:
    """`quad` vectors, turned within every 128 bits."""
    n = lanes(xs[0].type)

    def mix(x: V, y: V, picks: list[int]) -> V:
        """Lanes of every 128 bits: below `quad` of x, from `quad` on of y."""
        mask = [base + p if p < quad else n + base + p - quad for base in range(0, n, quad) for p in picks]
        return b.shuffle(x, y, mask)

    if quad == 2:
        return [mix(xs[0], xs[1], [0, 2]), mix(xs[0], xs[1], [1, 3])]
    low = [mix(xs[i], xs[i + 1], [0, 4, 1, 5]) for i in (0, 2)]
    high = [mix(xs[i], xs[i + 1], [2, 6, 3, 7]) for i in (0, 2)]
    return [mix(x, y, picks) for x, y in (low, high) for picks in ([0, 1, 4, 5], [2, 3, 6, 7])]
