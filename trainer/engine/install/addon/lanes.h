// Loops over floats, in the widest registers of the processor at hand.
#pragma once
#include <xmmintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

// Compiled for several processors, of which the one at hand is picked when the addon is loaded.
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
// Becomes part of the loop that calls it, which the compiler then vectorises.
#define INLINE static inline __attribute__((always_inline))

namespace stillhouse {

// Sixteen floats at once: one register of AVX-512, two of AVX2.
constexpr int kLanes = 16;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float))));

INLINE Lanes Load(const float* from) { return *reinterpret_cast<const Lanes*>(from); }
INLINE void Store(float* to, Lanes value) { *reinterpret_cast<Lanes*>(to) = value; }
// Four sums of every fourth lane first, on every processor.
INLINE float Sum(Lanes lanes) {
  __m128 q[4];
  std::memcpy(q, &lanes, sizeof q);
  const __m128 sums = (q[0] + q[1]) + (q[2] + q[3]);
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}
INLINE float Top(Lanes lanes) {
  __m128 q[4];
  std::memcpy(q, &lanes, sizeof q);
  const __m128 tops = _mm_max_ps(_mm_max_ps(q[0], q[1]), _mm_max_ps(q[2], q[3]));
  return std::max(std::max(tops[0], tops[2]), std::max(tops[1], tops[3]));
}

// e^x for x <= 0 (Cephes' expf); below -87 e^-87, which is as good as 0.
INLINE float ExpOfNegative(float x) {
  x = x < -87.f ? -87.f : x;
  const float shifted = x * 1.44269504f + 12582912.f;  // 1.5 2^23: the last bits are now the rounded quotient
  const float n = shifted - 12582912.f;
  float r = x - n * 0.693359375f;  // ln 2 in two parts, so that n ln 2 loses nothing
  r = r - n * -2.1219444e-4f;
  float p = 1.98756915e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) * (1 << 23);
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

}  // namespace stillhouse
