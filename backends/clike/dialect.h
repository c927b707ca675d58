/* The C dialect that OpenCL C 1.2 and CUDA C++17 share. A kernel is written against these names and nothing else.
 *
 *  - Types are f32 f64 i8 .. i64 u8 .. u64, and b1 for a condition in a register. f16 and bf16 are stored as u16, bool as u8;
 *    LOAD_<dtype>(p, i) and STORE_<dtype>(p, i, v) convert, so that narrow floats compute in f32 and round once.
 *  - Indices are i64: an int index defeats the vectoriser of CPU runtimes.
 *  - M_<FUNCTION>_<type>: the functions of the expression language. Arguments are names or literals (some are read twice).
 *  - Numbers that belong to a layout (offsets, sizes, strides) come in one struct by value, DIMS(n), as d.v[k].
 *  - Local arrays only at kernel scope; barriers only in uniform control flow; no templates, overloads or references.
 *  - No contraction of a * b + c behind our back: random draws must be the same bits everywhere. M_FMA asks for it. */

#if defined(__OPENCL_VERSION__) || defined(__OPENCL_C_VERSION__)
#pragma OPENCL FP_CONTRACT OFF
#define DEVFN static inline __attribute__((always_inline))
#define KERNEL __kernel
#define GROUP(x, y, z) __attribute__((reqd_work_group_size(x, y, z)))
#define GLOBAL __global
#ifndef RESTRICT
#define RESTRICT restrict
#endif
#define LOCAL_ARRAY(T, name, n) __local T name[n]
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#define UNROLL __attribute__((opencl_unroll_hint))
typedef char i8;
typedef short i16;
typedef int i32;
typedef long i64;
typedef uchar u8;
typedef ushort u16;
typedef uint u32;
typedef ulong u64;
typedef float f32;
#define LID(d) ((i64)get_local_id(d))
#define BID(d) ((i64)get_group_id(d))
#define GID(d) ((i64)get_global_id(d))
#define AS_F32(x) as_float(x)
#define AS_U32(x) as_uint(x)
#define MULHI(a, b) mul_hi(a, b)
#define LOAD_f16(p, i) vload_half(i, (GLOBAL const half *)(p))
#define STORE_f16(p, i, x) vstore_half_rte(x, i, (GLOBAL half *)(p))
#ifdef HAVE_F64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double f64;
#define AS_F64(x) as_double(x)
#define AS_U64(x) as_ulong(x)
#endif
#elif defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define DEVFN static __device__ __forceinline__
#define KERNEL extern "C" __global__
#define GROUP(x, y, z) __launch_bounds__((x) * (y) * (z))
#define GLOBAL
#define RESTRICT __restrict__
#define LOCAL_ARRAY(T, name, n) __shared__ T name[n]
#define BARRIER() __syncthreads()
#define UNROLL _Pragma("unroll")
#define HAVE_F64 1
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64; /* long has 32 bits on Windows */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;
DEVFN i64 dialect_lid(int d) { return d == 0 ? threadIdx.x : d == 1 ? threadIdx.y : threadIdx.z; }
DEVFN i64 dialect_bid(int d) { return d == 0 ? blockIdx.x : d == 1 ? blockIdx.y : blockIdx.z; }
DEVFN i64 dialect_size(int d) { return d == 0 ? blockDim.x : d == 1 ? blockDim.y : blockDim.z; }
#define LID(d) dialect_lid(d)
#define BID(d) dialect_bid(d)
#define GID(d) (dialect_bid(d) * dialect_size(d) + dialect_lid(d))
#define AS_F32(x) __uint_as_float(x)
#define AS_U32(x) __float_as_uint(x)
#define AS_F64(x) __longlong_as_double((long long)(x))
#define AS_U64(x) ((u64)__double_as_longlong(x))
#define MULHI(a, b) __umulhi(a, b)
DEVFN f32 dialect_load_f16(const u16 *p, i64 i) {
  f32 x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(p[i]));
  return x;
}
DEVFN void dialect_store_f16(u16 *p, i64 i, f32 x) {
  u16 h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
  p[i] = h;
}
#define LOAD_f16(p, i) dialect_load_f16(p, i)
#define STORE_f16(p, i, x) dialect_store_f16(p, i, x)
#else
#error "neither OpenCL C nor CUDA"
#endif

typedef i32 b1;
#define DIMS(n) struct dims { i64 v[n]; }
#define DIVIDE(i, m, s) ((i64)(((u64)(u32)(i) * (u64)(u32)(m)) >> (s))) /* by a number whose (m, s) the host has found; i < 2^31 */

/* ----- storage */

#define LOAD_f32(p, i) ((p)[i])
#define LOAD_f64(p, i) ((p)[i])
#define LOAD_i8(p, i) ((p)[i])
#define LOAD_i16(p, i) ((p)[i])
#define LOAD_i32(p, i) ((p)[i])
#define LOAD_i64(p, i) ((p)[i])
#define LOAD_u8(p, i) ((p)[i])
#define LOAD_u16(p, i) ((p)[i])
#define LOAD_u32(p, i) ((p)[i])
#define LOAD_u64(p, i) ((p)[i])
#define LOAD_bool(p, i) ((b1)((p)[i] != 0))
#define LOAD_bf16(p, i) AS_F32((u32)(p)[i] << 16)
#define STORE_f32(p, i, x) ((p)[i] = (x))
#define STORE_f64(p, i, x) ((p)[i] = (x))
#define STORE_i8(p, i, x) ((p)[i] = (x))
#define STORE_i16(p, i, x) ((p)[i] = (x))
#define STORE_i32(p, i, x) ((p)[i] = (x))
#define STORE_i64(p, i, x) ((p)[i] = (x))
#define STORE_u8(p, i, x) ((p)[i] = (x))
#define STORE_u16(p, i, x) ((p)[i] = (x))
#define STORE_u32(p, i, x) ((p)[i] = (x))
#define STORE_u64(p, i, x) ((p)[i] = (x))
#define STORE_bool(p, i, x) ((p)[i] = (u8)((x) != 0))
#define STORE_bf16(p, i, x) ((p)[i] = round_bf16(x))

DEVFN u16 round_bf16(f32 x) { /* to nearest, ties to even; NaN stays NaN */
  const u32 b = AS_U32(x);
  return (u16)(x != x ? (b >> 16) | 0x40u : (b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
}

/* ----- floats */

#define M_INF_f32 AS_F32(0x7f800000u)
#define M_NAN_f32 AS_F32(0x7fc00000u)
#define M_FMA(a, b, c) fma(a, b, c)

#define FLOAT_FUNCTIONS(T, B) \
  DEVFN T M_ABS_##T(T x) { return fabs(x); } \
  DEVFN T M_SQRT_##T(T x) { return sqrt(x); } \
  DEVFN T M_POW_##T(T x, T y) { return pow(x, y); } \
  DEVFN T M_SIN_##T(T x) { return sin(x); } \
  DEVFN T M_COS_##T(T x) { return cos(x); } \
  DEVFN T M_TAN_##T(T x) { return tan(x); } \
  DEVFN T M_FLOOR_##T(T x) { return floor(x); } \
  DEVFN T M_CEIL_##T(T x) { return ceil(x); } \
  DEVFN T M_RINT_##T(T x) { return rint(x); } \
  DEVFN T M_TRUNC_##T(T x) { return trunc(x); } \
  DEVFN T M_SIGN_##T(T x) { return x > (T)0 ? (T)1 : x < (T)0 ? (T)-1 : x; } \
  DEVFN T M_MAX_##T(T a, T b) { return a != a || a > b ? a : b; } \
  DEVFN T M_MIN_##T(T a, T b) { return a != a || a < b ? a : b; } \
  DEVFN B M_ISNAN_##T(T x) { return x != x; } \
  DEVFN B M_ISFINITE_##T(T x) { return x - x == (T)0; } \
  DEVFN T M_MOD_##T(T a, T b) { /* the sign of b, as Python */ \
    const T r = fmod(a, b); \
    return r == (T)0 ? copysign((T)0, b) : (r < (T)0) != (b < (T)0) ? r + b : r; \
  } \
  DEVFN T M_FLOORDIV_##T(T a, T b) { /* as NumPy: exact, where floor(a / b) is not */ \
    const T r = fmod(a, b), q = (a - r) / b; \
    const T d = r != (T)0 && (r < (T)0) != (b < (T)0) ? q - (T)1 : q, f = floor(d); \
    return b == (T)0 ? a / b : d == (T)0 ? copysign((T)0, a / b) : d - f > (T)0.5f ? f + (T)1 : f; \
  }
#define DEVICE_EXP(T) \
  DEVFN T M_EXP_##T(T x) { return exp(x); }
#define DEVICE_MATH(T) \
  DEVFN T M_EXPM1_##T(T x) { return expm1(x); } \
  DEVFN T M_LOG_##T(T x) { return log(x); } \
  DEVFN T M_LOG1P_##T(T x) { return log1p(x); } \
  DEVFN T M_TANH_##T(T x) { return tanh(x); } \
  DEVFN T M_ERF_##T(T x) { return erf(x); }

FLOAT_FUNCTIONS(f32, b1)
#ifndef OWN_MATH
DEVICE_EXP(f32)
DEVICE_MATH(f32)
#define VECTOR_EXP(W) DEVICE_EXP(f32v)
#else
/* Functions of f32 without branches or calls, which any compiler vectorises; faster than Intel's and PoCL's own; within 2 ulp (erf 6).
 * Sources: Cephes expf, logf, tanhf (S. L. Moshier); erf: the rational approximation of XLA. */
#ifdef SLOW_FMA
#define OWN_FMA(a, b, c) ((a) * (b) + (c))
#else
#define OWN_FMA(a, b, c) fma(a, b, c)
#endif
#define OWN_EXP(T, INT, AS_INT, AS_FLOAT) /* of floats or of vectors of them */ \
  DEVFN T own_exp_tail_##T(T r) { /* e^r - 1 for |r| <= ln 2 / 2 */ \
    const T p = OWN_FMA(OWN_FMA((T)(1.9875691500e-4f), r, (T)(1.3981999507e-3f)), r, (T)(8.3334519073e-3f)); \
    const T q = OWN_FMA(OWN_FMA(OWN_FMA(p, r, (T)(4.1665795894e-2f)), r, (T)(1.6666665459e-1f)), r, (T)(5.0000001201e-1f)); \
    return OWN_FMA(q, r * r, r); \
  } \
  DEVFN T own_exp_rest_##T(T x, T n) { return OWN_FMA(n, (T)(2.12194440e-4f), OWN_FMA(n, (T)(-0.693359375f), x)); } \
  DEVFN T M_EXP_##T(T x) { /* NaN goes through the limits, which are met from their side */ \
    const T low = x < (T)(-104.0f) ? (T)(-104.0f) : x, held = low > (T)(89.0f) ? (T)(89.0f) : low; \
    const T shifted = OWN_FMA(held, (T)(1.44269504088896341f), (T)(12582912.0f)); /* rounds: its last bits are the whole number */ \
    const INT i = AS_INT(shifted) - 0x4b400000, half_ = i >> 1; \
    const T y = own_exp_tail_##T(own_exp_rest_##T(held, shifted - (T)(12582912.0f))) + (T)(1.0f); \
    return y * AS_FLOAT((half_ + 127) << 23) * AS_FLOAT((i - half_ + 127) << 23); /* in two steps: subnormals */ \
  }
#define VECTOR_EXP(W) OWN_EXP(f32v, b1v, as_int##W, as_float##W)
OWN_EXP(f32, i32, as_int, as_float)
DEVFN f32 M_EXPM1_f32(f32 x) {
  const f32 low = x < -30.0f ? -30.0f : x, held = low > 80.0f ? 80.0f : low;
  const f32 shifted = OWN_FMA(held, 1.44269504088896341f, 12582912.0f);
  const f32 two = as_float((as_int(shifted) - 0x4b400000 + 127) << 23);
  const f32 y = OWN_FMA(own_exp_tail_f32(own_exp_rest_f32(held, shifted - 12582912.0f)), two, two - 1.0f);
  return x > 80.0f || x != x ? M_EXP_f32(x) : x == 0.0f ? x : y;
}
DEVFN f32 M_TANH_f32(f32 x) {
  const f32 a = fabs(x), z = x * x;
  f32 p = OWN_FMA(OWN_FMA(OWN_FMA(-5.70498872745e-3f, z, 2.06390887954e-2f), z, -5.37397155531e-2f), z, 1.33314422036e-1f);
  p = OWN_FMA(p, z, -3.33332819422e-1f);
  const f32 small = OWN_FMA(p * z, x, x), big = 1.0f - 2.0f / (M_EXP_f32(a + a) + 1.0f);
  return copysign(a < 0.625f ? small : big, x);
}
DEVFN f32 M_LOG_f32(f32 x) {
  const b1 tiny = x < 1.17549435e-38f;
  const u32 bits = AS_U32(tiny ? x * 8388608.0f : x);
  const f32 m = AS_F32((bits & 0x007fffffu) | 0x3f000000u);
  const b1 low = m < 0.707106781186547524f;
  const f32 e = (f32)((i32)(bits >> 23) - 126) - (tiny ? 23.0f : 0.0f) - (low ? 1.0f : 0.0f);
  const f32 r = (m - 1.0f) + (low ? m : 0.0f), z = r * r;
  f32 p = OWN_FMA(OWN_FMA(OWN_FMA(7.0376836292e-2f, r, -1.1514610310e-1f), r, 1.1676998740e-1f), r, -1.2420140846e-1f);
  p = OWN_FMA(OWN_FMA(OWN_FMA(OWN_FMA(OWN_FMA(p, r, 1.4249322787e-1f), r, -1.6668057665e-1f), r, 2.0000714765e-1f), r, -2.4999993993e-1f), r, 3.3333331174e-1f);
  f32 y = OWN_FMA(e, -2.12194440e-4f, p * r * z);
  y = OWN_FMA(e, 0.693359375f, r + OWN_FMA(z, -0.5f, y));
  y = x == M_INF_f32 ? x : x == 0.0f ? -M_INF_f32 : y;
  return x < 0.0f ? M_NAN_f32 : x != x ? x : y;
}
DEVFN f32 M_LOG1P_f32(f32 x) { /* ln u, and what u = 1 + x has lost by rounding */
  const f32 u = 1.0f + x, lost = (x - (u - 1.0f)) / u;
  const f32 y = M_LOG_f32(u) + (u > 0.0f && u < M_INF_f32 ? lost : 0.0f);
  return x == 0.0f ? x : y;
}
DEVFN f32 M_ERF_f32(f32 x) {
  const f32 low = x > -3.832506856900711f ? x : -3.832506856900711f, a = low < 3.832506856900711f ? low : 3.832506856900711f, z = a * a;
  f32 p = OWN_FMA(OWN_FMA(2.2905065861350646e-4f, z, 3.4082910107109506e-3f), z, 5.0955695062380861e-2f);
  p = OWN_FMA(OWN_FMA(p, z, 1.8520832239976145e-1f), z, 1.128379143519084f);
  f32 q = OWN_FMA(OWN_FMA(OWN_FMA(-1.1791602954361697e-7f, z, 2.3547966471313185e-5f), z, 1.0179625278914885e-3f), z, 1.4070470171167667e-2f);
  q = OWN_FMA(OWN_FMA(OWN_FMA(q, z, 1.1098505178285362e-1f), z, 4.9746925110067538e-1f), z, 1.0f);
  const f32 y = a * p / q;
  return x != x ? x : y > 1.0f ? 1.0f : y < -1.0f ? -1.0f : y;
}
#endif
#ifdef HAVE_F64
#define M_INF_f64 AS_F64(0x7ff0000000000000ul)
#define M_NAN_f64 AS_F64(0x7ff8000000000000ul)
FLOAT_FUNCTIONS(f64, b1)
DEVICE_EXP(f64)
DEVICE_MATH(f64)
DEVFN f32 to_odd_f32(f64 x) { /* to an odd last bit where it is inexact, so that a second rounding is right */
  const f32 y = (f32)x;
  const u32 b = AS_U32(y);
  if ((f64)y == x || x != x || (b & 0x7f800000u) == 0x7f800000u || (b & 1u)) return y;
  return AS_F32(((f64)fabs(y) < fabs(x)) ? b + 1u : b - 1u);
}
#endif

/* vectors of f32 (OpenCL only): f32v, and b1v for conditions, whose true lanes have all bits set */
#define VECTOR_MATH(W) \
  typedef float##W f32v; \
  typedef int##W b1v; \
  FLOAT_FUNCTIONS(f32v, b1v) \
  VECTOR_EXP(W) \
  DEVICE_MATH(f32v)
#define M_NOT_b1v(x) (!(x))

/* ----- integers: everything wraps; a division by 0 gives 0, as NumPy */

#define INTEGER_FUNCTIONS(T, W) \
  DEVFN T M_MAX_##T(T a, T b) { return a > b ? a : b; } \
  DEVFN T M_MIN_##T(T a, T b) { return a < b ? a : b; } \
  DEVFN T M_NOT_##T(T x) { return (T)~x; } \
  DEVFN b1 M_ISNAN_##T(T x) { return 0; } \
  DEVFN b1 M_ISFINITE_##T(T x) { return 1; }
#define SIGNED_FUNCTIONS(T, W) \
  INTEGER_FUNCTIONS(T, W) \
  DEVFN T M_ABS_##T(T x) { return x < 0 ? (T)((W)0 - (W)x) : x; } \
  DEVFN T M_SIGN_##T(T x) { return (T)((x > 0) - (x < 0)); } \
  DEVFN T M_FLOORDIV_##T(T a, T b) { \
    if (b == 0) return 0; \
    if (b == (T)-1) return (T)((W)0 - (W)a); \
    return (T)(a / b - (a % b != 0 && (a < 0) != (b < 0))); \
  } \
  DEVFN T M_MOD_##T(T a, T b) { \
    if (b == 0 || b == (T)-1) return 0; \
    const T r = (T)(a % b); \
    return r != 0 && (r < 0) != (b < 0) ? (T)(r + b) : r; \
  }
#define UNSIGNED_FUNCTIONS(T, W) \
  INTEGER_FUNCTIONS(T, W) \
  DEVFN T M_ABS_##T(T x) { return x; } \
  DEVFN T M_SIGN_##T(T x) { return (T)(x > 0); } \
  DEVFN T M_FLOORDIV_##T(T a, T b) { return (T)(b == 0 ? 0 : a / b); } \
  DEVFN T M_MOD_##T(T a, T b) { return (T)(b == 0 ? 0 : a % b); }

SIGNED_FUNCTIONS(i8, u32)
SIGNED_FUNCTIONS(i16, u32)
SIGNED_FUNCTIONS(i32, u32)
SIGNED_FUNCTIONS(i64, u64)
UNSIGNED_FUNCTIONS(u8, u32)
UNSIGNED_FUNCTIONS(u16, u32)
UNSIGNED_FUNCTIONS(u32, u32)
UNSIGNED_FUNCTIONS(u64, u64)
#define M_NOT_b1(x) (!(x))
#define M_MAX_b1(a, b) ((a) | (b))
#define M_MIN_b1(a, b) ((a) & (b))

/* float to integer: truncates, saturates, NaN gives 0 */
#define M_SATURATE(T, x, from, to, low, high) ((x) != (x) ? (T)0 : (x) >= (to) ? (T)(high) : (x) < (from) ? (T)(low) : (T)(x))

/* ----- Philox4x32-10. Source: J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011) */

#define PHILOX_ROUND \
  { \
    const u32 h0 = MULHI(0xD2511F53u, c0), h1 = MULHI(0xCD9E8D57u, c2), l0 = 0xD2511F53u * c0, l1 = 0xCD9E8D57u * c2; \
    c0 = h1 ^ c1 ^ k0; \
    c1 = l1; \
    c2 = h0 ^ c3 ^ k1; \
    c3 = l0; \
    k0 += 0x9E3779B9u; \
    k1 += 0xBB67AE85u; \
  }
#define PHILOX_BLOCK(key, block) \
  u32 k0 = (u32)(key), k1 = (u32)((key) >> 32), c0 = (u32)(block), c1 = (u32)((block) >> 32), c2 = 0, c3 = 0; \
  PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND \
  PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND

DEVFN u32 philox_word(u64 key, u64 counter, i64 i) { /* word i mod 4 of block counter + i div 4 */
  const u64 block = counter + (u64)(i >> 2);
  PHILOX_BLOCK(key, block)
  return (i & 2) ? ((i & 1) ? c3 : c2) : ((i & 1) ? c1 : c0);
}
