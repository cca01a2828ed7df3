"""The book's and the papers' systems and Retint's own, side by side on CamVid, each trained in the same processor time.

python benchmarks/papers.py --data DIR [--minutes 2.5] [--models DIR] [--only NAME ...] [--every N] [--train-only | --picture-only]

With --only, the rows of other systems stay as they are, and --minutes and --every must be theirs; the picture shows all systems
of the table, if --models has them. Trains what is missing in --models (one thread, by processor time, so that a busy machine changes little;
what is there must have been trained with the same settings), then measures on val (480 x 360): mean IoU, pixel and class accuracy after one step
and after more, parameters, receptive field, seconds per image. Writes the table and the picture of the same three images labelled by each;
prints the table of docs/systems.md.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import retint
from common import RESULTS, linked, parser, refuse_to_mix, write_rows
from retint.data import open_dataset
from retint.labeling.judging.evaluate import evaluate
from retint.learning import Settings
from retint.network import CATALOGUE, Geometry, RecurrentNetwork, build
from training import trained

SHOWN = (5, 50, 95)
"""Of the validation images, those in the picture."""


def thinned(data: Path, folder: Path, every: int) -> Path:
    """The same data set with every so-many-th validation image alone."""
    splits = open_dataset(data).splits
    return linked(data, {"train": splits["train"].pairs, "val": splits["val"].pairs[::every]}, folder)


def seconds(model: retint.Model, image: np.ndarray, steps: int) -> float:
    """Median of five."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        model.label(image, steps)
        taken.append(time.perf_counter() - began)
    return round(float(np.median(taken)), 3)


def row(name: str, model: retint.Model, data: Path, every: int) -> dict:
    """The figures of an entry."""
    arch = CATALOGUE[name]
    geometry = Geometry(arch)
    steps = sorted({1, *arch.instances}) if arch.instances else [1, 2, 4, 8]
    with tempfile.TemporaryDirectory() as folder:
        figures = evaluate(model, thinned(data, Path(folder), every), "val", steps).to_dict()["steps"]
    image, _ = open_dataset(data).splits["val"].pairs[0].read()
    net: RecurrentNetwork = build(arch, 3, len(model.classes))
    return {
        "parameters": sum(p.numel() for p in net.parameters()), "stride": geometry.stride,
        "receptive_field": {s: geometry.receptive_field(s) for s in steps},
        "iterations": model.card.trained_on["iterations"],
        **{
            key: {s: f[key] for s, f in figures.items()} for key in ("miou", "pixel_accuracy", "class_accuracy")
        },
        "gain_points": round(100 * (figures[str(steps[-1])]["miou"] - figures["1"]["miou"]), 2),
        "seconds_per_image": {s: seconds(model, image, s) for s in (1, steps[-1])},
    }  # fmt: skip


def picture(models: dict[str, retint.Model], data: Path) -> None:
    """The labels of the same three images by each system: colours alone, as the photographs are not ours to hand on."""
    pairs = open_dataset(data).splits["val"].pairs
    images = [pairs[index].read()[0] for index in SHOWN]
    figure, panels = plt.subplots(-(-len(models) // 3), 3, figsize=(15, 1.75 * -(-len(models) // 3)), squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for panel, (name, model) in zip(panels.flat, models.items(), strict=False):
        palette = np.array(model.card.colours, np.uint8)
        panel.imshow(np.concatenate([palette[model.label(image).labels][::2, ::2] for image in images], 1))
        panel.set_title(name, fontsize=10)
    figure.tight_layout()
    figure.savefig(RESULTS / "papers.png", dpi=80)


def page(rows: dict[str, dict]) -> str:
    """The table in Markdown."""
    lines = [
        "| system | parameters | label cell | sees | mean IoU, 1 step | more steps | pixel acc. | class acc. | s/image |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, r in rows.items():
        last = list(r["miou"])[-1]
        more = f"{r['miou'][last]:.3f} ({last})" if last != "1" else "-"
        sees = list(r["receptive_field"].values())[-1]
        lines.append(
            f"| `{name}` | {r['parameters']:,} | {r['stride']} | {sees} | {r['miou']['1']:.3f} | {more} "
            f"| {r['pixel_accuracy'][last]:.3f} | {r['class_accuracy'][last]:.3f} "
            f"| {list(r['seconds_per_image'].values())[-1]:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=2.5, help="of processor time for each")
    options.add_argument("--models", type=Path, default=Path("runs/papers"))
    options.add_argument("--only", nargs="+", default=[name for name, a in CATALOGUE.items() if a.dims == 2])
    options.add_argument("--every", type=int, default=1, help="measure on every so-many-th validation image")
    part = options.add_mutually_exclusive_group()
    part.add_argument("--train-only", action="store_true")
    part.add_argument("--picture-only", action="store_true", help="of the systems of --only")
    given = options.parse_args()
    settings = {"processor_minutes_each": given.minutes, "threads": 1, "every_nth_validation_image": given.every}
    if not given.train_only and not given.picture_only:
        refuse_to_mix("papers", settings, given.only, "systems")
    torch.set_num_threads(1)
    data = given.data / "camvid"
    given.models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        small = thinned(data, Path(folder) / "camvid", 10)  # what training looks at on its way need not be all
        files = {}
        for name in given.only:
            how = Settings(arch=name, minutes=given.minutes, crop=(320, 320))
            files[name] = trained(small, given.models / f"{name}.safetensors", how, name, note=print)
    if given.train_only:
        return
    models = {name: retint.load(file) for name, file in files.items()}
    if given.picture_only:
        picture(models, data)
        return
    rows: dict[str, dict] = {}
    for name, model in models.items():
        rows[name] = row(name, model, data, given.every)
        print(name, rows[name], flush=True)
        table = write_rows("papers", settings, rows, "systems", CATALOGUE)
    files = {name: given.models / f"{name}.safetensors" for name in table}
    if missing := [name for name, file in files.items() if not file.exists()]:
        print(f"papers.png stays as it is: {given.models} lacks {', '.join(missing)}")
    else:
        picture({name: retint.load(file) for name, file in files.items()}, data)
    print(page(table))


if __name__ == "__main__":
    main()
