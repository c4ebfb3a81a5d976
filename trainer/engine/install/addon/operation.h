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

namespace stillhouse {

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

  // Null after an error.
  float* Output(int index, const std::vector<int64_t>& shape) {
    if (!ok()) return nullptr;
    int64_t size = sizeof(float);
    for (int64_t dimension : shape) size *= dimension;
    TF_Tensor* tensor = TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), shape.size(), size, status_);
    if (!ok()) return nullptr;
    held_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

  // Of the shape of another tensor but for its last dimension, where one is given. Null after an error.
  float* Output(int index, const TF_Tensor* like, int64_t last = -1) {
    if (!ok()) return nullptr;
    std::vector<int64_t> shape;
    for (int d = 0; d < TF_NumDims(like); d++) shape.push_back(TF_Dim(like, d));
    if (last >= 0) shape.back() = last;
    return Output(index, shape);
  }

  // The memory of an input as an output.
  void GiveBack(int index, const TF_Tensor* input) {
    if (ok()) TF_SetOutput(context_, index, input, status_);
  }

 private:
  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> held_;
};

inline int64_t Count(const TF_Tensor* tensor) { return TF_TensorElementCount(tensor); }
inline const float* Values(const TF_Tensor* tensor) { return static_cast<const float*>(TF_TensorData(tensor)); }
inline const int32_t* Integers(const TF_Tensor* tensor) { return static_cast<const int32_t*>(TF_TensorData(tensor)); }

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

// Registers an operation when the addon is loaded. Where that fails it is missing, and the engine does without.
struct Register {
  using Compute = void (*)(void*, TF_OpKernelContext*);

  Register(const char* name, std::initializer_list<const char*> inputs, std::initializer_list<const char*> outputs,
           Compute compute)
      : Register(name, {}, inputs, outputs, nullptr, compute, nullptr) {}

  // With attributes, which `create` reads; what it makes is the first argument of `compute` and freed by `destroy`.
  Register(const char* name, std::initializer_list<const char*> attributes, std::initializer_list<const char*> inputs,
           std::initializer_list<const char*> outputs, void* (*create)(TF_OpKernelConstruction*), Compute compute,
           void (*destroy)(void*)) {
    TF_Status* status = TF_NewStatus();
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
    for (const char* attribute : attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
    for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(definition, input);
    for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, &TF_ShapeInferenceContextSetUnknownShape);
    TF_RegisterOpDefinition(definition, status);
    if (TF_GetCode(status) == TF_OK)
      TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", create, compute, destroy), status);
    TF_DeleteStatus(status);
  }
};

}  // namespace stillhouse
