// The operations StillhouseGelu and StillhouseGeluGradient: x Phi(x) and dy (Phi(x) + x phi(x)), each in one pass over
// memory, where TensorFlow's operations make five and seven.
//
// Phi, the normal distribution function, by erf; erf as Eigen's quotient of polynomials on [-4, 4], as in the
// portable engine's kernels.
#include "lanes.h"
#include "operation.h"

namespace {
using namespace stillhouse;

INLINE float Erf(float x) {
  x = x < -4.f ? -4.f : x;
  x = x > 4.f ? 4.f : x;
  const float z = x * x;
  float p = -2.72614225801306e-10f;
  p = p * z + 2.77068142495902e-8f;
  p = p * z + -2.10102402082508e-6f;
  p = p * z + -5.69250639462346e-5f;
  p = p * z + -7.3499063032685e-4f;
  p = p * z + -2.95459980854025e-3f;
  p = p * z + -1.60960333262415e-2f;
  float q = -1.45660718464996e-5f;
  q = q * z + -2.13374055278905e-4f;
  q = q * z + -1.68282697438203e-3f;
  q = q * z + -7.37332916720468e-3f;
  q = q * z + -1.42647390514189e-2f;
  return x * p / q;
}

INLINE float Phi(float x) { return 0.5f * Erf(x * 0.70710678f) + 0.5f; }

FOR_EVERY_PROCESSOR void Gelu(int64_t from, int64_t to, const float* __restrict x, float* __restrict y) {
  for (int64_t i = from; i < to; i++) y[i] = x[i] * Phi(x[i]);
}

FOR_EVERY_PROCESSOR void GeluGradient(int64_t from, int64_t to, const float* __restrict x, const float* __restrict dy,
                                      float* __restrict dx) {
  for (int64_t i = from; i < to; i++) {
    const float density = ExpOfNegative(x[i] * x[i] * -0.5f) * 0.39894228f;
    dx[i] = dy[i] * (Phi(x[i]) + x[i] * density);
  }
}

constexpr int64_t kLeast = 1 << 15;

void ComputeGelu(void*, TF_OpKernelContext* context) {
  Call call(context);
  const TF_Tensor* x = call.Input(0);
  float* y = call.Output(0, x);
  if (call.ok()) InParts(Count(x), kLeast, [&](int64_t from, int64_t to) { Gelu(from, to, Values(x), y); });
}

void ComputeGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  const TF_Tensor* x = call.Input(0);
  const TF_Tensor* dy = call.Input(1);
  call.Expect(call.ok() && Count(x) == Count(dy), "inputs of unequal size");
  float* dx = call.Output(0, x);
  if (!call.ok()) return;
  InParts(Count(x), kLeast, [&](int64_t from, int64_t to) { GeluGradient(from, to, Values(x), Values(dy), dx); });
}

const Register gelu("StillhouseGelu", {"x: float"}, {"y: float"}, &ComputeGelu);
const Register gradient("StillhouseGeluGradient", {"x: float", "dy: float"}, {"dx: float"}, &ComputeGradient);
}  // namespace
