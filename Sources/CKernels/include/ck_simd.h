#ifndef CK_SIMD_H
#define CK_SIMD_H

/// The instruction set that the kernels use: 0 portable, 1 AVX2 with FMA, 2 AVX-512. The default is
/// the best of this CPU. `ONNX_SIMD` fixes it when the package is built (see Package.swift), and
/// the environment variable `ONNX_SIMD_LEVEL` can select a lesser one, `portable` or `avx2`; it is
/// read once, when the first kernel runs.
int ck_simd_level(void);

/// Whether the kernels of 8-bit integers use the instructions that add four products at once: VNNI,
/// with vectors of the current level. They do not if `ONNX_SIMD_LEVEL` names a level, be it the best
/// (`avx512`).
int ck_simd_dots(void);

#endif
