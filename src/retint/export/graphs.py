"""A network as ONNX graphs, written from its modules: the context, the first step, a further step.

    context   image: X (batch, C, rows, columns), whole periods     ->  context: U * X
    first     context: U * X                                        ->  probabilities: Y(1), where there is no W term
    step      context: U * X, estimate: Y(t-1)                      ->  probabilities: Y(t)

All sizes but the planes' number are left open. The graphs are written layer by layer, not traced: that takes milliseconds
where tracing takes seconds, and no size can slip in. Volumes have slices before their rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from ..errors import RetintError
from ..extras import need
from ..network import RecurrentNetwork
from ..network.layers import Unit

if TYPE_CHECKING:
    from onnx import ModelProto

Part = Literal["context", "first", "step"]
PARTS: tuple[Part, ...] = ("context", "first", "step")
OPSET = 17
"""Of ONNX: old enough for every runtime in use (2021)."""
_IR = 8  # the file format of that time
AXES = {2: ("rows", "columns"), 3: ("slices", "rows", "columns")}
_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def graph(network: RecurrentNetwork, part: Part, scores: bool = False) -> ModelProto:
    """One of the graphs of a network.

    Args:
        network: folded, in float32, with padding `same`.
        part: which.
        scores: leave out the softmax at the end of the first and of a further step.

    Raises:
        RetintError: its steps are not of this form, or the package `onnx` is missing.
    """
    refuse(network)
    made = _Graph(len(network.geometry))
    units, branch = network.context_units, network.architecture.branch
    hidden = units[-1].channels
    detail = network.context_channels - hidden
    if part == "context":
        made.takes("image", network.channels, "image")
        fine = made.chain("U", units[:branch], "image")
        context = made.chain("U", units[branch:], fine, branch)
        if detail:
            context = made.node("Concat", context, made.chain("D", network.D, fine), axis=1)
        made.gives(context, "context", hidden + detail, "context")
    else:
        made.takes("context", hidden + detail, "context")
        before, beside = "context", None
        if detail:
            ends = made.integers(0), made.integers(hidden), made.integers(hidden + detail)
            before, beside = (made.node("Slice", "context", *pair, made.integers(1)) for pair in (ends[:2], ends[1:]))
        if part == "step":
            made.takes("estimate", network.classes, "label")
            before = made.node("Add", before, made.chain("W", network.W, "estimate"))
        if max(network.pool) > 1:
            before = made.pool(before, network.pool)
        before = made.activation(network.architecture.activation, before)
        after = made.chain("V", network.V, before, plus=beside)
        if scores:
            made.gives(after, "scores", network.classes, "label")
        else:
            made.gives(made.node("Softmax", after, axis=1), "probabilities", network.classes, "label")
    return made.model(part)


def fits(network: RecurrentNetwork) -> bool:
    """Whether a network takes step after step on one label grid, and so has these graphs."""
    architecture = network.architecture
    return len(network.W) > 0 and not architecture.rescales and not architecture.instances and network.padding == "same"


def refuse(network: RecurrentNetwork) -> None:
    """Refuse a network that has no such graphs.

    Raises:
        RetintError: it is one.
    """
    if not fits(network):
        raise RetintError(
            f"{network.architecture.name}: found an architecture that takes a fixed number of steps at once; expected one that takes "
            "step after step on one label grid (`retint archs` lists them): plain torch labels with it, `retint label --backend torch`"
        )


@dataclass
class _Graph:
    """A graph on its way: nodes are added in order, each names its result."""

    dims: int
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.onnx = need("onnx", "onnx", "onnx: found a model to export")
        need("onnx.numpy_helper", "onnx", "onnx: found a model to export")

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation."""
        result = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [result], **attributes))
        return result

    def constant(self, name: str, value: Tensor) -> str:
        """Add a constant."""
        self.constants.append(self.onnx.numpy_helper.from_array(value.detach().cpu().contiguous().numpy(), name))
        return name

    def integers(self, *values: int) -> str:
        """Add a row of integers."""
        return self.constant(f"integers{len(self.constants)}", torch.tensor(values))

    def takes(self, name: str, planes: int, of: str) -> None:
        """Add an input of so many planes; `of` says whose their sizes are."""
        self.inputs.append(self._planes(name, planes, of))

    def gives(self, value: str, name: str, planes: int, of: str) -> None:
        """Add the output."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))
        self.outputs.append(self._planes(name, planes, of))

    def chain(self, name: str, layers: Iterable[nn.Module], x: str, first: int = 0, plus: str | None = None) -> str:
        """The layers of U, W, V or the detail, one after another, numbered from `first`; `plus` is added to the first."""
        for number, unit in enumerate(layers, first):
            assert isinstance(unit, Unit)
            x, plus = self.layer(f"{name}.{number}", unit, x, plus), None
        return x

    def layer(self, name: str, unit: Unit, x: str, plus: str | None = None) -> str:
        """One layer: the same as `Unit.forward`, `plus` being its `detail`."""
        assert unit.norm is None
        pads = [unit.layer.padding(axis) for axis in range(self.dims)]
        given = [x, self.constant(f"{name}.kernel", unit.conv.weight)]
        if unit.conv.bias is not None:
            given.append(self.constant(f"{name}.bias", unit.conv.bias))
        y = self.node(
            "Conv", *given, kernel_shape=unit.conv.kernel_size, strides=unit.conv.stride, dilations=unit.conv.dilation,
            pads=[before for before, _ in pads] + [after for _, after in pads],
        )  # fmt: skip
        if unit.layer.residual:
            y = self.node("Add", y, x)
        if plus is not None:
            y = self.node("Add", y, plus)
        if max(unit.pool) > 1:
            y = self.pool(y, unit.pool)
        y = self.activation(unit.layer.activation, y)
        return self.finer(y, unit.channels, unit.up) if max(unit.up) > 1 else y

    def pool(self, x: str, size: Sequence[int]) -> str:
        """The largest of each `size` cells."""
        return self.node("MaxPool", x, kernel_shape=size, strides=size)

    def activation(self, name: str, x: str) -> str:
        """The non-linearity of that name."""
        return x if name == "none" else self.node(_ACTIVATIONS[name], x)

    def finer(self, x: str, channels: int, up: Sequence[int]) -> str:
        """Planes (N, channels * product of up, cells ...) as (N, channels, up * cells ...)."""
        shape = self.node("Shape", x)
        batch = self.node("Slice", shape, self.integers(0), self.integers(1))
        cells = self.node("Slice", shape, self.integers(2), self.integers(2 + self.dims))
        apart = self.node("Concat", batch, self.integers(channels, *up), cells, axis=0)
        order = [n for axis in range(self.dims) for n in (2 + self.dims + axis, 2 + axis)]
        y = self.node("Transpose", self.node("Reshape", x, apart), perm=[0, 1, *order])
        finer = self.node("Mul", cells, self.integers(*up))
        return self.node("Reshape", y, self.node("Concat", batch, self.integers(channels), finer, axis=0))

    def model(self, name: str) -> ModelProto:
        """The graph as a file's content."""
        helper = self.onnx.helper
        made = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.constants)
        model: ModelProto = helper.make_model(
            made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR, producer_name="retint"
        )
        return model

    def _planes(self, name: str, planes: int, of: str) -> Any:
        shape = ["batch", planes, *(f"{of}_{axis}" for axis in AXES[self.dims])]
        return self.onnx.helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, shape)
