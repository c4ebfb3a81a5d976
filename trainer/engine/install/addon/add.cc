// The operation StillhouseAddInPlace: adds y [d] to every row of x [n, d] where x lies, and gives x back. TensorFlow's AddV2 writes a
// tensor anew, since the handle that JavaScript holds keeps it from taking x's memory: for a matrix that does not fit the
// caches it takes twice as long.
#include "lanes.h"
#include "operation.h"

namespace {
using namespace stillhouse;

FOR_EVERY_PROCESSOR void Add(int64_t from, int64_t to, int64_t d, const float* __restrict y, float* __restrict x) {
  for (int64_t row = from; row < to; row++)
    for (int64_t i = 0; i < d; i++) x[row * d + i] += y[i];
}

constexpr int64_t kLeast = 1 << 17;

void Compute(void*, TF_OpKernelContext* context) {
  Call call(context);
  TF_Tensor* x = call.Input(0);
  const TF_Tensor* y = call.Input(1);
  call.Expect(call.ok() && Count(y) > 0 && Count(x) % Count(y) == 0, "rows of the size of y were expected");
  call.GiveBack(0, x);
  if (!call.ok()) return;
  const int64_t d = Count(y);
  float* values = static_cast<float*>(TF_TensorData(x));
  InParts(Count(x) / d, kLeast / d + 1, [&](int64_t from, int64_t to) { Add(from, to, d, Values(y), values); });
}

const Register on_load("StillhouseAddInPlace", {"x: float", "y: float"}, {"sum: float"}, &Compute);
}  // namespace
