"""ONNX Runtime as a backend."""

from __future__ import annotations

from ...extras import need
from .graphs import Function, Graphs


class OnnxRuntime(Graphs):
    """The graphs in ONNX Runtime, on the processor."""

    def loaded(self, onnx: bytes) -> Function:
        """The function of a graph."""
        runtime = need("onnxruntime", "onnx", "onnxruntime: found a model to run")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3  # errors alone
        session = runtime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]
        return lambda *arrays: session.run(None, dict(zip(names, arrays, strict=True)))[0]
