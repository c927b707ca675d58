"""Upscaling and its gradient, each pixel of the result by itself; shares are quotients of whole numbers."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...core.contract import Signature
from .array import Array
from .engine import Engine, Launch, Source
from .expr import load, store
from .types import register_type, storage_type

__all__ = ["register"]

GROUP = 64


def _place(axis: str, i: str, n: str, size: str, method: str, kind: str) -> str:
    """Declares {axis}0, {axis}1 (source rows of new row i) and {axis}q, {axis}p (their shares, each rounded once)."""
    if method == "nearest":
        return f"const i64 {axis}0 = {i} * {n} / {size};"
    return (
        f"const i64 {axis}s = {size} > 1 ? {size} - 1 : 1, {axis}u = {size} > 1 ? {i} * ({n} - 1) : 0, {axis}0 = {axis}u / {axis}s; "
        f"const i64 {axis}r = {axis}u - {axis}0 * {axis}s, {axis}1 = {axis}0 + 1 < {n} ? {axis}0 + 1 : {axis}0; "
        f"const {kind} {axis}p = ({kind}){axis}r / ({kind}){axis}s, {axis}q = ({kind})({axis}s - {axis}r) / ({kind}){axis}s;"
    )


@cache
def _forward(dtype: Any, method: str) -> Source:
    """Numbers: C H W OH OW, how many elements, x's strides (4)."""
    kind = register_type(dtype)
    at = lambda h, w: load(dtype, "x", f"at + {h} * d.v[10] + {w} * d.v[11]")  # noqa: E731
    if method == "nearest":
        value = f"const {kind} v = {at('h0', 'w0')};"
    else:
        value = f"""const {kind} left = M_FMA({at("h1", "w0")}, hp, {at("h0", "w0")} * hq);
    const {kind} right = M_FMA({at("h1", "w1")}, hp, {at("h0", "w1")} * hq);
    const {kind} v = M_FMA(right, wp, left * wq);"""
    text = f"""DIMS(12);
KERNEL GROUP({GROUP}, 1, 1) void upscale(GLOBAL const {storage_type(dtype)} * RESTRICT x, GLOBAL {storage_type(dtype)} * RESTRICT y, const struct dims d) {{
  const i64 i = GID(0), C = d.v[2], H = d.v[3], W = d.v[4], OH = d.v[5], OW = d.v[6];
  if (i < d.v[7]) {{
    const i64 r = i / OW, ow = i - r * OW, q = r / OH, oh = r - q * OH, n = q / C, c = q - n * C, at = d.v[0] + n * d.v[8] + c * d.v[9];
    {_place("h", "oh", "H", "OH", method, kind)}
    {_place("w", "ow", "W", "OW", method, kind)}
    {value}
    {store(dtype, "y", "d.v[1] + i", "v")}
  }}
}}"""
    return Source("upscale", text, (GROUP, 1, 1))


def _range(axis: str, at: str, n: str, size: str, method: str) -> str:
    """Declares {axis}from, {axis}to: the new rows that may have seen old row `at`."""
    if method == "nearest":
        return (
            f"const i64 {axis}from = ({at} * {size} + {n} - 1) / {n}, {axis}to = (({at} + 1) * {size} + {n} - 1) / {n};"
        )
    return (
        f"const i64 {axis}from = {n} > 1 && {at} > 0 ? (({at} - 1) * ({size} - 1) / ({n} - 1) - 1 > 0 ? ({at} - 1) * ({size} - 1) / ({n} - 1) - 1 : 0) : 0, "
        f"{axis}end = {n} > 1 ? ({at} + 1) * ({size} - 1) / ({n} - 1) + 3 : {size}, {axis}to = {axis}end < {size} ? {axis}end : {size};"
    )


@cache
def _backward(dtype: Any, method: str) -> Source:
    """Numbers: H W OH OW, how many elements; g is dense."""
    kind = register_type(dtype)
    g = load(dtype, "g", "d.v[0] + (q * OH + a) * OW + e")
    if method == "nearest":
        inner = f"sum = sum + {g};"
    else:
        inner = f"""{_place("h", "a", "H", "OH", method, kind)}
        {_place("w", "e", "W", "OW", method, kind)}
        const {kind} hs_ = (h0 == h ? hq : 0) + (h1 == h ? hp : 0), ws_ = (w0 == w ? wq : 0) + (w1 == w ? wp : 0);
        sum = sum + {g} * hs_ * ws_;"""
    text = f"""DIMS(7);
KERNEL GROUP({GROUP}, 1, 1) void upscale_backward(GLOBAL const {storage_type(dtype)} * RESTRICT g, GLOBAL {storage_type(dtype)} * RESTRICT y, const struct dims d) {{
  const i64 i = GID(0), H = d.v[2], W = d.v[3], OH = d.v[4], OW = d.v[5];
  if (i < d.v[6]) {{
    const i64 r = i / W, w = i - r * W, q = r / H, h = r - q * H;
    {_range("h", "h", "H", "OH", method)}
    {_range("w", "w", "W", "OW", method)}
    {kind} sum = 0;
    for (i64 a = hfrom; a < hto; a++)
      for (i64 e = wfrom; e < wto; e++) {{
        {inner}
      }}
    {store(dtype, "y", "d.v[1] + i", "sum")}
  }}
}}"""
    return Source("upscale_backward", text, (GROUP, 1, 1))


def register(registry: Any, engine: Engine) -> None:
    @registry.kernel("upscale2d", specialize=True)
    def upscale2d(sig: Signature, *, size: tuple[int, int], method: str) -> Any:
        x, out = sig.inputs[0], sig.outputs[0]
        numbers = (*x.shape[1:], *size, out.numel)
        calls: dict[Any, Any] = {}

        def run(a: Array) -> Array:
            call = calls.get(a.strides)
            if call is None:
                launch = Launch(_forward(x.dtype, method), (-(-out.numel // GROUP), 1, 1), (*numbers, *a.strides))
                call = calls[a.strides] = engine.prepare(launch)
            y = engine.empty(out.shape, out.dtype)
            call((a, y), ())
            return y

        return run

    @registry.kernel("upscale2d.backward", specialize=True)
    def upscale2d_backward(sig: Signature, *, size: tuple[int, int], method: str, needs: Any) -> Any:
        out = sig.outputs[0]
        numbers = (*out.shape[2:], *size, out.numel)
        call = engine.prepare(Launch(_backward(out.dtype, method), (-(-out.numel // GROUP), 1, 1), numbers))

        def run(g: Array) -> list[Array]:
            dx = engine.empty(out.shape, out.dtype)
            call((engine.copier.contiguous(g), dx), ())
            return [dx]

        return run
