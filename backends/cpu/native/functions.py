"""exp, log, tanh, erf, sin and their kin over vectors, in straight lines without tables.

Accuracies are tested against float64 (`tests/cpu/test_functions.py`). Sources: S. Moshier, Cephes (single precision exp, log,
sin, cos; tanh), FreeBSD msun (double precision exp, log), W. J. Cody (double precision erf).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .ir import Function, V, lanes, scalar_type, size_of, vec

__all__ = ["FUNCTIONS", "PLUS_ONE", "bitcast_float", "bitcast_int"]

_INT = {"float": ("i32", 23, 127, 12582912.0), "double": ("i64", 52, 1023, 6755399441055744.0)}


def bitcast_int(b: Function, x: V) -> V:
    """The bits of floats."""
    return b.convert("bitcast", x, vec(_INT[scalar_type(x.type)][0], lanes(x.type)))


def bitcast_float(b: Function, x: V) -> V:
    """Floats from their bits."""
    return b.convert("bitcast", x, vec({"i32": "float", "i64": "double"}[scalar_type(x.type)], lanes(x.type)))


def _poly(b: Function, x: V, coefficients: Sequence[float]) -> V:
    """Horner's rule, highest power first."""
    y = b.const(coefficients[0], x.type)
    for c in coefficients[1:]:
        y = b.fma(y, x, c)
    return y


def _above(b: Function, x: V, low: float) -> V:
    """max(x, low); NaN stays."""
    return b.select(b.const(low, x.type).cmp("ogt", x), b.const(low, x.type), x)


def _below(b: Function, x: V, high: float) -> V:
    return b.select(b.const(high, x.type).cmp("olt", x), b.const(high, x.type), x)


def _round(b: Function, x: V) -> tuple[V, V]:
    """(nearest integer as a float, as an int): by adding a number so large that no fraction fits beside it."""
    _, _, _, magic = _INT[scalar_type(x.type)]
    t = x + magic
    return t - magic, bitcast_int(b, t) - bitcast_int(b, b.const(magic, x.type))


def _power2(b: Function, i: V, type_: str) -> V:
    _, shift, bias, _ = _INT[scalar_type(type_)]
    return bitcast_float(b, (i + bias) << shift)


def _scale(b: Function, y: V, i: V) -> V:
    """y 2^i in two steps, so that subnormal results are right."""
    half = b.op("ashr", i, 1)
    return y * _power2(b, half, y.type) * _power2(b, i - half, y.type)


def _exp_parts(b: Function, x: V) -> tuple[V, V]:
    """(i, p) with e^x = 2^i (1 + p)."""
    n, i = _round_scaled(b, x)
    return i, _exp_poly(b, x, n)


def _exp_near(b: Function, x: V) -> V:
    """e^x for |x| up to 87: the exponent is added to the bits."""
    t = b.fma(x, 1.44269504088896341, 12582912.0)
    y = _exp_rest(b, x, t - 12582912.0)
    return bitcast_float(b, bitcast_int(b, y) + (bitcast_int(b, t) << 23))


def _rest(b: Function, x: V, n: V) -> V:
    """x - n ln 2, by two parts of ln 2."""
    return b.fma(n, 2.12194440e-4, b.fma(n, -0.693359375, x))


def _exp_rest(b: Function, x: V, n: V) -> V:
    """e^(x - n ln 2), fitted by Lawson's method to 2e-9 of its value."""
    p = (1.3843372e-3, 8.37439764e-3, 4.16680165e-2, 1.66664287e-1, 4.9999994e-1, 1.0, 1.0)
    return _poly(b, _rest(b, x, n), p)


def _exp_poly(b: Function, x: V, n: V) -> V:
    """e^(x - n ln 2) - 1."""
    r = _rest(b, x, n)
    p = _poly(
        b, r, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
    )
    return b.fma(p, r * r, r)


def _round_scaled(b: Function, x: V) -> tuple[V, V]:
    return _round(b, x * 1.44269504088896341)


def exp(b: Function, x: V) -> V:
    """Where no lane comes near overflow or underflow, the exponent is added to the bits; else all lanes scale in two steps."""
    if scalar_type(x.type) == "double":
        return _exp_double(b, x)

    def far() -> V:
        held = _below(b, _above(b, x, -104.0), 89.0)
        t = b.fma(held, 1.44269504088896341, 12582912.0)
        i = bitcast_int(b, t) - bitcast_int(b, b.const(12582912.0, x.type))
        return _scale(b, _exp_rest(b, held, t - 12582912.0), i)

    return b.either(_any_beyond(b, x, 87.0), far, lambda: _exp_near(b, x))  # type: ignore[no-any-return]


def _any_beyond(b: Function, x: V, limit: float) -> V:
    """Whether some |x| is greater, or NaN: as integers, since one comparison of the largest is enough there."""
    bits = bitcast_int(b, b.intrinsic("fabs", x))
    while lanes(bits.type) > 8:
        half = lanes(bits.type) // 2
        low, high = (b.shuffle(bits, bits, list(range(k, k + half))) for k in (0, half))
        bits = b.max(low, high)
    return any_lane(b, bits.cmp("sgt", bitcast_int(b, b.const(limit, vec(scalar_type(x.type), lanes(bits.type))))))


def any_lane(b: Function, cond: V) -> V:
    """Whether some lane holds."""
    n = lanes(cond.type)
    return b.convert("bitcast", cond, f"i{n}").cmp("ne", 0) if n > 1 else cond


def _exp_double(b: Function, x: V) -> V:
    x = _below(b, _above(b, x, -746.0), 710.0)
    n, i = _round_scaled(b, x)
    hi, lo = b.fma(n, -6.93147180369123816490e-01, x), n * 1.90821492927058770002e-10
    r = hi - lo
    t = r * r
    p = (4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05, -2.77777777770155933842e-03,
         1.66666666666666019037e-01)  # fmt: skip
    c = r - t * _poly(b, t, p)
    return _scale(b, 1.0 - ((lo - (r * c) / (2.0 - c)) - hi), i)


def expm1(b: Function, x: V) -> V:
    if scalar_type(x.type) == "double":
        return NotImplemented
    held = _below(b, _above(b, x, -30.0), 89.0)
    i, p = _exp_parts(b, held)
    half = _power2(b, i - 1, x.type)
    y = b.fma(half, p, half - 0.5) * 2.0
    return b.select(b.intrinsic("fabs", x).cmp("olt", 1e-8), x, y)


def _log_poly(b: Function, r: V) -> V:
    """ln(1 + r) - r + r^2 / 2 for r from sqrt(1/2) - 1 to sqrt(2) - 1."""
    z = r * r
    p = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
         2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
    return _poly(b, r, p) * r * z


def _split(b: Function, x: V) -> tuple[V, V]:
    """(e, r) with x = 2^e (1 + r), r from sqrt(1/2) - 1 to sqrt(2) - 1."""
    _, shift, bias, _ = _INT[scalar_type(x.type)]
    smallest = 2.0 ** (1 - bias)
    tiny = x.cmp("olt", smallest)
    bits = bitcast_int(b, b.select(tiny, x * 2.0**shift, x))
    mantissa = (bits & ((1 << shift) - 1)) | ((bias - 1) << shift)
    m = bitcast_float(b, mantissa)
    e = b.convert("sitofp", (bits >> shift) - (bias - 1), x.type)
    e = e - b.select(tiny, b.const(float(shift), x.type), b.const(0.0, x.type))
    low = m.cmp("olt", 0.707106781186547524)
    e = e - b.select(low, b.const(1.0, x.type), b.const(0.0, x.type))
    return e, (m - 1.0) + b.select(low, m, b.const(0.0, x.type))


def _log_edges(b: Function, x: V, y: V) -> V:
    y = b.select(x.cmp("oeq", float("inf")), x, y)
    y = b.select(x.cmp("oeq", 0.0), b.const(float("-inf"), x.type), y)
    return b.select(x.cmp("ult", 0.0), b.const(float("nan"), x.type), y)


def log(b: Function, x: V) -> V:
    e, r = _split(b, x)
    if scalar_type(x.type) == "double":
        return _log_edges(b, x, _log_double(b, e, r))
    y = b.fma(e, -2.12194440e-4, _log_poly(b, r))
    y = b.fma(r * r, -0.5, y)
    return _log_edges(b, x, b.fma(e, 0.693359375, r + y))


def _log_double(b: Function, e: V, f: V) -> V:
    half, s = f * f * 0.5, f / (f + 2.0)
    z = s * s
    p = (1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
         2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01)  # fmt: skip
    r = _poly(b, z, p) * z
    inner = b.fma(e, 1.90821492927058770002e-10, s * (half + r))
    return b.fma(e, 6.93147180369123816490e-01, f - (half - inner))


def log1p(b: Function, x: V) -> V:
    double = scalar_type(x.type) == "double"
    u = x + 1.0
    lost = (x - (u - 1.0)) / u  # what 1 + x rounded away
    lost = b.select(b.intrinsic("fabs", lost).cmp("olt", 1.0), lost, b.const(0.0, x.type))
    if double:
        return b.select(x.cmp("oeq", 0.0), x, log(b, u) + lost)
    near = b.intrinsic("fabs", x - 0.06).cmp("ole", 0.35)
    small = b.fma(x * x, -0.5, _log_poly(b, x)) + x
    return b.select(near, small, log(b, u) + lost)


def tanh(b: Function, x: V) -> V:
    """(e^2|x| - 1) / (e^2|x| + 1) with the sign of x, without cancellation: e^2|x| = 2^n (1 + p), p fitted by linear programming to 1.4e-8."""
    if scalar_type(x.type) == "double":
        return _tanh_double(b, x)
    a = _below(b, b.intrinsic("fabs", x), 9.1)  # NaN stays
    t = b.fma(a, 2 * 1.44269504088896341, 12582912.0)
    r = _rest(b, a + a, t - 12582912.0)
    p = b.fma(_poly(b, r, (0.0013882446, 0.00836689779, 0.0416672121, 0.166665408, 0.499999981)), r * r, r)
    power = _power2(b, bitcast_int(b, t) - bitcast_int(b, b.const(12582912.0, x.type)), x.type)
    e = b.fma(power, p, power - 1.0)
    return b.intrinsic("copysign", e / (e + 2.0), x)


def _tanh_double(b: Function, x: V) -> V:
    a, z = b.intrinsic("fabs", x), x * x
    p = _poly(b, z, (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3))
    q = _poly(b, z, (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3))
    small = b.fma(x * z, p / q, x)
    big = 1.0 - 2.0 / (_exp_double(b, _below(b, a + a, 50.0)) + 1.0)
    y = b.intrinsic("copysign", b.select(a.cmp("olt", 0.625), small, big), x)
    return b.select(x.cmp("uno", x), x, y)


def _erf_double(b: Function, x: V) -> V:
    a, z = b.intrinsic("fabs", x), x * x
    p = (
        1.85777706184603153e-1,
        3.16112374387056560e00,
        1.13864154151050156e02,
        3.77485237685302021e02,
        3.20937758913846947e03,
    )
    q = (1.0, 2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03, 2.84423683343917062e03)
    small = x * (_poly(b, z, p) / _poly(b, z, q))
    t = _below(b, _above(b, a, 0.46875), 6.0)
    far = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e01, 2.98635138197400131e02,
         8.81952221241769090e02, 1.71204761263407058e03, 2.05107837782607147e03, 1.23033935479799725e03)  # fmt: skip
    below = (1.0, 1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02, 1.62138957456669019e03,
         3.29079923573345963e03, 4.36261909014324716e03, 3.43936767414372164e03, 1.23033935480374942e03)  # fmt: skip
    tail = _exp_double(b, -(t * t)) * (_poly(b, t, far) / _poly(b, t, below))
    big = b.intrinsic("copysign", 1.0 - tail, x)
    return b.select(a.cmp("ogt", 0.46875), big, small)


def erf(b: Function, x: V) -> V:
    """x + x p(x^2) near 0; from 1.2 on 1 - q(|x|)^8, since erfc^(1/8) is smooth: no exponential, no division. Fitted by Lawson's method."""
    if scalar_type(x.type) == "double":
        return _erf_double(b, x)
    a = b.intrinsic("fabs", x)
    q = (1.69367617e-04, -2.67638173e-03, 1.38177508e-02, -1.33834593e-02, -5.89301810e-02, -1.46681726e-01, 1.00126517)
    f = _poly(b, _below(b, a, 4.0), q)
    f = f * f
    f = f * f
    big = b.intrinsic("copysign", b.fma(-f, f, 1.0), x)
    p = (
        6.52739327e-05,
        -7.56219204e-04,
        5.13127400e-03,
        -2.68201716e-02,
        1.12826854e-01,
        -3.76125365e-01,
        1.28379151e-01,
    )
    return b.select(a.cmp("ogt", 1.2), big, b.fma(_poly(b, x * x, p), x, x))  # NaN is not above: it passes below


def erf_plus_one(b: Function, x: V) -> V:
    """1 + erf(x) = 1 -+ (1 - q(|x|)^4), in fewer steps than erf, whose own results are nearer.

    q is fitted by linear programming, errors of erf weighed against min(erf, 0.15): within 1e-7 of 1, and 4e-7 of erf. q - 1 is
    computed, and from it q^2 - 1 and q^4 - 1, so that nothing cancels near 0.
    """
    t = _below(b, b.intrinsic("fabs", x), 4.0)
    s = t * _poly(b, t, (2.61098992e-06, -3.3942008e-05, 1.17447811e-04, 2.61502647e-04, -2.04306153e-03, -1.11951638e-03,
                         1.8569062e-02, 1.54780777e-02, -1.19367885e-01, -2.82094772e-01))  # fmt: skip
    m = b.fma(s, s, s + s)
    return b.intrinsic("copysign", b.fma(-m, m, -(m + m)), x) + 1.0


def _quadrant(b: Function, x: V) -> tuple[V, V]:
    """(r, k) with x = r + k pi/2, |r| <= pi/4, for |x| below 2^26: reduced in double precision."""
    n = lanes(x.type)
    wide = b.convert("fpext", x, vec("double", n))
    k, i = _round(b, wide * 0.63661977236758134308)
    r = b.fma(k, -6.123233995736766e-17, b.fma(k, -1.5707963267948966, wide))
    return b.convert("fptrunc", r, x.type), b.convert("trunc", i, vec("i32", n))


def _sine_cosine(b: Function, r: V) -> tuple[V, V]:
    z = r * r
    s = b.fma(_poly(b, z, (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)) * z, r, r)
    c = b.fma(
        _poly(b, z, (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)), z * z, b.fma(z, -0.5, 1.0)
    )
    return b.select(r.cmp("oeq", 0.0), r, s), c  # the sine of -0 is -0


def _quadrant_double(b: Function, x: V) -> tuple[V, V, V]:
    """(r, rest, k) with x = r + rest + k pi/2 for |x| below 2^20: pi/2 in parts of 33, 33 and 53 bits, so that k times the first two is exact."""
    k, i = _round(b, x * 6.36619772367581382433e-01)
    first = b.fma(k, -1.57079632673412561417e00, x)
    part = k * 6.07710050630396597660e-11
    second = first - part
    lost = _lost(b, first, second, part)
    part = k * 2.02226624879595063154e-21
    r = second - part
    return r, _lost(b, second, r, part) + lost, i


def _lost(b: Function, x: V, difference: V, y: V) -> V:
    """What rounding took from x - y. Source: Knuth, The Art of Computer Programming 2, 4.2.2."""
    back = difference - x
    return (x - (difference - back)) - (y + back)


def _sine_cosine_double(b: Function, r: V, rest: V) -> tuple[V, V]:
    """Source: FreeBSD msun, k_sin.c and k_cos.c."""
    z = r * r
    v = z * r
    p = _poly(b, z, (1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
                     -1.98412698298579493134e-04, 8.33333333332248946124e-03))  # fmt: skip
    s = r - (((rest * 0.5 - v * p) * z - rest) - v * -1.66666666666666324348e-01)
    q = _poly(b, z, (-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
                     2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02))  # fmt: skip
    half = z * 0.5
    w = 1.0 - half
    c = w + (((1.0 - w) - half) + (z * z * q - r * rest))
    return s, c


def _turned(b: Function, s: V, c: V, k: V) -> V:
    """The sine of r + k pi/2 from those of r."""
    y = b.select((k & 1).cmp("eq", 0), s, c)
    return bitcast_float(b, bitcast_int(b, y) ^ ((k & 2) << (size_of(y.type) * 8 - 2)))


def _circular(name: str, of: Callable[[Function, V, V, V], V]) -> Callable[[Function, V], V]:
    """A function of an angle, of (sine, cosine, quadrant): by vectors, but where |x| is huge by libm, lane for lane."""

    def near(b: Function, x: V) -> V:
        if scalar_type(x.type) == "double":
            r, rest, k = _quadrant_double(b, x)
            return of(b, *_sine_cosine_double(b, r, rest), k)
        r, k = _quadrant(b, x)
        return of(b, *_sine_cosine(b, r), k)

    def build(b: Function, x: V) -> V:
        n, one = lanes(x.type), scalar_type(x.type)
        b.declarations.add(f"declare double @{name}(double)")
        huge = b.intrinsic("fabs", x).cmp("uge", 1048576.0 if one == "double" else 67108864.0)

        def far() -> V:
            y = near(b, b.select(huge, b.const(0.0, x.type), x))
            for i in range(n):
                given = b.extract(x, i)
                wide = b.call(f"@{name}", "double", given if one == "double" else b.convert("fpext", given, "double"))
                exact = wide if one == "double" else b.convert("fptrunc", wide, "float")
                lane = b.select(b.extract(huge, i), exact, b.extract(y, i))
                y = lane if n == 1 else b.emit(f"insertelement {y}, {lane}, i64 {i}", x.type)
            return y

        return b.either(any_lane(b, huge), far, lambda: near(b, x))  # type: ignore[no-any-return]

    return build


def _cosine(b: Function, s: V, c: V, k: V) -> V:
    return _turned(b, s, c, k + 1)


def _tangent(b: Function, s: V, c: V, k: V) -> V:
    return _turned(b, s, c, k) / _turned(b, s, c, k + 1)


def pow_(b: Function, x: V, p: V) -> V:
    """By double precision for floats: |x|^p = e^(p ln |x|), then the sign and the exact cases of IEEE 754."""
    if scalar_type(x.type) == "double":
        return NotImplemented
    t, wide = x.type, vec("double", lanes(x.type))
    a = b.intrinsic("fabs", x)
    y = exp(b, log(b, b.convert("fpext", a, wide)) * b.convert("fpext", p, wide))
    y = b.convert("fptrunc", y, t)
    whole = b.intrinsic("trunc", p).cmp("oeq", p)
    half = p * 0.5
    odd = whole & b.intrinsic("trunc", half).cmp("one", half) & b.intrinsic("fabs", p).cmp("olt", 16777216.0)
    y = b.select(odd, b.intrinsic("copysign", y, x), y)
    below = x.cmp("olt", 0.0) & a.cmp("one", float("inf")) & whole.cmp("eq", 0)
    y = b.select(below, b.const(float("nan"), t), y)
    y = b.select(x.cmp("uno", p), x + p, y)
    minus_one = a.cmp("oeq", 1.0) & b.intrinsic("fabs", p).cmp("oeq", float("inf"))
    one = p.cmp("oeq", 0.0) | x.cmp("oeq", 1.0) | minus_one
    return b.select(one, b.const(1.0, t), y)


PLUS_ONE: dict[str, Callable[[Function, V], V]] = {"erf": erf_plus_one}  # of f32, added to 1

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": exp, "expm1": expm1, "log": log, "log1p": log1p, "tanh": tanh, "erf": erf, "pow": pow_,
    "sin": _circular("sin", _turned), "cos": _circular("cos", _cosine), "tan": _circular("tan", _tangent),
}  # fmt: skip
