"""Logits of an ONNX model by onnxruntime, once it has passed ONNX's own checker."""
import json
import sys

import numpy as np
import onnx
import onnxruntime

given = json.load(sys.stdin)
onnx.checker.check_model(given["model"], full_check=True)
session = onnxruntime.InferenceSession(given["model"], providers=["CPUExecutionProvider"])
inputs = {"words": np.array(given["words"], dtype=np.int64), "lengths": np.array(given["lengths"], dtype=np.int32)}
(logits,) = session.run(["logits"], inputs)
json.dump(logits.tolist(), sys.stdout)
