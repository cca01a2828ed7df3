"""What a host must know besides the graphs, as plain data."""

from __future__ import annotations

from typing import Any

from ..modelfile import Card
from ..network import RecurrentNetwork
from ..network.grid import SMALLEST
from .graphs import AXES, Part

FORMAT = "retint-export-1"
STEPS = (1, 2, 3, 4, 8, 16)
"""The numbers of steps whose receptive fields are told."""


def described(network: RecurrentNetwork, card: Card, name: str, files: dict[Part, str]) -> dict[str, Any]:
    """The description that lies beside the graphs, for JSON; lists of sizes are along slices (of volumes), rows, columns.

    Args:
        network: whose geometry it is.
        card: of the model.
        name: of the model.
        files: the graphs' files.
    """
    axes, count = network.geometry, len(card.classes)
    sizes = ", ".join(AXES[len(axes)])
    return {
        "format": FORMAT, "model": name, "architecture": card.architecture["name"], "graphs": files, "axes": AXES[len(axes)],
        "classes": card.classes, "colours": card.colours, "channels": card.channels, "dtype": card.dtype,
        "mean": card.mean, "std": card.std, "steps": card.steps,
        "temperature": card.temperature, "stride": [g.stride for g in axes], "period": [g.period for g in axes], "smallest": SMALLEST,
        "receptive_field": {str(n): [g.receptive_field(n) for g in axes] for n in STEPS},
        "how": {
            "image": f"(batch, {card.channels}, {sizes}), float32: integers divided by the largest value of their type, "
            "then (x - mean) / std for each channel",
            "padding": "after normalisation, zeros at the end of each axis up to a multiple of `period`",
            "loop": "context = U * X, once; Y(1) = first(context); Y(t) = step(context, Y(t-1)), as often as wished. "
            "With a start Y(0), begin with step instead of first",
            "hints": "of a cell's pixels, the share s was fixed by a person, whose classes have the shares h: after every step Y becomes "
            f"(1 - s) * Y + s * h, and step is given {network.architecture.emphasis:g} times s * h; fixed pixels keep their labels",
            "probabilities": f"(batch, {count}, {sizes}), float32, one cell for each `stride` pixels; they sum to 1 over the classes",
            "labels": "log(max(Y, smallest)), interpolated linearly between the cells' centres (which lie at stride * (cell + 0.5) - "
            "0.5 pixels; beyond the outermost, their values), is largest for the label; pixels beyond the image are cut off",
            "at pixels": "the probabilities that Retint gives out there are the softmax over the classes of those interpolated logarithms, "
            "divided by `temperature`; `step` is given Y as it is",
        },
    }  # fmt: skip
