"""The named architectures: tables of sizes, nothing else.

context   U, layers on the image; their strides multiply to the stride of the label grid
feedback  W, layers on the last estimate
readout   V, layers from the hidden layer to one plane for each class
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..errors import RetintError
from .layers import Layer, Padding


@dataclass(frozen=True)
class Architecture:
    """U, W and V as tables of layers, and the non-linearity g of the hidden layer."""

    name: str
    context: tuple[Layer, ...]
    feedback: tuple[Layer, ...]
    readout: tuple[Layer, ...]
    activation: Literal["relu", "tanh", "sigmoid"]
    source: str
    dims: int = 2
    padding: Padding = "same"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a model's card."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Architecture:
        """The architecture that a card describes.

        Raises:
            KeyError, TypeError: the card's table has other fields than this version knows.
        """
        tables = {part: tuple(map(_layer, data[part])) for part in ("context", "feedback", "readout")}
        return cls(**{**data, **tables})


def _layer(row: dict[str, Any]) -> Layer:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Layer(**fields)


def _stem(stride: int, width: int) -> tuple[Layer, ...]:
    """From the image to `width` planes on the label grid. Even kernels keep each cell over the centre of its pixels."""
    half, quarter = max(width // 4, 8), max(width // 2, 16)
    edge = Layer(4, half, stride=2, norm=True)
    fine = Layer(3, quarter, norm=True, residual=True)
    return {
        1: (Layer(3, width, norm=True),),
        2: (Layer(4, width, stride=2, norm=True),),
        4: (edge, Layer(2, width, stride=2, norm=True)),
        8: (edge, Layer(2, quarter, stride=2, norm=True), fine, Layer(2, width, stride=2, norm=True)),
    }[stride]


def _retint(size: str, stride: int, width: int, dilations: tuple[int, ...], back: int) -> Architecture:
    """Retint's own: a stem, then residual 3x3 convolutions of growing and shrinking reach, all on the label grid."""
    trunk = [Layer(3, width, dilation=d, norm=True, residual=True) for d in dilations]
    trunk.append(Layer(1, width, norm=True, activation="none"))
    return Architecture(
        name=f"{size}-{stride}",
        context=(*_stem(stride, width), *trunk),
        feedback=(
            Layer(3, back),
            Layer(3, back, dilation=2),
            Layer(3, back, dilation=4),
            Layer(1, width, activation="none"),
        ),
        readout=(Layer(3, back), Layer(1, None, activation="none")),
        activation="relu",
        source="Retint: figure 9.17 with small convolutional networks for U, V and W",
    )


_NEAR, _WIDE = (1, 2, 4, 8, 2, 1), (1, 2, 4, 8, 1, 4, 1)
_SIZES = [  # size, stride, width, dilations, width of W
    ("small", 8, 96, _NEAR, 48), ("small", 4, 64, _NEAR, 32), ("small", 2, 40, _NEAR, 24), ("small", 1, 24, _NEAR, 16),
    ("standard", 8, 128, _WIDE, 64), ("standard", 4, 96, _WIDE, 48),
    ("standard", 2, 64, _WIDE, 32), ("standard", 1, 48, _WIDE, 24),
]  # fmt: skip

_FIGURE = Architecture(
    name="fig-9-17",
    context=(Layer(9, 32, activation="none"),),
    feedback=(Layer(9, 32, activation="none", bias=False),),
    readout=(Layer(5, None, activation="none"),),
    activation="tanh",
    source="Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.6, figure 9.17: one kernel each for U, V, W",
)

CATALOGUE: dict[str, Architecture] = {a.name: a for a in [_FIGURE, *(_retint(*row) for row in _SIZES)]}


def architecture(name: str) -> Architecture:
    """The catalogue's entry of that name.

    Raises:
        RetintError: there is none.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        raise RetintError(f"--arch {name}: no such architecture; the catalogue has {', '.join(CATALOGUE)}") from None
