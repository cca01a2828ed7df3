"""`retint models` and `retint archs`."""

from __future__ import annotations

import argparse
from typing import Any

from .values import print_json


def add_to(verbs: Any) -> None:
    """Add the verbs to the parser."""
    models = verbs.add_parser(
        "models", help="the models at hand", description="The bundled models, with their classes and scores."
    )
    models.add_argument("--json", action="store_true", help="print the result as one JSON object")
    models.set_defaults(run=run_models)
    archs = verbs.add_parser(
        "archs", help="the catalogue of architectures",
        description="Each architecture's parameters (for 3 channels and 11 classes), image pixels per label cell, and receptive "
        "field in pixels after 1, 2 and 3 steps.",
    )  # fmt: skip
    archs.add_argument("name", nargs="?", metavar="NAME", help="show this one's layers")
    archs.add_argument("--json", action="store_true", help="print the result as one JSON object")
    archs.set_defaults(run=run_archs)


def run_models(options: argparse.Namespace) -> int:
    """List the bundled models."""
    from ..modelfile import bundled_models, load_model

    rows: dict[str, dict[str, Any]] = {}
    for name, path in bundled_models().items():
        tensors, card = load_model(path)
        rows[name] = {
            "file": str(path), "architecture": card.architecture["name"], "classes": list(card.classes), "channels": card.channels,
            "parameters": sum(t.numel() for name, t in tensors.items() if "running_" not in name), "image_size": card.image_size,
            "object_size": card.object_size, "trained_on": card.trained_on, "scores": card.scores, "notes": card.notes,
        }  # fmt: skip
    if options.json:
        print_json(rows)
        return 0
    for name, row in rows.items():
        print(f"{name}: {row['architecture']}, {row['parameters']:,} parameters; {', '.join(row['classes'])}")
        steps = row["scores"].get("steps", {})
        figures = ", ".join(f"{step}: {values['miou']:.3f}" for step, values in steps.items())
        if figures:
            print(f"  mean IoU by steps on {row['scores']['images']} validation images: {figures}")
        if row["notes"]:
            print(f"  {row['notes']}")
    return 0


def run_archs(options: argparse.Namespace) -> int:
    """List the catalogue."""
    from ..network import CATALOGUE, Geometry, RecurrentNetwork, architecture

    chosen = [architecture(options.name)] if options.name else list(CATALOGUE.values())
    rows: dict[str, dict[str, Any]] = {}
    for arch in chosen:
        geometry = Geometry(arch)
        rows[arch.name] = {
            "parameters": sum(p.numel() for p in RecurrentNetwork(arch, 3, 11).parameters()),
            "stride": geometry.stride,
            "receptive_field": {str(n): geometry.receptive_field(n) for n in (1, 2, 3)},
            "dims": arch.dims,
            "source": arch.source,
        }
    if options.json:
        print_json(rows)
        return 0
    print(f"{'name':<12} {'parameters':>10}  {'stride':>6}  {'sees after 1, 2, 3 steps':<25} source")
    for name, row in rows.items():
        seen = ", ".join(map(str, row["receptive_field"].values()))
        print(f"{name:<12} {row['parameters']:>10,}  {row['stride']:>6}  {seen:<25} {row['source']}")
    if options.name:
        for title, layers in (
            ("U, context", arch.context),
            ("W, feedback", arch.feedback),
            ("V, readout", arch.readout),
        ):
            print(title)
            for layer in layers:
                kind = " + input" if layer.residual else ""
                print(
                    f"  kernel {layer.kernel}, to {layer.channels or 'the classes'}, stride {layer.stride}, dilation {layer.dilation}, "
                    f"{'normalised, ' if layer.norm else ''}{layer.activation}{kind}"
                )
    return 0
