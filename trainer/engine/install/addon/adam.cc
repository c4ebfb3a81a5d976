// The operation StillhouseAdam: one update of Adam or AdamW of one weight in one pass over memory.
//
// TensorFlow's own (ResourceApplyAdam) updates variables in place, so a pure update has to make three variables, have it
// copy what they share, and read them back: ten operations and twice the memory traffic. At the sizes of a student that
// is a third of its training step.
//
//     g <- g + decay theta;  m' = m + (g - m) (1 - b1);  s' = s + (g g - s) (1 - b2)
//     theta' = keep theta - rate m' / (sqrt(s') + epsilon)
//
// Inputs theta, g, m, s (float, of one shape) and the constants [1 - b1, 1 - b2, rate, epsilon, decay, keep]; outputs
// theta', m', s'. Registered through TensorFlow's C API for kernels, which is stable over versions. CPU alone.
#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace {

constexpr char kName[] = "StillhouseAdam";

// Compiled for several processors, of which the one at hand is picked when the addon is loaded.
__attribute__((target_clones("avx512f", "avx2", "default"))) void Update(
    int64_t n, const float* __restrict theta, const float* __restrict gradient, const float* __restrict mean,
    const float* __restrict square, const float* constants, float* __restrict newTheta, float* __restrict newMean,
    float* __restrict newSquare) {
  const float b1 = constants[0], b2 = constants[1], rate = constants[2], epsilon = constants[3];
  const float decay = constants[4], keep = constants[5];
  for (int64_t i = 0; i < n; i++) {
    const float g = gradient[i] + decay * theta[i];
    const float m = mean[i] + (g - mean[i]) * b1;
    const float s = square[i] + (g * g - square[i]) * b2;
    newMean[i] = m;
    newSquare[i] = s;
    newTheta[i] = keep * theta[i] - rate * m / (std::sqrt(s) + epsilon);
  }
}

void Compute(void*, TF_OpKernelContext* context) {
  TF_Status* status = TF_NewStatus();
  TF_Tensor* inputs[5] = {};
  TF_Tensor* outputs[3] = {};
  for (int i = 0; i < 5 && TF_GetCode(status) == TF_OK; i++) TF_GetInput(context, i, &inputs[i], status);
  const int64_t n = TF_GetCode(status) == TF_OK ? TF_TensorElementCount(inputs[0]) : 0;
  for (int i = 1; i < 4 && TF_GetCode(status) == TF_OK; i++)
    if (TF_TensorElementCount(inputs[i]) != n) TF_SetStatus(status, TF_INVALID_ARGUMENT, "inputs of unequal size");
  if (TF_GetCode(status) == TF_OK && TF_TensorElementCount(inputs[4]) != 6)
    TF_SetStatus(status, TF_INVALID_ARGUMENT, "six constants were expected");
  if (TF_GetCode(status) == TF_OK) {
    int64_t shape[16];
    const int rank = TF_NumDims(inputs[0]);
    for (int d = 0; d < rank; d++) shape[d] = TF_Dim(inputs[0], d);
    for (int i = 0; i < 3 && TF_GetCode(status) == TF_OK; i++)
      outputs[i] = TF_AllocateOutput(context, i, TF_FLOAT, shape, rank, n * sizeof(float), status);
  }
  if (TF_GetCode(status) == TF_OK) {
    const auto in = [&](int i) { return static_cast<const float*>(TF_TensorData(inputs[i])); };
    const auto out = [&](int i) { return static_cast<float*>(TF_TensorData(outputs[i])); };
    Update(n, in(0), in(1), in(2), in(3), in(4), out(0), out(1), out(2));
  } else {
    TF_OpKernelContext_Failure(context, status);
  }
  for (TF_Tensor* tensor : inputs) if (tensor != nullptr) TF_DeleteTensor(tensor);
  for (TF_Tensor* tensor : outputs) if (tensor != nullptr) TF_DeleteTensor(tensor);
  TF_DeleteStatus(status);
}

struct Register {
  Register() {
    TF_Status* status = TF_NewStatus();
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(kName);
    for (const char* input : {"theta: float", "gradient: float", "mean: float", "square: float", "constants: float"})
      TF_OpDefinitionBuilderAddInput(definition, input);
    for (const char* output : {"new_theta: float", "new_mean: float", "new_square: float"})
      TF_OpDefinitionBuilderAddOutput(definition, output);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, [](TF_ShapeInferenceContext* context, TF_Status* s) {
      TF_ShapeHandle* shape = TF_NewShapeHandle();
      TF_ShapeInferenceContextGetInput(context, 0, shape, s);
      for (int i = 0; i < 3 && TF_GetCode(s) == TF_OK; i++) TF_ShapeInferenceContextSetOutput(context, i, shape, s);
      TF_DeleteShapeHandle(shape);
    });
    TF_RegisterOpDefinition(definition, status);
    if (TF_GetCode(status) == TF_OK)
      TF_RegisterKernelBuilder(kName, TF_NewKernelBuilder(kName, "CPU", nullptr, &Compute, nullptr), status);
    // Where this fails the operation is missing, and the engine takes TensorFlow's own.
    TF_DeleteStatus(status);
  }
} on_load;

}  // namespace
