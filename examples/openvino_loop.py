"""Label an image with OpenVINO alone: no Retint, no torch.

retint export street --format openvino --out street/
python examples/openvino_loop.py street/ photograph.jpg labels.png 8
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openvino

from loop import asked, description, labels, prepared, read, refined, write

KINDS = (".xml", ".onnx")  # it reads ONNX's graphs too


def graphs(folder: Path, model: dict) -> list:
    """The context, the first step and a further step, as functions on arrays."""
    core = openvino.Core()

    def graph(file: str):
        with ThreadPoolExecutor(1) as another:  # on the main thread, Ctrl-C would crash later
            wanted = folder / file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
            compiled = another.submit(core.compile_model, *wanted).result()
        return lambda *arrays: compiled(arrays)[0]

    return [graph(model["graphs"][part]) for part in ("context", "first", "step")]


def main(folder: Path, image: Path, out: Path, steps: int) -> None:
    model = description(folder, *KINDS)
    pixels = read(image, model["channels"])
    estimate = refined(*graphs(folder, model), prepared(pixels, model), steps)
    write(out, labels(estimate, pixels.shape[: len(model["axes"])], model), model)


if __name__ == "__main__":
    main(*asked())
    print(sys.argv[3])
