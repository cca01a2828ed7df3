"""`retint models` and `retint archs`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .options import add_shared
from .values import print_json

if TYPE_CHECKING:
    from ..network import Architecture, Layer


def add_to(verbs: Any) -> None:
    """Add the verbs to the parser."""
    models = verbs.add_parser(
        "models", help="the models at hand", description="The bundled models, with their classes and scores."
    )
    models.add_argument("name", nargs="?", metavar="NAME|FILE", help="show this one alone")
    add_shared(models, "--json")
    models.set_defaults(run=run_models)
    archs = verbs.add_parser(
        "archs", help="the catalogue of architectures",
        description="Each architecture's parameters (for 3 channels and 11 classes), image pixels per label cell, and receptive "
        "field in pixels after 1, 2 and 3 steps; for volumes along slices, rows and columns where they differ.",
    )  # fmt: skip
    archs.add_argument("name", nargs="?", metavar="NAME", help="show this one's layers")
    add_shared(archs, "--json")
    archs.set_defaults(run=run_archs)


def run_models(options: argparse.Namespace) -> int:
    """List the bundled models, or one."""
    from ..modelfile import bundled_models, find_model, summary

    found = {path.stem: path for path in [find_model(options.name, "model")]} if options.name else bundled_models()
    rows = {name: summary(path) for name, path in found.items()}
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
    from ..network import CATALOGUE, Geometry, architecture
    from ..network.summary import summary

    chosen = [architecture(options.name)] if options.name else list(CATALOGUE.values())
    rows = {arch.name: summary(arch) for arch in chosen}
    if options.json:
        print_json(rows)
        return 0
    print(f"{'name':<14} {'parameters':>10}  {'labels every':<12}  {'sees after 1, 2, 3 steps':<46} source")
    for name, row in rows.items():
        axes = [Geometry(CATALOGUE[name], axis=axis) for axis in range(row["dims"])]
        seen = ", ".join(_extent([g.receptive_field(n) for g in axes]) for n in (1, 2, 3))
        source = row["source"] if options.name else row["source"].split(":")[0]
        print(f"{name:<14} {row['parameters']:>10,}  {_extent([g.stride for g in axes]):<12}  {seen:<46} {source}")
    if options.name:
        _show(chosen[0])
    return 0


def _show(arch: Architecture) -> None:
    """Print the layers."""
    tables: tuple[tuple[str, tuple[Layer, ...]], ...]
    tables = ("U, context", arch.context), ("W, feedback", arch.feedback), ("V, readout", arch.readout)
    if arch.detail:
        tables = *tables, (f"detail, from layer {arch.branch} of U, added to V's first", arch.detail)
    for title, layers in tables:
        print(title if layers else f"{title}: none")
        for layer in layers:
            more = [f"largest of {layer.pool}"] * (layer.pool != 1) + [f"{layer.up} cells of each"] * (layer.up != 1)
            more += ["normalised"] * layer.norm + [layer.activation] + ["+ input"] * layer.residual
            print(
                f"  kernel {layer.kernel}, to {layer.channels or 'the classes'}, stride {layer.stride}, dilation {layer.dilation}, "
                f"{', '.join(more)}"
            )
    pool = f"largest of {arch.pool}, then " if arch.pool != 1 else ""
    print(f"g: {pool}{arch.activation}; padding {arch.padding}")
    if arch.rescales:
        print("every step's labels are coarser, and the image is brought to their size for the next")


def _extent(sizes: list[int]) -> str:
    """One number if all axes agree."""
    return str(sizes[0]) if len(set(sizes)) == 1 else " x ".join(map(str, sizes))
