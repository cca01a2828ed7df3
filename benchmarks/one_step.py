"""What refinement is worth: the same network, schedule and seed, trained and run with one step only.

python benchmarks/one_step.py --data DIR [--sets em retina camvid] [--epochs 4 8 6 | --minutes 2 2 6] [--seeds 0 1 2]

Both runs of a pair see the same views with the same learning rates (--epochs; the refining one takes two to three times as long), or
take the same processor time of one thread (--minutes; the one-step network then sees more views). Measured on val:
mean IoU and each class's, of all pixels and of those within 2, 4 and 8 pixels of a border between classes (trimap). Rows
are added to the results as they come; a row that is there already, of the same settings, is not run again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

import retint
from common import earlier, made, parser, retina_parts, write
from retint.data import open_dataset
from retint.learning import Settings
from retint.scoring import Confusion, near_borders
from training import trained

ARCHS = {"em": "small-2", "retina": "small-2", "camvid": "small-8"}
EPOCHS = {"em": 4.0, "retina": 8.0, "camvid": 6.0}
MORE = {"camvid": {"crop": [160, 160], "batch": 8}}
BANDS = (2, 4, 8)


def measured(model: retint.Model, data: Path, steps: tuple[int, ...]) -> dict[str, dict]:
    """At each number of steps: mean IoU and that of the classes, everywhere and in each band."""
    classes = len(model.classes)
    confusions = {step: {name: Confusion(classes) for name in ("all", *BANDS)} for step in steps}
    for pair in open_dataset(data).splits["val"].pairs:
        image, truth = pair.read()
        bands = {band: np.where(near_borders(truth, band), truth, 255) for band in BANDS}
        for labeling in model.refinements(image, at=steps):
            for name, confusion in confusions[labeling.steps].items():
                confusion.add(truth if name == "all" else bands[name], labeling.labels)
    return {
        str(step): {
            str(name): {"miou": round(c.miou(), 5), "iou": [round(float(n), 4) for n in c.iou()]}
            for name, c in rows.items()
        }
        for step, rows in confusions.items()
    }


def pair_of_runs(data: Path, wanted: dict, folder: Path) -> dict:
    """The row that is told what of a run is wanted: its set, and its settings."""
    row = dict(wanted)
    settings = {key: value for key, value in wanted.items() if key != "set"}
    for kind, window in (("refining", 2), ("one step", 0)):
        out = folder / f"{wanted['set']}-{window}-{wanted['seed']}.safetensors"
        model = retint.load(trained(data, out, Settings(window=window, **settings), out.stem))
        row[kind] = measured(model, data, (1, 2, 4, 8) if window else (1,))
        row[f"{kind} iterations"] = model.card.trained_on["iterations"]
    after, control = row["refining"]["8"], row["one step"]["1"]
    row["gain_points"] = {band: round(100 * (after[band]["miou"] - control[band]["miou"]), 3) for band in after}
    first = row["refining"]["1"]
    row["within_points"] = {band: round(100 * (after[band]["miou"] - first[band]["miou"]), 3) for band in after}
    return row


def summary(rows: list[dict]) -> dict:
    """Of each set, and runs of one length: mean and spread of the gains over the seeds."""
    mine: dict[str, list[dict]] = {}
    for row in rows:
        length = f"{row['epochs']:g} epochs" if "epochs" in row else f"{row['minutes']:g} minutes"
        mine.setdefault(f"{row['set']}, {length}", []).append(row)
    result: dict = {name: {} for name in mine}
    for name, some in mine.items():
        for what in ("gain_points", "within_points"):
            gains = {band: [row[what][band] for row in some] for band in some[0][what]}
            result[name][what] = {
                band: {
                    "mean": round(float(np.mean(n)), 2),
                    "spread": round(float(np.std(n, ddof=1)), 2) if len(n) > 1 else None,
                }
                for band, n in gains.items()
            }
    return result


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sets", nargs="+", choices=ARCHS, default=list(ARCHS))
    budget = options.add_mutually_exclusive_group()
    budget.add_argument("--epochs", nargs="+", type=float, help="of each run, for each of the sets")
    budget.add_argument("--minutes", nargs="+", type=float, help="in their place")
    options.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = options.parse_args()
    lengths = given.minutes or given.epochs or [EPOCHS[name] for name in given.sets]
    if len(lengths) != len(given.sets):
        what = "--minutes" if given.minutes else "--epochs"
        options.error(f"{what}: found {len(lengths)} for {len(given.sets)} sets; expected one for each")
    torch.set_num_threads(1)
    rows = list(earlier("one-step", "rows"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        retina = retina_parts(given.data, folder / "retina") if "retina" in given.sets else None
        for seed in given.seeds:
            for name, many in zip(given.sets, lengths, strict=True):
                length = {"minutes" if given.minutes else "epochs": many}
                wanted = {"set": name, "arch": ARCHS[name], "seed": seed, **length, **MORE.get(name, {})}
                if any(wanted.items() <= row.items() for row in rows):
                    continue
                data = retina if name == "retina" else given.data / name
                rows.append(made() | pair_of_runs(data, wanted, folder))
                print(name, seed, rows[-1]["gain_points"], rows[-1]["within_points"], flush=True)
                write("one-step", {"summary": summary(rows), "rows": rows}, own=True)


if __name__ == "__main__":
    main()
