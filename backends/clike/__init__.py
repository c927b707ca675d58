"""Kernel text in the C dialect that OpenCL and CUDA share."""
