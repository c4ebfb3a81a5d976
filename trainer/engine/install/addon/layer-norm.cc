// The operations StillhouseLayerNorm and StillhouseLayerNormGradient: each row of [n, d] in one visit, where TensorFlow's
// operations make ten passes over memory forwards and eight backwards.
//
//     s = x + residual;  normal = (s - mean) r with r = 1 / sqrt(variance + epsilon);  y = gamma normal + beta
//     ds = r (g - mean(g) - normal mean(g normal)) with g = gamma dy
//
// Inputs x, residual (or nothing: no elements), gamma, beta [d], [epsilon]; outputs y, normal and r [n, 1]. The gradient takes dy,
// normal, r and gamma.
#include <cmath>

#include "lanes.h"
#include "operation.h"

namespace {
using namespace stillhouse;

FOR_EVERY_PROCESSOR void Forward(int64_t from, int64_t to, int64_t d, const float* x, const float* residual,
                                 const float* gamma, const float* beta, float epsilon, float* y, float* normal,
                                 float* inverse) {
  const int64_t whole = d - d % kLanes;
  for (int64_t row = from; row < to; row++) {
    const float* xs = x + row * d;
    const float* rs = residual == nullptr ? nullptr : residual + row * d;
    float* ns = normal + row * d;  // holds s first
    float* ys = y + row * d;
    Lanes sums = {};
    float sum = 0;
    for (int64_t i = 0; i < whole; i += kLanes) {
      const Lanes s = rs == nullptr ? Load(xs + i) : Load(xs + i) + Load(rs + i);
      Store(ns + i, s);
      sums += s;
    }
    for (int64_t i = whole; i < d; i++) sum += ns[i] = rs == nullptr ? xs[i] : xs[i] + rs[i];
    const float mean = (Sum(sums) + sum) / d;
    Lanes squares = {};
    float square = 0;
    for (int64_t i = 0; i < whole; i += kLanes) squares += (Load(ns + i) - mean) * (Load(ns + i) - mean);
    for (int64_t i = whole; i < d; i++) square += (ns[i] - mean) * (ns[i] - mean);
    const float r = 1 / std::sqrt((Sum(squares) + square) / d + epsilon);
    for (int64_t i = 0; i < whole; i += kLanes) {
      const Lanes n = (Load(ns + i) - mean) * r;
      Store(ns + i, n);
      Store(ys + i, n * Load(gamma + i) + Load(beta + i));
    }
    for (int64_t i = whole; i < d; i++) {
      ns[i] = (ns[i] - mean) * r;
      ys[i] = ns[i] * gamma[i] + beta[i];
    }
    inverse[row] = r;
  }
}

FOR_EVERY_PROCESSOR void Gradient(int64_t from, int64_t to, int64_t d, const float* dy, const float* normal,
                                  const float* inverse, const float* gamma, float* ds) {
  const int64_t whole = d - d % kLanes;
  for (int64_t row = from; row < to; row++) {
    const float* dys = dy + row * d;
    const float* ns = normal + row * d;
    float* out = ds + row * d;
    Lanes sums = {}, alongs = {};
    float sum = 0, along = 0;
    for (int64_t i = 0; i < whole; i += kLanes) {
      const Lanes g = Load(dys + i) * Load(gamma + i);
      sums += g;
      alongs += g * Load(ns + i);
    }
    for (int64_t i = whole; i < d; i++) {
      const float g = dys[i] * gamma[i];
      sum += g;
      along += g * ns[i];
    }
    const float mean = (Sum(sums) + sum) / d;
    const float slope = (Sum(alongs) + along) / d;
    for (int64_t i = 0; i < whole; i += kLanes)
      Store(out + i, (Load(dys + i) * Load(gamma + i) - mean - Load(ns + i) * slope) * inverse[row]);
    for (int64_t i = whole; i < d; i++) out[i] = (dys[i] * gamma[i] - mean - ns[i] * slope) * inverse[row];
  }
}

constexpr int64_t kLeastRows = 64;

void ComputeForward(void*, TF_OpKernelContext* context) {
  Call call(context);
  const TF_Tensor* in[5];
  for (int i = 0; i < 5; i++) in[i] = call.Input(i);
  if (!call.ok()) return;
  const auto [x, residual, gamma, beta, epsilon] = in;
  const int64_t d = Count(gamma);
  call.Expect(d > 0 && Count(x) % d == 0 && Count(beta) == d, "rows, gamma and beta of unequal size");
  call.Expect(Count(residual) == 0 || Count(residual) == Count(x), "x and residual of unequal size");
  float* y = call.Output(0, x);
  float* normal = call.Output(1, x);
  float* inverse = call.Output(2, x, 1);
  if (!call.ok()) return;
  const float* added = Count(residual) == 0 ? nullptr : Values(residual);
  InParts(Count(x) / d, kLeastRows, [&, x = x, gamma = gamma, beta = beta, epsilon = epsilon](int64_t from, int64_t to) {
    Forward(from, to, d, Values(x), added, Values(gamma), Values(beta), *Values(epsilon), y, normal, inverse);
  });
}

void ComputeGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  const TF_Tensor* in[4];
  for (int i = 0; i < 4; i++) in[i] = call.Input(i);
  if (!call.ok()) return;
  const int64_t d = Count(in[3]);
  call.Expect(d > 0 && Count(in[0]) % d == 0 && Count(in[1]) == Count(in[0]), "rows and gamma of unequal size");
  call.Expect(d > 0 && Count(in[2]) == Count(in[0]) / d, "as many rows as deviations were expected");
  float* ds = call.Output(0, in[0]);
  if (!call.ok()) return;
  InParts(Count(in[0]) / d, kLeastRows, [&](int64_t from, int64_t to) {
    Gradient(from, to, d, Values(in[0]), Values(in[1]), Values(in[2]), Values(in[3]), ds);
  });
}

const Register forward("StillhouseLayerNorm",
                       {"x: float", "residual: float", "gamma: float", "beta: float", "epsilon: float"},
                       {"y: float", "normal: float", "inverse_deviation: float"}, &ComputeForward);
const Register gradient("StillhouseLayerNormGradient",
                        {"dy: float", "normal: float", "inverse_deviation: float", "gamma: float"}, {"ds: float"},
                        &ComputeGradient);
}  // namespace
