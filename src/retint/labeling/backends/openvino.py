"""OpenVINO as a backend."""

from __future__ import annotations

from ...export.extras import package
from ...export.folder import read_openvino
from .graphs import Function, Graphs


class OpenVino(Graphs):
    """The graphs in OpenVINO, on the processor, in float32 whatever the processor could do faster."""

    def loaded(self, onnx: bytes) -> Function:
        """The function of a graph."""
        core = package("openvino", "openvino").Core()
        options = {"INFERENCE_NUM_THREADS": self.threads, "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(read_openvino(onnx), "CPU", options)
        return lambda *arrays: compiled(list(arrays))[0]
