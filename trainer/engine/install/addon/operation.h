// What the addon's own operations share. They are registered through TensorFlow's C API for kernels, which is stable over
// versions, and run on the CPU alone.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <thread>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

// Compiled for several processors, of which the one at hand is picked when the addon is loaded.
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
// Becomes part of the loop that calls it, which the compiler then vectorises.
#define INLINE static inline __attribute__((always_inline))

namespace stillhouse {

// Sixteen floats at once: one register of AVX-512, two of AVX2. Sums are the same on every processor.
constexpr int kLanes = 16;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float))));

// One call of an operation: its inputs, its outputs and what is wrong with them. After an error the rest does nothing.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  Call(const Call&) = delete;
  ~Call() {
    if (!ok()) TF_OpKernelContext_Failure(context_, status_);
    for (TF_Tensor* tensor : held_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }

  bool ok() const { return TF_GetCode(status_) == TF_OK; }

  void Expect(bool holds, const char* message) {
    if (ok() && !holds) TF_SetStatus(status_, TF_INVALID_ARGUMENT, message);
  }

  // Null after an error.
  TF_Tensor* Input(int index) {
    TF_Tensor* tensor = nullptr;
    if (ok()) TF_GetInput(context_, index, &tensor, status_);
    if (tensor != nullptr) held_.push_back(tensor);
    return tensor;
  }

  // Of the shape of another tensor but for its last dimension, where one is given. Null after an error.
  float* Output(int index, const TF_Tensor* like, int64_t last = -1) {
    if (!ok()) return nullptr;
    std::vector<int64_t> shape;
    for (int d = 0; d < TF_NumDims(like); d++) shape.push_back(TF_Dim(like, d));
    if (last >= 0) shape.back() = last;
    int64_t size = sizeof(float);
    for (int64_t dimension : shape) size *= dimension;
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), shape.size(), size, status_);
    if (!ok()) return nullptr;
    held_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

 private:
  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> held_;
};

inline int64_t Count(const TF_Tensor* tensor) { return TF_TensorElementCount(tensor); }
inline const float* Values(const TF_Tensor* tensor) { return static_cast<const float*>(TF_TensorData(tensor)); }

// Runs work(from, to) over 0 .. n in as many threads as TensorFlow uses inside one operation, none with less than `least` to do.
template <typename Work>
void InParts(int64_t n, int64_t least, Work work) {
  static const int threads = [] {
    const char* given = std::getenv("TF_NUM_INTRAOP_THREADS");
    return given == nullptr ? 1 : std::atoi(given);
  }();
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(threads, n / least));
  std::vector<std::thread> others;
  for (int64_t part = 1; part < parts; part++)
    others.emplace_back(work, n * part / parts, n * (part + 1) / parts);
  work(0, n / parts);
  for (std::thread& other : others) other.join();
}

// Registers an operation of float tensors when the addon is loaded. Where that fails it is missing, and the engine does without.
struct Register {
  Register(const char* name, std::initializer_list<const char*> inputs, std::initializer_list<const char*> outputs,
           void (*compute)(void*, TF_OpKernelContext*)) {
    TF_Status* status = TF_NewStatus();
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
    for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(definition, input);
    for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, &TF_ShapeInferenceContextSetUnknownShape);
    TF_RegisterOpDefinition(definition, status);
    if (TF_GetCode(status) == TF_OK)
      TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", nullptr, compute, nullptr), status);
    TF_DeleteStatus(status);
  }
};

}  // namespace stillhouse
