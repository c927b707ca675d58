"""ONNX export: a model's forward pass, recorded launch by launch and written op by op."""
