"""Logits of a base model with a peft adapter on it, one sequence at a time, as transformers computes them, in float64."""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

given = json.load(sys.stdin)
torch.set_num_threads(1)
base = AutoModelForSequenceClassification.from_pretrained(given["base"], num_labels=given["classes"])
model = PeftModel.from_pretrained(base, given["adapter"]).eval().double()
with torch.no_grad():
    logits = [model(input_ids=torch.tensor([ids])).logits[0].tolist() for ids in given["sequences"]]
json.dump(logits, sys.stdout)
