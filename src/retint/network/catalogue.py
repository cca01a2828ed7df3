"""The named architectures: tables of sizes, nothing else.

context   U, layers on the image; their strides multiply to the stride of the label grid
feedback  W, layers on the last estimate
readout   V, layers from the hidden layer to one plane for each class
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ..errors import RetintError
from .layers import Extent, Layer, Padding


@dataclass(frozen=True)
class Architecture:
    """U, W and V as tables of layers, and the non-linearity g of the hidden layer.

    Attributes:
        name: in the catalogue.
        context, feedback, readout: U, W, V. Without feedback the network takes its first step alone.
        activation: g.
        source: where it comes from; for a paper's system, what the paper leaves open and what was decided.
        dims: spatial dimensions of the image, 2 or 3.
        padding: `valid`: as the paper has it; labels near an image's border, where it has none, come from `same`, and
            training passes over them.
        detail: layers from the first `branch` layers of U to what the readout sees of the image beside the hidden layer, so
            that thin things are not lost on a coarse grid. It is computed once, with the context, on the hidden layer's
            grid, and added to V's first layer, of one cell, before its activation.
        branch: see `detail`.
        pool: the hidden layer is the largest of so many cells of U * X + W * Y, before g.
        rescales: every step's labels are coarser, and the image is brought to their size for the next one (Pinheiro and
            Collobert 2014): the context is computed at every step.
        instances: train the first so many steps together, with a loss at each (eq. 7 there); several numbers share the
            run equally, one after another. Empty: Retint's own way (`learning.Objective`).
        emphasis: how many times a hint counts in the Y that W is fed, so that W can tell what a person fixed from what the
            network believes (see `hints`). Cards of before it was there lack it, which means 1.
    """

    name: str
    context: tuple[Layer, ...]
    feedback: tuple[Layer, ...]
    readout: tuple[Layer, ...]
    activation: Literal["relu", "tanh", "sigmoid"]
    source: str
    dims: int = 2
    padding: Padding = "same"
    detail: tuple[Layer, ...] = ()
    branch: int = 0
    pool: Extent = 1
    rescales: bool = False
    instances: tuple[int, ...] = ()
    emphasis: float = 1.0

    @property
    def steps(self) -> int:
        """How many steps to take when nobody says."""
        return self.instances[-1] if self.instances else 8

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
        tables["detail"] = tuple(map(_layer, data.get("detail", ())))
        return cls(**{**_tuples(data), **tables})


def _layer(row: dict[str, Any]) -> Layer:
    return Layer(**_tuples(row))


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


_EMPHASIS = 2.0
"""Of hints, in Retint's own architectures."""


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
        emphasis=_EMPHASIS,
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
    source="Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.6, figure 9.17: one kernel each for U, V, W; "
    "the figure gives no sizes, these are Retint's",
)


def _fine(
    name: str, coarse: Architecture, back: int, width: int, branch: int, reach: tuple[int, ...] = (2,)
) -> Architecture:  # fmt: skip
    """The hidden layer on one grid, labels on one twice as fine: little more than what the coarse one costs.

    The readout makes four cells of each hidden one (Shi et al. 2016) and sees U's planes after `branch` layers there, through
    residual layers of the dilations `reach`.
    """
    planes = coarse.context[branch - 1].channels
    return replace(
        coarse,
        name=name,
        feedback=(Layer(6, back, stride=2), *coarse.feedback[1:]),
        readout=(Layer(1, width, up=2), Layer(1, width), Layer(1, None, activation="none")),
        detail=(
            *(Layer(3, planes, dilation=d, norm=True, residual=True) for d in reach),
            Layer(2, 4 * width, stride=2, activation="none"),
        ),
        branch=branch,
        source="Retint: figure 9.17 with small networks; four label cells from each hidden cell (Shi et al. 2016), beside "
        "the image's finer planes (Ronneberger et al. 2015)",
    )


def _thin(coarse: Architecture, planes: int) -> Architecture:
    """The same with a first layer at every pixel."""
    first, *trunk = coarse.context
    return replace(coarse, context=(Layer(3, planes, norm=True), replace(first, kernel=2), *trunk))


def _volume(name: str, flat: bool, width: int, back: int) -> Architecture:
    """Retint's own for volumes. Flat: slices much thicker than pixels, so reach grows in the planes alone."""
    step, edge = ((1, 2, 2), (1, 4, 4)) if flat else ((2, 2, 2), (4, 4, 4))

    def trunk(planes: int, reach: int, deep: bool = True, **more: Any) -> Layer:
        kernel, dilation = ((3, 3, 3) if deep else (1, 3, 3), (1, reach, reach)) if flat else (3, reach)
        return Layer(kernel, planes, dilation=dilation, **more)

    return Architecture(
        name=name,
        context=(
            Layer(edge, width, stride=step, norm=True),
            *(trunk(width, d, d != 2, norm=True, residual=True) for d in (1, 2, 4, 2, 1)),
            Layer(1, width, norm=True, activation="none"),
        ),
        feedback=(trunk(back, 1), trunk(back, 2, False), trunk(back, 4), Layer(1, width, activation="none")),
        readout=(trunk(back, 1), Layer(1, None, activation="none")),
        activation="relu",
        source="Retint: figure 9.17 with small networks, for volumes"
        + (" of slices thicker than pixels" if flat else " of voxels about as deep as wide"),
        dims=3,
        emphasis=_EMPHASIS,
    )


_SCENES = "Pinheiro and Collobert, Recurrent Convolutional Neural Networks for Scene Labeling, ICML 2014"
_OPEN = (
    "left open there and decided here: the image is brought to the size of the labels by averaging the pixels of each cell; "
    "Muon in place of plain SGD; whole views in place of patches; beyond its edges the image is mirrored when labelling"
)


def _rcnn(name: str, second_pool: int, instances: tuple[int, ...]) -> Architecture:
    return Architecture(
        name=name,
        context=(Layer(8, 25, activation="none"),),
        feedback=(Layer(8, 25, activation="none", bias=False),),
        readout=(Layer(8, 50, activation="tanh", pool=second_pool), Layer(1, None, activation="none")),
        activation="tanh",
        source=f"{_SCENES}: {name[:4]} of {name[4:]} instances (section 3.2, eq. 3, 4, 7; section 4); {_OPEN}",
        padding="valid",
        pool=2,
        rescales=True,
        instances=instances,
    )


_PLAIN = Architecture(
    name="plain-cnn1",
    context=(Layer(6, 25, activation="none"),),
    feedback=(),
    readout=(Layer(3, 50, activation="tanh", pool=2), Layer(7, None, activation="none")),
    activation="tanh",
    source=f"{_SCENES}: the plain network of section 4, without recurrence; {_OPEN}",
    padding="valid",
    pool=8,
    instances=(1,),
)


def _jain(name: str, kernels: tuple[Extent, ...], dims: int, variant: str = "") -> Architecture:
    """Five hidden layers of eight maps. W enters at the third, so V is the last three layers: those that repeat."""
    layers = [Layer(kernel, 8, activation="sigmoid") for kernel in kernels[:5]]
    return Architecture(
        name=name,
        context=(*layers[:2], Layer(kernels[2], 8, activation="none")),
        feedback=(Layer(kernels[1], 8, activation="none", bias=False),),
        readout=(*layers[3:], Layer(kernels[5], None, activation="none")),
        activation="sigmoid",
        source=f"Jain et al., Supervised Learning of Image Restoration with Convolutional Networks, ICCV 2007: {variant}no pooling, five "
        "hidden layers of eight maps; the last three layers repeat with shared weights, fed the last labels beside the image "
        "(Deep Learning 2016, section 9.6). Open there and decided here: a softmax over the classes in place of one output, "
        "the last labels enter at the third layer, Muon in place of plain gradient descent, "
        "Retint's own loss for the layers that repeat",
        dims=dims,
        padding="valid",
    )


_FIVE, _FLAT = (5,) * 6, ((1, 5, 5), (3, 5, 5), (1, 5, 5), (3, 5, 5), (1, 5, 5), (3, 5, 5))

_OWN = {a.name: a for a in (_retint(*row) for row in _SIZES)}

CATALOGUE: dict[str, Architecture] = {
    a.name: a
    for a in (
        _FIGURE,
        *_OWN.values(),
        _fine("small-8-4", _OWN["small-8"], 48, 32, branch=3),
        _fine("standard-8-4", _OWN["standard-8"], 64, 48, branch=3, reach=(2, 1, 3)),
        _fine("small-2-1", _thin(_OWN["small-2"], 24), 24, 16, branch=1),
        _volume("volume-2", False, 24, 16),
        _volume("slices-2", True, 32, 24),
        _PLAIN,
        _rcnn("rcnn2", 2, (2,)),
        _rcnn("rcnn3", 1, (2, 3)),
        _jain("jain-2007", _FIVE, 3),
        _jain("jain-2007-flat", _FLAT, 3, "Retint's variant for thick slices; "),
        _jain("jain-2007-2d", _FIVE, 2, "Retint's variant for images; "),
    )
}


def architecture(name: str) -> Architecture:
    """The catalogue's entry of that name.

    Raises:
        RetintError: there is none.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        raise RetintError(f"architecture {name}: there is none of that name; the catalogue has {', '.join(CATALOGUE)}") from None
