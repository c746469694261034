#ifndef CK_SIMD_H
#define CK_SIMD_H

/// The instruction set that the kernels use: 0 portable, 1 AVX2 with FMA, 2 AVX-512. It is the best
/// that this CPU has, unless the build is for one of them (`ONNX_SIMD`, see Package.swift) or the
/// environment variable `ONNX_SIMD_LEVEL` names a lesser one, `portable` or `avx2`. The variable is
/// read once, when a kernel is first asked for.
int ck_simd_level(void);

#endif
