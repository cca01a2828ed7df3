"""A model written for another runtime: its graphs and a description, all of them or none."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import RetintError
from ..extras import need
from ..modelfile import Card
from ..network import RecurrentNetwork
from ..wholefile import check_folder, whole_file
from .card import described
from .graphs import PARTS, graph

Format = Literal["onnx", "openvino"]
FORMATS: tuple[Format, ...] = get_args(Format)
DESCRIPTION = "model.json"


def export(
    network: RecurrentNetwork, card: Card, folder: str | Path, format: Format, name: str, overwrite: bool = False
) -> list[Path]:
    """Write the context, the first step and a further step as graphs, and `model.json` beside them.

    Args:
        network: folded, in float32, with padding `same`.
        card: of the model.
        folder: where; it is made if need be.
        format: `onnx` (context.onnx, first.onnx, step.onnx) or `openvino` (each an .xml and a .bin).
        name: of the model.
        overwrite: replace files that are there.

    Returns:
        The files, the description last.

    Raises:
        RetintError: the network has no such graphs, a package is missing, or the files are there or cannot be written.
    """
    if format not in FORMATS:
        raise RetintError(f"--format {format}: expected {' or '.join(FORMATS)}")
    folder = Path(folder)
    check_folder(folder)
    content: dict[str, bytes] = {}
    for part in PARTS:
        onnx = graph(network, part).SerializeToString()
        content |= {f"{part}.onnx": onnx} if format == "onnx" else _openvino(onnx, part)
    graphs = {part: next(file for file in content if file.startswith(f"{part}.")) for part in PARTS}
    content[DESCRIPTION] = (json.dumps(described(network, card, name, graphs), indent=1) + "\n").encode()
    files = [folder / file for file in content]
    if not overwrite and (there := [file for file in files if file.exists()]):
        raise RetintError(f"{there[0]}: exists already; --overwrite replaces it, or choose another --out")
    with ExitStack() as all_or_none:  # each appears when all have been written; the description first taken, last put
        parts = {file: all_or_none.enter_context(whole_file(file)) for file in reversed(files)}
        for file, part_file in parts.items():
            part_file.write_bytes(content[file.name])
    return files


def read_openvino(onnx: bytes) -> Any:
    """OpenVINO's model of an ONNX graph."""
    return need("openvino", "openvino", "openvino: found a model to export").Core().read_model(io.BytesIO(onnx))


def _openvino(onnx: bytes, part: str) -> dict[str, bytes]:
    """The two files of OpenVINO's own format."""
    openvino = need("openvino", "openvino", "openvino: found a model to export")
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(read_openvino(onnx), Path(folder) / f"{part}.xml", compress_to_fp16=False)
        return {f"{part}{end}": (Path(folder) / f"{part}{end}").read_bytes() for end in (".xml", ".bin")}
