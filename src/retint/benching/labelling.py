"""What is timed of labelling: Retint as a user calls it, its network's parts, and its peers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from ..errors import RetintError, reason_of
from ..images import to_unit
from ..labeling import Model, load
from ..labeling.backends import Engine
from ..labeling.source import Source
from ..modelfile import Card
from ..network import architecture, build
from ..network.work import work
from ..pictures import default_palette
from . import peers
from .options import Options
from .report import FOREST, TUNED, UNET, Report, Task, steps_of
from .scene import scene

CLASSES = 11
TOGETHER = {"cuda": 16}
"""Images that a device is given at a time too, where one does not fill it."""


def systems(options: Options) -> dict[str, Model]:
    """The models and the architectures that are measured, by name.

    Raises:
        RetintError: there is none of that name, or it does not label 2-D images step by step.
    """
    found = {}
    for name in (*options.models, *options.architectures):
        told = f"--model {name}" if name in options.models else name
        found[name] = model = load(name, options.device) if name in options.models else _fresh(name, options.device)
        if model.dims != 2 or model.at_once:
            what = "labels volumes" if model.dims != 2 else "takes a fixed number of steps at once"
            raise RetintError(f"{told}: {what}; expected a model that labels 2-D images step by step: choose another")
    return found


def labelling(models: dict[str, Model], options: Options, report: Report, note: Callable[[str], None]) -> list[Task]:
    """The calls that label an image; what cannot be called is noted as skipped."""
    image, labels = scene(options.size, CLASSES)
    tasks: list[Task] = []
    for name, model in models.items():
        tasks += _of_model(model, name, _for(model.card, image), options.steps)
    if options.peers:
        tasks += _of_unet(options, report, note, image)
        tasks += _of_forest(report, note, image, labels)
    return tasks


def _of_model(model: Model, system: str, image: NDArray[Any], steps: tuple[int, ...]) -> list[Task]:
    """Labelling in so many steps, as a user calls it; and apart from it the first pass and a further step, as labelling computes them."""
    network, engine, pixels = model.network(), model.engine(), prod(image.shape[:2])
    needs, dtype = work(network), network.dtype
    source = Source(image, model.card, model.dims)
    x = source.region(tuple((0, n) for n in image.shape[:2]), dtype).to(model.device)
    with torch.inference_mode():
        context = engine.context(x)
        estimate = _step(engine, context, None)

    def run(call: Callable[[], object]) -> Callable[[], object]:
        def inside() -> None:
            with torch.inference_mode():
                call()

        return inside

    parts = [
        Task(system, "context", run(lambda: engine.context(x)), pixels, 2 * needs.context * pixels, dtype),
        Task(system, "first pass", run(lambda: _step(engine, engine.context(x), None)), pixels, 2 * needs.first * pixels, dtype),
        Task(system, "a further step", run(lambda: _step(engine, context, estimate)), pixels, 2 * needs.step * pixels, dtype),
    ]  # fmt: skip
    whole = [
        Task(system, steps_of(n), partial(model.label, image, n), pixels, needs.operations(pixels, n), dtype, steps=n)
        for n in steps
    ]
    if (many := TOGETHER.get(model.device.type)) is None:
        return parts + whole
    batches = [
        Task(
            system, f"{steps_of(n)}, {many} images at a time", partial(model.label_batch, [image] * many, n), many * pixels,
            needs.operations(many * pixels, n), dtype,
        )
        for n in steps
    ]  # fmt: skip
    return parts + whole + batches


def _for(card: Card, image: NDArray[np.uint8]) -> NDArray[Any]:
    """The image with a model's channels, and on the scale that it learned from."""
    pixels = image[..., np.arange(card.channels) % image.shape[-1]]
    return to_unit(pixels, "image") if card.dtype.startswith("float") else pixels


def _step(engine: Engine, context: torch.Tensor, estimate: torch.Tensor | None) -> torch.Tensor:
    return torch.softmax(engine.logits(context, estimate), 1)


def _of_unet(options: Options, report: Report, note: Callable[[str], None], image: NDArray[np.uint8]) -> list[Task]:
    """segmentation_models.pytorch's U-Net, with and without our tricks."""
    try:
        network = peers.unet(CLASSES)
    except RetintError as error:
        report.skipped.append(str(error))
        return []
    device, compiled = torch.device(options.device), options.compile and peers.compiler()
    if options.compile and not compiled:
        report.skipped.append(f"{TUNED}: not compiled, there is no C++ compiler")
    plain = peers.documented(copy.deepcopy(network), device)
    fast, dtype = peers.tuned(copy.deepcopy(network), compiled, device)
    if compiled:
        note("compiling the U-Net")
        try:
            fast(image)
        except Exception as error:  # a compiler has many
            report.skipped.append(f"{TUNED}: not compiled ({reason_of(error)[:200]})")
            fast, dtype = peers.tuned(network, False, device)
    pixels = prod(image.shape[:2])
    operations = operations_of(network) * pixels
    return [
        Task(UNET, "", lambda: plain(image), pixels, operations),
        Task(TUNED, "", lambda: fast(image), pixels, operations, dtype),
    ]


def _of_forest(
    report: Report, note: Callable[[str], None], image: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> list[Task]:
    try:
        note("training the forest")
        trees = peers.forest(image, labels, torch.get_num_threads())
    except RetintError as error:
        report.skipped.append(str(error))
        return []
    return [Task(FOREST, "", lambda: trees(image), prod(image.shape[:2]))]


def _fresh(name: str, device: str) -> Model:
    arch = architecture(name)
    card = Card(
        architecture=arch.to_dict(), classes=tuple(f"class {k}" for k in range(CLASSES)), channels=3, dtype="uint8",
        colours=tuple(default_palette(CLASSES)), mean=(0.5,) * 3, std=(0.25,) * 3,
    )  # fmt: skip
    torch.manual_seed(0)
    return Model(build(arch, 3, CLASSES, "same"), card, device, name=name)


def operations_of(network: torch.nn.Module, side: int = 64) -> float:
    """Floating-point operations of a network for each pixel of an image, counted while it runs."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    return float(counter.get_total_flops()) / side**2
