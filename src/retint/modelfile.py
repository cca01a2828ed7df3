"""A model is one safetensors file: weights, and a card that says what they are. Loading one runs nothing.

Kernels are stored in half precision (float16), normalisation and biases in float32.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .errors import RetintError, reason_of
from .wholefile import whole_file

FORMAT = "retint-1"


DTYPES = "uint8", "uint16", "float32"
"""Types of pixels that a model may be for."""


@dataclass(frozen=True)
class Card:
    """What a model is, in plain data.

    Attributes:
        architecture: the tables of U, W and V, as `network.Architecture.to_dict` gives them.
        classes: names, in the order of their indices.
        colours: (red, green, blue) of each class, 0 to 255.
        channels: planes of the image.
        dtype: of the images it was trained on: uint8, uint16 or float32.
        mean, std: of each channel, on the unit scale (integers divided by their type's largest value).
        steps: how many steps to take when nobody says.
        detail: mean and spread, over the training images, of `images.detail`: how fine their texture is.
        image_size: rows and columns of a typical training image; of volumes, slices before them.
        object_size: for each class, the typical width of its objects in pixels.
        trained_on: the data set's name, numbers of images, settings (the seed among them), epochs, iterations and seconds.
        scores: on the validation images, by number of steps: mean IoU and pixel accuracy; and what a temperature was fitted on.
        notes: anything a person should know.
        spacing: of volumes, from voxel to voxel along slices, rows and columns in the training data, if known.
        unit: of the spacing.
        temperature: log Y is divided by it for the probabilities that are given out, so that they say how often the label
            is right; fitted on validation images (Guo et al. 2017). The Y that is fed back is left as it is.
    """

    architecture: dict[str, Any]
    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    channels: int
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int = 8
    detail: tuple[float, float] | None = None
    image_size: tuple[int, ...] | None = None
    object_size: dict[str, float] = field(default_factory=dict)
    trained_on: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    notes: str = ""
    spacing: tuple[float, ...] | None = None
    unit: str | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature {self.temperature}; expected a number above 0")
        if len(self.colours) != len(self.classes) or any(len(colour) != 3 for colour in self.colours):
            raise ValueError(f"{len(self.colours)} colours for {len(self.classes)} classes; expected red, green, blue for each")
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} deviations for {self.channels} channels; expected one for each")
        if not all(map(isfinite, self.mean)) or not all(0 < value < float("inf") for value in self.std):
            raise ValueError(f"means {self.mean}, deviations {self.std}; expected finite numbers, deviations above 0")
        if self.steps < 1 or self.dtype not in DTYPES:
            raise ValueError(f"steps {self.steps}, dtype {self.dtype}; expected at least 1, and one of {', '.join(DTYPES)}")

    def to_json(self) -> str:
        """The card as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Card:
        """The card that a text holds.

        Raises:
            ValueError, KeyError, TypeError: it is not one.
        """
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError(f"a {type(data).__name__}; expected a table")
        for name in ("classes", "mean", "std", "detail", "image_size", "spacing"):
            if data.get(name) is not None:
                data[name] = tuple(data[name])
        data["colours"] = tuple(tuple(colour) for colour in data["colours"])
        return cls(**data)


def save_model(path: str | Path, tensors: Mapping[str, Tensor], card: Card) -> None:
    """Write a model file; it appears whole or not at all.

    Args:
        path: the file.
        tensors: the weights by name; those of more than one dimension are stored in half precision.
        card: what they are.
    """
    stored = {name: (t.half() if t.dim() > 1 else t).detach().cpu().contiguous() for name, t in tensors.items()}
    with whole_file(path) as temporary:
        temporary.write_bytes(save(stored, metadata={"format": FORMAT, "card": card.to_json()}))


def load_model(path: str | Path) -> tuple[dict[str, Tensor], Card]:
    """The weights (float32) and the card of a model file.

    Raises:
        RetintError: no such file, not a model file, or one of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise RetintError(f"{path}: no such model file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise RetintError(f"{path}: not a readable model file, expected safetensors ({error})") from None
    if metadata.get("format") != FORMAT:
        found = metadata.get("format")
        raise RetintError(f"{path}: not a Retint model: its metadata says format {found!r}, expected {FORMAT!r}")
    try:
        return tensors, Card.from_json(metadata["card"])
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = reason_of(error)
        raise RetintError(f"{path}: its card does not fit this version of Retint ({reason})") from None


def save_temperature(source: str | Path, out: str | Path, temperature: float) -> None:
    """Write a model file again, with another temperature in its card.

    Args:
        source: the model file.
        out: the file to write; may be the same.
        temperature: above 0.

    Raises:
        RetintError: `source` is not a readable model file.
    """
    tensors, card = load_model(source)
    save_model(out, tensors, replace(card, temperature=temperature))


def bundled_models() -> dict[str, Path]:
    """Names and files of the models that come with the package."""
    folder = Path(str(resources.files("retint") / "models"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def summary(path: str | Path) -> dict[str, Any]:
    """What there is to tell of a model file, as `retint models --json` prints it.

    Raises:
        RetintError: it is not a readable model file.
    """
    tensors, card = load_model(path)
    return {
        "file": str(path), "architecture": card.architecture["name"], "classes": list(card.classes), "channels": card.channels,
        "parameters": sum(t.numel() for name, t in tensors.items() if "running_" not in name), "image_size": card.image_size,
        "object_size": card.object_size, "trained_on": card.trained_on, "scores": card.scores, "notes": card.notes,
    }  # fmt: skip


def find_model(name: str | Path, option: str = "--model") -> Path:
    """The file of a bundled name or a path. A hub id (owner/name) needs the hub's client and a network.

    Raises:
        RetintError: nothing of that name.
    """
    if not isinstance(name, str | Path):
        raise RetintError(f"{option} {name}: expected the name of a model or the path of its file")
    path = Path(name)
    if path.is_file():
        if not os.access(path, os.R_OK):
            raise RetintError(f"{option} {name}: found a file that may not be read; give its readers that right")
        return path
    bundled = bundled_models()
    if str(name) in bundled:
        return bundled[str(name)]
    if str(name).count("/") == 1 and path.suffix == "" and not path.parent.is_dir():
        return _from_hub(str(name), option)
    found = "a folder, not a model file" if path.is_dir() else "no such file"
    raise RetintError(f"{option} {name}: {found}, and the bundled models are {', '.join(bundled) or 'none'}")


def _from_hub(identifier: str, option: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise RetintError(
            f"{option} {identifier}: looks like a hub id; `pip install huggingface-hub` to load it"
        ) from None
    try:
        return Path(hf_hub_download(identifier, "model.safetensors"))
    except Exception as error:
        raise RetintError(f"{option} {identifier}: the hub has no model.safetensors of that id ({error})") from None
