"""ONNX files: what stands in them, and what it means in layers."""
