"""Trained models for elsewhere: an ONNX file, a folder for a model hub with its card."""
