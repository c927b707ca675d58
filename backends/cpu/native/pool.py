"""Pooling and its gradient: one task to a plane; windows inside the image in straight lines, those at its edges in loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....core.contract import f32
from .fallback import Fallback
from .ir import V, lanes, vec
from .kernel import ArrayType, Code, Context, Entry, assemble, make_kernel, task_function
from .lanes import combine, identity
from .layout import usable
from .tile import wide

__all__ = ["pool_gradient", "pool_kernel"]

_OWN = ("h", "w", "oh", "ow", "stride_h", "stride_w", "pad_h", "pad_w", "step_h", "step_w",
        "top", "bottom", "left", "right")  # fmt: skip
_LONGEST = 25  # window places that are written out
_texts: dict[Any, Code] = {}


def pool_kernel(sig: Any, **at: Any) -> Any:
    """`pool2d` by machine code, or `NotImplemented`."""
    (x,), (y,) = sig
    return _make(sig, [x], x, y, at, _Forward)


def pool_gradient(sig: Any, *, needs: tuple[bool, ...], **at: Any) -> Any:
    """`pool2d.backward` by machine code, or `NotImplemented`."""
    g, x, _ = sig.inputs
    return _make(sig, list(sig.inputs), x, g, at, _Backward)


def _make(sig: Any, inputs: list[Any], x: Any, y: Any, at: dict[str, Any], writer: Any) -> Any:
    kh, kw = at["kernel"]
    if not usable() or any(t.dtype is not f32 for t in (*sig.inputs, *sig.outputs)) or kh * kw > _LONGEST:
        return NotImplemented
    key = (writer, at["kind"], kh, kw, at["stride"][1], at["dilation"][1])
    if key not in _texts:
        _texts[key] = writer(*key[1:]).text()
    (h, w), (oh, ow) = x.shape[2:], y.shape[2:]
    inner = [_inside(size, out, k, s, p, d) for size, out, k, s, p, d in zip(
        (h, w), (oh, ow), (kh, kw), at["stride"], at["padding"], at["dilation"], strict=True)]  # fmt: skip
    fallback = Fallback(_no_numpy)
    planes, work = x.shape[0] * x.shape[1], oh * ow * kh * kw * 2
    fallback.native = make_kernel(
        _texts[key], "pool2d", [ArrayType(t.shape, t.dtype.numpy) for t in inputs],
        [ArrayType(t.shape, t.dtype.numpy) for t in sig.outputs], 0, fallback, tasks=planes, grain=max(1, 16384 // work),
        release=planes * work > 1 << 19,
        own=[h, w, oh, ow, *at["stride"], *at["padding"], *at["dilation"], *inner[0], *inner[1]],
    )  # fmt: skip
    return fallback.native


def _no_numpy(*_: Any) -> Any:
    raise TypeError("[pool2d] takes arrays of the types that it was made for")


def _inside(size: int, out: int, k: int, stride: int, padding: int, step: int) -> tuple[int, int]:
    """The first and the last (exclusive) window that lies wholly inside the image along an axis."""
    first = min(-(-padding // stride), out)
    last = (size + padding - step * (k - 1) - 1) // stride + 1
    return first, max(first, min(last, out))


class _Pool:
    """Walks over the windows of a plane."""

    arrays = 2
    packed = False  # whether it returns a tuple

    def __init__(self, kind: str, kh: int, kw: int, stride_w: int, step_w: int) -> None:
        self.kind, self.kh, self.kw, self.stride, self.step = kind, kh, kw, stride_w, step_w
        self.b = b = task_function("planes")
        self.context = Context(b, self.arrays, 0)
        self.own = {name: self.context.own(i) for i, name in enumerate(_OWN)}

    def text(self) -> Code:
        entry = Entry(self.arrays - 1, [], [None], ["planes"], packed=self.packed)
        b, own = self.b, self.own
        with b.loop(b.arg("lo", "i64"), b.arg("hi", "i64")) as plane:
            self.open(plane.i)
            with b.loop(0, own["oh"]) as row:
                self.line(row.i)
        b.ret()
        return assemble(entry, b)

    def open(self, plane: V) -> None:
        """Pointers of a plane."""
        raise NotImplementedError

    def plane(self, k: int, plane: V, *names: str) -> V:
        size = self.own[names[0]] * self.own[names[1]]
        return self.b.at(self.context.arrays[k], plane * size, "float")

    def line(self, oh: V) -> None:
        """One row of windows: those at the edges, those inside in vectors, the rest one by one."""
        b, own = self.b, self.own
        top = oh * own["stride_h"] - own["pad_h"]
        inner = oh.cmp("sge", own["top"]) & oh.cmp("slt", own["bottom"])
        left = b.select(inner, own["left"], own["ow"])
        right = b.select(inner, own["right"], own["ow"])
        with b.loop(0, left) as ow:
            self.edge(oh, ow.i, top)
        start = self.vectors(oh, top, left, right)
        with b.loop(start, right) as ow:
            self.inside(oh, ow.i, top)
        with b.loop(right, own["ow"]) as ow:
            self.edge(oh, ow.i, top)

    def vectors(self, oh: V, top: V, left: V, right: V) -> V:
        return left

    def places(self, oh: V, ow: V, top: V) -> list[V]:
        """Offsets in the plane of the places of a window inside the image."""
        own = self.own
        corner = top * own["w"] + (ow * own["stride_w"] - own["pad_w"])
        rows = [corner + own["step_h"] * own["w"] * i if i else corner for i in range(self.kh)]
        return [r + own["step_w"] * j if j else r for r in rows for j in range(self.kw)]

    def inside(self, oh: V, ow: V, top: V) -> None:
        raise NotImplementedError

    def edge(self, oh: V, ow: V, top: V) -> None:
        raise NotImplementedError

    def each_place(self, ow: V, top: V, do: Callable[[V, V], V], start: V) -> V:
        """Fold `do(carried, offset)` over the places of a window that lie inside the image."""
        b, own = self.b, self.own
        corner = ow * own["stride_w"] - own["pad_w"]
        with b.loop(0, self.kh, 1, start) as i:
            ih = top + own["step_h"] * i.i
            good = ih.cmp("sge", 0) & ih.cmp("slt", own["h"])
            with b.loop(0, b.select(good, b.const(self.kw), 0), 1, *i.values) as j:
                iw = corner + own["step_w"] * j.i
                here = iw.cmp("sge", 0) & iw.cmp("slt", own["w"])
                j.next(b.either(here, lambda: do(j.values[0], ih * own["w"] + iw), lambda: j.values[0]))
            i.next(*j.out)
        return i.out[0]


class _Forward(_Pool):
    """y from x."""

    def open(self, plane: V) -> None:
        self.x, self.y = self.plane(0, plane, "h", "w"), self.plane(1, plane, "oh", "ow")

    @property
    def fold(self) -> str:
        return "sum" if self.kind == "avg" else self.kind

    def give(self, total: V, oh: V, ow: V) -> None:
        if self.kind == "avg":
            total = total * (1.0 / (self.kh * self.kw))
        self.b.store(total, self.b.at(self.y, oh * self.own["ow"] + ow, "float"))

    def inside(self, oh: V, ow: V, top: V) -> None:
        b = self.b
        xs = [b.load(b.at(self.x, p, "float"), "float") for p in self.places(oh, ow, top)]
        total = xs[0]
        for x in xs[1:]:
            total = combine(b, self.fold, total, x)
        self.give(total, oh, ow)

    def edge(self, oh: V, ow: V, top: V) -> None:
        b = self.b

        def add(total: V, p: V) -> V:
            return combine(b, self.fold, total, b.load(b.at(self.x, p, "float"), "float"))

        self.give(self.each_place(ow, top, add, identity(b, self.fold, "float")), oh, ow)

    def vectors(self, oh: V, top: V, left: V, right: V) -> V:
        """Whole vectors of windows, where their columns lie 1 or 2 apart."""
        if self.stride > 2:
            return left
        b, own, w = self.b, self.own, wide()
        t = vec("float", w)
        # the last place read: twice the windows, and one more, for columns 2 apart
        room = (own["w"] + own["pad_w"] - own["step_w"] * (self.kw - 1)).div(self.stride)
        end = left + ((b.max(b.min(right, room) - left, 0)) & -w)
        with b.loop(left, end, w) as ow:
            total = None
            for p in self.places(oh, ow.i, top):
                at = b.at(self.x, p, "float")
                x = b.load(at, t)
                if self.stride == 2:
                    x = b.shuffle(x, b.load(b.at(at, w * 4), t), list(range(0, 2 * w, 2)))
                total = x if total is None else combine(b, self.fold, total, x)
            assert total is not None
            self.give(total, oh, ow.i)
        return end


class _Backward(_Pool):
    """The gradient of x from that of y, x and y: to the first winner, or the last NaN, of every window."""

    arrays, packed = 4, True

    def open(self, plane: V) -> None:
        self.g, self.y = self.plane(0, plane, "oh", "ow"), self.plane(2, plane, "oh", "ow")
        self.x, self.dx = self.plane(1, plane, "h", "w"), self.plane(3, plane, "h", "w")
        self.b.clear(self.dx, self.own["h"] * self.own["w"] * 4)

    def _read(self, oh: V, ow: V, t: str = "float") -> tuple[V, V]:
        b, at = self.b, oh * self.own["ow"] + ow
        g = b.load(b.at(self.g, at, "float"), t)
        return (g * (1.0 / (self.kh * self.kw)) if self.kind == "avg" else g), b.load(b.at(self.y, at, "float"), t)

    def vectors(self, oh: V, top: V, left: V, right: V) -> V:
        """Whole vectors of windows two columns wide that lie side by side: no place is in two of them."""
        if (self.stride, self.kw, self.step) != (2, 2, 1):
            return left
        b, w = self.b, wide()
        for n in (w, w // 2):
            end = left + ((b.max(right - left, 0)) & -n)
            with b.loop(left, end, n) as ow:
                self._pairs(oh, ow.i, top, n)
            left = end
        return left

    def _pairs(self, oh: V, ow: V, top: V, n: int) -> None:
        """n windows: the places of a row of theirs are 2 n neighbours, those of the left column at even places."""
        b, t = self.b, vec("float", n)
        g, y = self._read(oh, ow, t)
        lines = [b.at(self.dx, p, "float") for p in self.places(oh, ow, top)[::2]]
        gives = [g] * (2 * self.kh) if self.kind == "avg" else self._won(oh, ow, top, g, y)
        both = [k // 2 + n * (k % 2) for k in range(2 * n)]
        for i, line in enumerate(lines):
            new = b.shuffle(gives[2 * i], gives[2 * i + 1], both)
            b.store(b.load(line, new.type, 4) + new, line, 4)

    def _won(self, oh: V, ow: V, top: V, g: V, y: V) -> list[V]:
        """For each place of a window what it gets of g, in n windows."""
        b, n = self.b, lanes(g.type)
        xs = []
        for p in self.places(oh, ow, top)[::2]:
            x = b.load(b.at(self.x, p, "float"), vec("float", 2 * n), 4)
            xs += [b.shuffle(x, x, list(range(j, 2 * n, 2))) for j in (0, 1)]
        number = [b.const(k, "i32").splat(n) for k in range(len(xs))]
        first, last_nan = number[-1], number[0]
        for k in range(len(xs))[-2::-1]:
            first = b.select(xs[k].cmp("oeq", y), number[k], first)
        for k in range(1, len(xs)):
            last_nan = b.select(xs[k].cmp("uno", xs[k]), number[k], last_nan)
        winner = b.select(y.cmp("ord", y), first, last_nan)
        return [b.select(winner.cmp("eq", k), g, b.const(0.0, g.type)) for k in number]

    def _add(self, p: V, g: V) -> None:
        place = self.b.at(self.dx, p, "float")
        self.b.store(self.b.load(place, "float") + g, place)

    def inside(self, oh: V, ow: V, top: V) -> None:
        b, places = self.b, self.places(oh, ow, top)
        g, y = self._read(oh, ow)
        if self.kind == "avg":
            for p in places:
                self._add(p, g)
            return
        xs = [b.load(b.at(self.x, p, "float"), "float") for p in places]

        def first() -> V:
            winner = places[-1]
            for x, p in list(zip(xs, places, strict=True))[-2::-1]:
                winner = b.select(x.cmp("oeq", y), p, winner)
            return winner

        def last_nan() -> V:
            winner = places[0]
            for x, p in list(zip(xs, places, strict=True))[1:]:
                winner = b.select(x.cmp("uno", x), p, winner)
            return winner

        self._add(b.either(y.cmp("ord", y), first, last_nan), g)

    def edge(self, oh: V, ow: V, top: V) -> None:
        b = self.b
        g, y = self._read(oh, ow)
        none = b.const(-1)
        if self.kind == "avg":

            def share(carried: V, p: V) -> V:
                self._add(p, g)
                return carried

            self.each_place(ow, top, share, none)
            return

        def pick(winner: V, p: V) -> V:
            x = b.load(b.at(self.x, p, "float"), "float")
            wins = (x.cmp("oeq", y) & winner.cmp("eq", -1)) | x.cmp("uno", x)
            return b.select(wins, p, winner)

        winner = self.each_place(ow, top, pick, none)
        with b.when(winner.cmp("sge", 0)):
            self._add(winner, g)
