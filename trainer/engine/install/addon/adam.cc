// The operation StillhouseAdam: one update of Adam or AdamW of one weight in one pass over memory.
//
// TensorFlow's own (ResourceApplyAdam) updates variables in place, so a pure update has to make three variables, have it
// copy what they share, and read them back: ten operations and twice the memory traffic. At the sizes of a student that
// is a third of its training step.
//
//     g <- g + decay theta;  m' = m + (g - m) (1 - b1);  s' = s + (g g - s) (1 - b2)
//     theta' = keep theta - rate m' / (sqrt(s') + epsilon)
//
// Inputs theta, g, m, s (of one shape) and the constants [1 - b1, 1 - b2, rate, epsilon, decay, keep]; outputs theta', m', s'.
#include <cmath>

#include "lanes.h"
#include "operation.h"

namespace {
using namespace stillhouse;

FOR_EVERY_PROCESSOR void Update(int64_t from, int64_t to, const float* __restrict theta, const float* __restrict gradient,
                                const float* __restrict mean, const float* __restrict square, const float* constants,
                                float* __restrict newTheta, float* __restrict newMean, float* __restrict newSquare) {
  const float b1 = constants[0], b2 = constants[1], rate = constants[2], epsilon = constants[3];
  const float decay = constants[4], keep = constants[5];
  for (int64_t i = from; i < to; i++) {
    const float g = gradient[i] + decay * theta[i];
    const float m = mean[i] + (g - mean[i]) * b1;
    const float s = square[i] + (g * g - square[i]) * b2;
    newMean[i] = m;
    newSquare[i] = s;
    newTheta[i] = keep * theta[i] - rate * m / (std::sqrt(s) + epsilon);
  }
}

void Compute(void*, TF_OpKernelContext* context) {
  Call call(context);
  const TF_Tensor* in[5];
  for (int i = 0; i < 5; i++) in[i] = call.Input(i);
  for (int i = 1; i < 4; i++) call.Expect(call.ok() && Count(in[i]) == Count(in[0]), "inputs of unequal size");
  call.Expect(call.ok() && Count(in[4]) == 6, "six constants were expected");
  float* out[3];
  for (int i = 0; i < 3; i++) out[i] = call.Output(i, in[0]);
  if (!call.ok()) return;
  InParts(Count(in[0]), 1 << 16, [&](int64_t from, int64_t to) {
    Update(from, to, Values(in[0]), Values(in[1]), Values(in[2]), Values(in[3]), Values(in[4]), out[0], out[1], out[2]);
  });
}

const Register on_load("StillhouseAdam",
                       {"theta: float", "gradient: float", "mean: float", "square: float", "constants: float"},
                       {"new_theta: float", "new_mean: float", "new_square: float"}, &Compute);
}  // namespace
