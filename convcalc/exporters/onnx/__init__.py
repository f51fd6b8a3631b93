"""Graphs as ONNX models, by the ``onnx`` package."""
