"""Small data sets and models that the tests make. Nothing here needs any file from outside."""

import json
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from retint.labeling import Model
from retint.modelfile import Card, save_model
from retint.network import Architecture, architecture, build, weights

RNG = np.random.default_rng(0)
SIZE = (18, 5, 7)
"""Slices, rows, columns of a small volume."""


def values(*shape, dtype=np.uint8):
    """Chance numbers over the whole range of their type; floats normally distributed."""
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def scene(rng, size=(48, 64)):
    """A picture of bright discs on a dark ground with noise, and its labels."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    labels = np.zeros(size, np.uint8)
    for _ in range(3):
        r, c, radius = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(6, 12)
        labels[(rows - r) ** 2 + (columns - c) ** 2 < radius**2] = 1
    image = 60 + 90 * labels[..., None] * np.array([1, 0.8, 0.5]) + rng.normal(0, 20, (*size, 3))
    return image.clip(0, 255).astype(np.uint8), labels


def write_set(root, count, seed=0, part=None, size=(48, 64)):
    """A data set of `count` scenes under `root` (or its part)."""
    rng = np.random.default_rng(seed)
    folder = root / part if part else root
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for k in range(count):
        image, labels = scene(rng, size)
        Image.fromarray(image).save(folder / "images" / f"scene{k}.png")
        Image.fromarray(labels).save(folder / "labels" / f"scene{k}.png")
    (root / "classes.json").write_text(json.dumps({"classes": ["ground", "disc"], "ignore": 255}))
    return root


def fresh(card):
    """The network of a card, with fresh weights."""
    return build(Architecture.from_dict(card.architecture), card.channels, len(card.classes), "same").eval()


def make_model(arch="small-4", channels=3, classes=3, seed=0, dtype="uint8", device="cpu", precision="float32"):
    """A model with random weights, whose labels vary and change from step to step; in float32 on every processor, so that what is
    equal to rounding can be told."""
    torch.manual_seed(seed)
    network = build(architecture(arch), channels, classes, "same").eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    with torch.no_grad():
        for unit in (*network.W, *network.V):
            unit.conv.weight.mul_(3)  # as they begin, most label every pixel alike
    card = Card(
        architecture=architecture(arch).to_dict(), classes=tuple(f"class{k}" for k in range(classes)),
        colours=tuple((40 * k % 256, 255 - 30 * k % 256, 90) for k in range(classes)),
        channels=channels, dtype=dtype, mean=(0.4,) * channels, std=(0.25,) * channels, steps=4,
    )  # fmt: skip
    return Model(network, card, device, precision, "made")


def disc_card(**more):
    """The card of a model for the scenes' classes."""
    return replace(make_model(classes=2).card, classes=("ground", "disc"), **more)


def model_file(path, card=None):
    """A model file with fresh weights; of a card, or of `make_model`'s."""
    card = card or make_model().card
    save_model(path, weights(fresh(card)), card)
    return path
