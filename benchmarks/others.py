"""Do other programs' labels get better? Forests' and a U-Net's labels of CamVid's validation images, before and after refining.

    OMP_NUM_THREADS=1 python benchmarks/unet.py --data DIR --out unet.pt
    python benchmarks/others.py --data DIR --predictions FOLDER --unet unet.pt [--model NAME|FILE] [--every N] [--only NAME...]

- forest: a random forest on scikit-image's `multiscale_basic_features`, which is what ilastik's pixel classification does
- autocontext: a second forest that sees the same features, the first one's probabilities and those smoothed at two widths
  (Tu and Bai 2010; ilastik's Autocontext workflow). Each learns from its own half of the training images (every second
  one), so that the second one sees the first one's mistakes.
- U-Net: segmentation_models.pytorch's, see `unet.py`

Their probabilities are kept in FOLDER (one file an image, half precision), so that a second call refines the same ones, with
another model if you like: `--model`. What is there is not computed again. Each is refined as `retint refine` does, with 1, 2,
4, 8 steps, from the hard labels and from the probabilities. The model's own labels, begun from nothing, stand beside.

Each fit takes under 3 minutes of one thread, a forest's labels of an image 6 to 10 s, so forests label every 4th image (--every);
refining takes a second an image for each of them. --quick: every 25th image, few pixels, a folder of its own in FOLDER.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import retint
from common import RESULTS, features, parser, write
from retint.data import open_dataset
from retint.scoring import Confusion
from unet import Unet

STEPS = (1, 2, 4, 8)
WIDTHS = (2, 8)  # of the Gaussians over the first forest's probabilities, in pixels
TREES = {"n_estimators": 60, "max_depth": 18, "min_samples_leaf": 3, "random_state": 0}
Predict = Callable[[np.ndarray], np.ndarray]


def context_features(probabilities: np.ndarray) -> np.ndarray:
    """(rows, columns, features) from probabilities (K, rows, columns): themselves, and smoothed at two widths."""
    from scipy.ndimage import gaussian_filter

    smooth = [gaussian_filter(probabilities, (0, width, width)) for width in WIDTHS]
    return np.moveaxis(np.concatenate([probabilities, *smooth]), 0, -1).astype(np.float32)


class Forest:
    """A random forest on the features of pixels, and on what an earlier forest says of them if there is one."""

    def __init__(self, pairs: list[Any], classes: int, per_image: int, before: Forest | None = None) -> None:
        from sklearn.ensemble import RandomForestClassifier

        self.classes, self.before = classes, before
        chance = np.random.default_rng(0 if before is None else 1)
        xs, ys = [], []
        for pair in pairs:
            image, labels = pair.read()
            known = np.flatnonzero(labels != 255)
            chosen = chance.choice(known, min(per_image, len(known)), replace=False)
            xs.append(self._seen(image)[chosen])
            ys.append(labels.ravel()[chosen])
        self.trees = RandomForestClassifier(n_jobs=1, **TREES).fit(np.concatenate(xs), np.concatenate(ys))

    def _seen(self, image: np.ndarray) -> np.ndarray:
        planes = [features(image)]
        if self.before is not None:
            planes.append(context_features(self.before(image)))
        seen = np.concatenate(planes, -1)
        return seen.reshape(-1, seen.shape[-1])

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(K, rows, columns)."""
        given = self.trees.predict_proba(self._seen(image))
        result = np.zeros((self.classes, len(given)), np.float32)
        result[self.trees.classes_.astype(int)] = given.T
        return result.reshape(self.classes, *image.shape[:2])


def told(name: str, began: float) -> None:
    print(f"{name}: ready after {time.process_time() - began:.0f} s of processor time", flush=True)


def makers(given: Any, train: list[Any], classes: int) -> dict[str, Callable[[], Predict]]:
    """How each comes about, when its labels are wanted."""
    first: list[Forest] = []
    some = train[:: given.train_every]

    def earlier() -> Forest:
        if not first:
            first.append(Forest(some[::2], classes, given.per_image))
        return first[0]

    result: dict[str, Callable[[], Predict]] = {
        "forest": lambda: Forest(some, classes, given.per_image // 2),
        "autocontext": lambda: Forest(some[1::2], classes, given.per_image, earlier()),
    }
    return result | ({"unet": lambda: Unet(given.unet).probabilities} if given.unet else {})


def predicted(folder: Path, pairs: list[Any], make: Callable[[], Predict], name: str) -> None:
    """Write the probabilities that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [pair for pair in pairs if not (folder / f"{pair.stem}.npy").exists()]
    if not missing:
        return
    began = time.process_time()
    predict = make()
    told(name, began)
    for done, pair in enumerate(missing, start=1):
        np.save(folder / f"{pair.stem}.npy", predict(pair.read()[0]).astype(np.float16))
        if done % 10 == 0 or done == len(missing):
            print(f"{name}: {done} of {len(missing)} images labelled", flush=True)


def refined(model: retint.Model, pairs: list[Any], folder: Path | None, name: str) -> dict[str, Any]:
    """Mean IoU before and after; with no folder, the model's own from nothing."""
    classes = len(model.classes)
    before = Confusion(classes)
    kinds = ("nothing",) if folder is None else ("hard labels", "probabilities")
    after = {kind: {step: Confusion(classes) for step in STEPS} for kind in kinds}
    for done, pair in enumerate(pairs, start=1):
        image, truth = pair.read()
        starts: dict[str, Any] = {"nothing": None}
        if folder is not None:
            y = np.load(folder / f"{pair.stem}.npy").astype(np.float32)
            hard = y.argmax(0).astype(np.uint8)
            before.add(truth, hard)
            starts = {"hard labels": hard, "probabilities": y}
        for kind, start in starts.items():
            for labeling in model.refinements(image, start=start, at=STEPS):
                after[kind][labeling.steps].add(truth, labeling.labels)
        if done % 10 == 0 or done == len(pairs):
            print(f"{name}: {done} of {len(pairs)} images refined", flush=True)
    table = {f"refined from {kind}": _figures(own) for kind, own in after.items()}
    if folder is None:
        return {"images": len(pairs), "steps from nothing": table["refined from nothing"]}
    best = max(row["8"] for row in table.values())
    return {
        "images": len(pairs), "before": round(before.miou(), 5), **table, "gain_points_at_8": round(100 * (best - before.miou()), 3),
        "gain_points_from_hard_labels_at_8": round(100 * (table["refined from hard labels"]["8"] - before.miou()), 3),
    }  # fmt: skip


def _figures(own: dict[int, Confusion]) -> dict[str, float]:
    return {str(step): round(confusion.miou(), 5) for step, confusion in own.items()}


def picture(rows: dict[str, Any]) -> None:
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, row in rows.items():
        steps = [0, *STEPS]
        if "before" not in row:
            axis.plot(
                range(1, len(steps)), list(row["steps from nothing"].values()), marker="o", color="black", label=name,
                ls="--" if "every" in name else "-",
            )
            continue
        (line,) = axis.plot(range(len(steps)), [row["before"], *row["refined from probabilities"].values()], marker="o",
                            label=f"{name}, from probabilities")  # fmt: skip
        axis.plot(range(len(steps)), [row["before"], *row["refined from hard labels"].values()], marker=".", ls=":",
                  color=line.get_color(), label=f"{name}, from hard labels")  # fmt: skip
    axis.set_xticks(range(len(STEPS) + 1), ["before", *map(str, STEPS)])
    axis.set(xlabel="steps of refinement", ylabel="mean IoU, validation images")
    axis.legend(fontsize=8)
    figure.savefig(RESULTS / "others.png", dpi=100)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--predictions", type=Path, required=True, help="folder that keeps the others' probabilities")
    options.add_argument("--unet", type=Path, help="weights of unet.py; without them the U-Net is left out")
    options.add_argument("--model", default="street")
    options.add_argument("--only", nargs="+", choices=("forest", "autocontext", "unet"))
    options.add_argument(
        "--every", type=int, default=4, help="forests label every N-th validation image; the U-Net all"
    )
    options.add_argument("--train-every", type=int, default=8, help="forests learn from every N-th training image")
    options.add_argument(
        "--per-image", type=int, default=2000, help="pixels of each image of a half that forests learn from"
    )
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    if given.quick:
        given.every, given.train_every, given.per_image = 25, 40, 500
        given.predictions /= "quick"  # not to be taken for the real ones
    data = open_dataset(given.data / "camvid")
    classes, train, val = len(data.classes), list(data.splits["train"].pairs), list(data.splits["val"].pairs)
    model, rows, settings = retint.load(given.model), dict[str, Any](), dict[str, Any]()
    if given.unet and "unet" in (given.only or ["unet"]):
        settings["unet"] = Unet(given.unet).told  # what it lacks is told before the forests take their time
    for name, make in makers(given, train, classes).items():
        if given.only and name not in given.only:
            continue
        pairs = val[::25] if given.quick else val if name == "unet" else val[:: given.every]
        predicted(given.predictions / name, pairs, make, name)
        rows[name] = refined(model, pairs, given.predictions / name, name)
        print(name, rows[name], flush=True)
    rows[f"{model.name} alone"] = refined(model, val[::25] if given.quick else val, None, model.name)
    if not given.quick:
        rows[f"{model.name} alone, every {given.every}"] = refined(model, val[:: given.every], None, model.name)
    settings |= {"forests": {"training images": len(train[:: given.train_every]), "pixels an image": given.per_image // 2,
                             "of each half of autocontext": given.per_image, **TREES}}  # fmt: skip
    write("others", {"model": model.name, "split": "val", "settings": settings, "rows": rows})
    picture(rows)


if __name__ == "__main__":
    main()
