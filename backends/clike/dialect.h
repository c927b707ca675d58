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
#define DEVFN static inline
#define KERNEL __kernel
#define GROUP(x, y, z) __attribute__((reqd_work_group_size(x, y, z)))
#define GLOBAL __global
#define RESTRICT restrict
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

#define FLOAT_FUNCTIONS(T) \
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
  DEVFN b1 M_ISNAN_##T(T x) { return x != x; } \
  DEVFN b1 M_ISFINITE_##T(T x) { return x - x == (T)0; } \
  DEVFN T M_MOD_##T(T a, T b) { /* the sign of b, as Python */ \
    const T r = fmod(a, b); \
    return r == (T)0 ? copysign((T)0, b) : (r < (T)0) != (b < (T)0) ? r + b : r; \
  } \
  DEVFN T M_FLOORDIV_##T(T a, T b) { /* as NumPy: exact, where floor(a / b) is not */ \
    const T r = fmod(a, b), q = (a - r) / b; \
    const T d = r != (T)0 && (r < (T)0) != (b < (T)0) ? q - (T)1 : q, f = floor(d); \
    return b == (T)0 ? a / b : d == (T)0 ? copysign((T)0, a / b) : d - f > (T)0.5f ? f + (T)1 : f; \
  }
#define DEVICE_MATH(T) \
  DEVFN T M_EXP_##T(T x) { return exp(x); } \
  DEVFN T M_EXPM1_##T(T x) { return expm1(x); } \
  DEVFN T M_LOG_##T(T x) { return log(x); } \
  DEVFN T M_LOG1P_##T(T x) { return log1p(x); } \
  DEVFN T M_TANH_##T(T x) { return tanh(x); } \
  DEVFN T M_ERF_##T(T x) { return erf(x); }

FLOAT_FUNCTIONS(f32)
#ifndef OWN_MATH
DEVICE_MATH(f32)
#endif
#ifdef HAVE_F64
#define M_INF_f64 AS_F64(0x7ff0000000000000ul)
#define M_NAN_f64 AS_F64(0x7ff8000000000000ul)
FLOAT_FUNCTIONS(f64)
DEVICE_MATH(f64)
DEVFN f32 to_odd_f32(f64 x) { /* to an odd last bit where it is inexact, so that a second rounding is right */
  const f32 y = (f32)x;
  const u32 b = AS_U32(y);
  if ((f64)y == x || x != x || (b & 0x7f800000u) == 0x7f800000u || (b & 1u)) return y;
  return AS_F32(((f64)fabs(y) < fabs(x)) ? b + 1u : b - 1u);
}
#endif

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
