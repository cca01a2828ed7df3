"""What refinement is worth: the same network, schedule and seed, trained and run with one step only.

python benchmarks/one_step.py --data DIR [--epochs 2] [--arch small-8] [--seeds 0,1,2]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import retint
from common import parser, write
from retint.labeling.evaluate import evaluate
from retint.learning import Settings, train


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, help="of each run; both take the same time")
    options.add_argument("--epochs", type=float, help="of each run; both see the same views")
    options.add_argument("--arch", default="small-8")
    options.add_argument("--seeds", default="0,1,2")
    options.add_argument("--crop", type=int, default=160)
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--set", default="camvid")
    options.add_argument("--name", default="one-step")
    given = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in map(int, given.seeds.split(",")):
            row = {"seed": seed}
            for kind, window in (("refining", 2), ("one step", 0)):
                out = Path(folder) / f"{kind}-{seed}.safetensors"
                length = {"minutes": given.minutes} if given.minutes else {"epochs": given.epochs or 2}
                train(
                    given.data / given.set,
                    out,
                    Settings(
                        arch=given.arch, seed=seed, window=window, crop=(given.crop,) * 2, batch=given.batch, **length
                    ),
                )
                model = retint.load(out)
                steps = (1, 2, 4, 8) if window else (1,)
                figures = evaluate(model, given.data / given.set, "val", steps).to_dict()["steps"]
                row[kind] = {s: f["miou"] for s, f in figures.items()}
                row[f"{kind} iterations"] = round(model.card.trained_on["iterations"])
                print(row, flush=True)
            row["gain_points"] = round(100 * (row["refining"]["8"] - row["one step"]["1"]), 3)
            rows.append(row)
            gains = [r["gain_points"] for r in rows]
            write(given.name, {
                "set": given.set, "arch": given.arch, "minutes": given.minutes, "epochs": given.epochs, "crop": given.crop, "batch": given.batch, "runs": rows,
                "gain_points_mean": round(float(np.mean(gains)), 3),
                "gain_points_spread": round(float(np.std(gains, ddof=1)), 3) if len(gains) > 1 else None,
            })  # fmt: skip


if __name__ == "__main__":
    main()
