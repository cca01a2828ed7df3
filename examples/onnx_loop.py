"""Label an image with ONNX Runtime alone: no Retint, no torch.

retint export street --format onnx --out street/
python examples/onnx_loop.py street/ photograph.jpg labels.png 8
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnxruntime

from loop import asked, description, labels, prepared, read, refined, write

KINDS = (".onnx",)


def graphs(folder: Path, model: dict) -> list:
    """The context, the first step and a further step, as functions on arrays."""

    def graph(file: str):
        session = onnxruntime.InferenceSession(folder / file, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]
        return lambda *arrays: session.run(None, dict(zip(names, arrays)))[0]

    return [graph(model["graphs"][part]) for part in ("context", "first", "step")]


def main(folder: Path, image: Path, out: Path, steps: int) -> None:
    model = description(folder, *KINDS)
    pixels = read(image, model["channels"])
    estimate = refined(*graphs(folder, model), prepared(pixels, model), steps)
    write(out, labels(estimate, pixels.shape[: len(model["axes"])], model), model)


if __name__ == "__main__":
    main(*asked())
    print(sys.argv[3])
