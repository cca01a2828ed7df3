"""OpenVINO as a backend."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from ...export.folder import read_openvino
from ...extras import need
from .graphs import Function, Graphs


class OpenVino(Graphs):
    """The graphs in OpenVINO, on the processor, in float32 whatever the processor could do faster."""

    def loaded(self, onnx: bytes) -> Function:
        """The function of a graph."""
        core = need("openvino", "openvino", "openvino: found a model to run").Core()
        options = {"INFERENCE_NUM_THREADS": self.threads, "INFERENCE_PRECISION_HINT": "f32"}
        with ThreadPoolExecutor(1) as another:
            # compiling leaves the thread a stack for signals that is freed later; on the main thread, Ctrl-C would crash
            compiled = another.submit(core.compile_model, read_openvino(onnx), "CPU", options).result()
        one = Lock()  # a compiled model has one place for what it is given; what it gives is a copy

        def run(*arrays: Any) -> Any:
            with one:
                return compiled(list(arrays))[0]

        return run
