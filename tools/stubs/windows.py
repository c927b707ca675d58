"""Convolution, pooling and upscaling: spatial dims that only pyrefly's view can compute."""

from __future__ import annotations

from .writer import Writer

__all__ = ["conv1d", "conv2d", "pool", "upscale2d", "upscale2d_like"]

SPATIAL = "stride: {0}, padding: {1}, dilation: {2}"


def _sizes(w: Writer, names: str, formula: str) -> str:
    """Spatial dims of a result: what the formula says in pyrefly's view, unknown in the other."""
    return " ".join("Any" if w.view.std else formula.format(n).replace(" ", "") for n in names.split())


def _windows(w: Writer) -> str:
    if w.view.std:
        return SPATIAL.format(*["int | tuple[int, int] = ..."] * 3)
    return SPATIAL.format("Int[St] = 1", "Int[P] = 0", "Int[Dl] = 1")


PAIRS = SPATIAL.format(*["Any = ..."] * 3)


def conv(w: Writer, names: str, kernels: str, transposed: bool) -> None:
    """x (.., C, *spatial), weight (O, C / groups, *kernel), transposed (C, O / groups, *kernel)."""
    out = "({0}-1)*St-2*P+Dl*(K{0}-1)+1" if transposed else "({0}+2*P-Dl*(K{0}-1)-1)//St+1"
    weight = f"C O {kernels}" if transposed else f"O C {kernels}"
    grouped = f"C Any {kernels}" if transposed else f"O Any {kernels}"
    more = ", output_padding: Any = ..." if "output_padding" in [p.name for p in w.rest] else ""
    kernel = {n: k for n, k in zip(names.split(), kernels.split())}
    dims = " ".join("Any" if w.view.std else out.format(n).replace(f"K{n}", kernel[n]) for n in names.split())
    unknown = " ".join(["Any"] * len(names.split()))
    x = w.me(f"*B C {names}")
    w.add(
        f"{x}, weight: {w.view.tensor(weight, t='T2')}, {_windows(w)}, groups: Literal[1] = ...",
        w.view.tensor(f"*B O {dims}", t="Tp | T2"),
    )
    w.add(
        f"{x}, weight: {w.view.tensor(weight, t='T2')}, {PAIRS}, groups: Literal[1] = ...{more}",
        w.view.tensor(f"*B O {unknown}", t="Tp | T2"),
    )
    w.add(
        f"{x}, weight: {w.view.tensor(grouped, t='T2')}, {PAIRS}, *, groups: int{more}",
        w.view.tensor(f"*B {'Any' if transposed else 'O'} {unknown}", t="Tp | T2"),
    )


def conv1d(w: Writer) -> None:
    conv(w, "H", "KH", w.function.__name__ == "convtrans1d")


def conv2d(w: Writer) -> None:
    conv(w, "H W", "KH KW", w.function.__name__ == "convtrans2d")


def pool(w: Writer, names: str) -> None:
    kind = 'kind: Literal["avg", "max", "min"]'
    unknown = " ".join(["Any"] * len(names.split()))
    x = w.me(f"*B {names}")
    if not w.view.std:
        known = _sizes(w, names, "({0}+2*P-Dl*(K-1)-1)//St+1")
        same = _sizes(w, names, "({0}+2*P-Dl*(K-1)-1)//K+1")
        w.add(
            f"{x}, {kind}, kernel: Int[K], stride: Int[St], padding: Int[P] = 0, dilation: Int[Dl] = 1",
            w.view.tensor(f"*B {known}"),
        )
        w.add(
            f"{x}, {kind}, kernel: Int[K], stride: None = None, padding: Int[P] = 0, dilation: Int[Dl] = 1",
            w.view.tensor(f"*B {same}"),
        )
    w.add(
        f"{x}, {kind}, kernel: int | tuple[int, int], stride: Any = ..., padding: Any = ..., dilation: Any = ...",
        w.view.tensor(f"*B {unknown}"),
    )


def upscale2d(w: Writer) -> None:
    method = 'method: Literal["nearest", "bilinear"] = ...'
    x = w.me("*B H W")
    pairs = (
        ("tuple[L0, L1]", "L0 L1"),
        ("tuple[N0, L1]", "N0 L1"),
        ("tuple[L0, N1]", "L0 N1"),
        ("tuple[N0, N1]", "N0 N1"),
    )
    for given, out in pairs if w.view.std else (("tuple[Int[OH], Int[OW]]", "OH OW"),):
        w.add(f"{x}, size: {given}, {method}", w.view.tensor(f"*B {out}"))
    w.add(f"{x}, size: int, {method}", w.view.tensor("*B Any Any"))


def upscale2d_like(w: Writer) -> None:
    method = 'method: Literal["nearest", "bilinear"] = ...'
    other = w.view.tensor("*B OH OW", "Any", "Any", "Any").replace("*Bs", "*tuple[Any, ...]" if w.view.std else "*S2")
    w.add(f"{w.me('*B H W')}, other: {other}, {method}", w.view.tensor("*B OH OW"))
    w.add(f"{w.me('*B H W')}, other: tuple[int, int], {method}", w.view.tensor("*B Any Any"))
