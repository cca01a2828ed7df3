"""Do other programs' labels get better? Forests' and a U-Net's labels of CamVid's validation images, before and after refining.

    python benchmarks/unet.py --data DIR --out unet.pt
    python benchmarks/others.py --data DIR --predictions FOLDER --unet unet.pt [--model NAME|FILE] [--every N] [--only ROW...]

- forest: a random forest on scikit-image's `multiscale_basic_features`, which is what ilastik's pixel classification does
- autocontext: a second forest that sees the same features, the first one's probabilities and those smoothed at two widths
  (Tu and Bai 2010; ilastik's Autocontext workflow). Each learns from its own half of the training images (every second
  one), so that the second one sees the first one's mistakes.
- U-Net: segmentation_models.pytorch's, see `unet.py`

Their probabilities are kept in FOLDER (one file an image, half precision), so that a second call refines the same ones, with
another model if you like: `--model`, whose table has its name. What is there, of the same settings, is not computed again. Each is refined as
`retint refine` does, with 1, 2, 4, 8 steps, from the hard labels and from the probabilities. The model's own labels, begun from nothing, stand
beside: of all images (alone), and of those that forests label (alone-every). With --only, other rows stay as they are, and --every must be theirs.

Each fit takes under 3 minutes of one thread, a forest's labels of an image 6 to 10 s, so forests label every 4th image (--every);
refining takes a second an image for each of them. --quick: every 25th image, few pixels, a folder of its own in FOLDER; writes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import retint
from common import RESULTS, after_steps, parser, refuse_to_mix, variant, write_rows
from forest import TREES, Forest
from retint.data import open_dataset
from retint.scoring import Confusion
from unet import Unet

STEPS = (1, 2, 4, 8)
FORESTS, ALONE = ("forest", "autocontext"), ("alone", "alone-every")
Predict = Callable[[np.ndarray], np.ndarray]


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


def predicted(folder: Path, pairs: list[Any], make: Callable[[], Predict], settings: dict[str, Any]) -> None:
    """Write the probabilities that are not there yet, beside what they were made with; those of other settings end the program."""
    name, file = folder.name, folder / "made-with.json"
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.npy")):
        before = json.loads(file.read_text()) if file.exists() else "settings that are not told"
        if before != settings:
            raise SystemExit(f"{folder}: was made with {before}, not {settings}; move it away, or give another --predictions")
    file.write_text(json.dumps(settings))
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


def refined(model: retint.Model, pairs: list[Any], folder: Path) -> dict[str, Any]:
    """Mean IoU before and after."""
    classes = len(model.classes)
    before = Confusion(classes)
    after = {kind: {step: Confusion(classes) for step in STEPS} for kind in ("hard labels", "probabilities")}
    for done, pair in enumerate(pairs, start=1):
        image, truth = pair.read()
        y = np.load(folder / f"{pair.stem}.npy").astype(np.float32)
        hard = y.argmax(0).astype(np.uint8)
        before.add(truth, hard)
        for kind, start in (("hard labels", hard), ("probabilities", y)):
            for labeling in model.refinements(image, start=start, at=STEPS):
                after[kind][labeling.steps].add(truth, labeling.labels)
        if done % 10 == 0 or done == len(pairs):
            print(f"{folder.name}: {done} of {len(pairs)} images refined", flush=True)
    found = {kind: _figures(own) for kind, own in after.items()}
    return {
        "images": len(pairs), "before": round(before.miou(), 5), **{f"refined from {kind}": row for kind, row in found.items()},
        "gain_points_at_8": {kind: round(100 * (row["8"] - before.miou()), 3) for kind, row in found.items()},
    }  # fmt: skip


def _figures(own: dict[int, Confusion]) -> dict[str, float]:
    return {str(step): round(confusion.miou(), 5) for step, confusion in own.items()}


def picture(name: str, rows: dict[str, Any]) -> None:
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for label, row in rows.items():
        steps = [0, *STEPS]
        if "before" not in row:
            axis.plot(
                range(1, len(steps)), list(row["steps from nothing"].values()), marker="o", color="black", label=label,
                ls="--" if "every" in label else "-",
            )  # fmt: skip
            continue
        (line,) = axis.plot(range(len(steps)), [row["before"], *row["refined from probabilities"].values()], marker="o",
                            label=f"{label}, from probabilities")  # fmt: skip
        axis.plot(range(len(steps)), [row["before"], *row["refined from hard labels"].values()], marker=".", ls=":",
                  color=line.get_color(), label=f"{label}, from hard labels")  # fmt: skip
    axis.set_xticks(range(len(STEPS) + 1), ["before", *map(str, STEPS)])
    axis.set(xlabel="steps of refinement", ylabel="mean IoU, validation images")
    axis.legend(fontsize=8)
    figure.savefig(RESULTS / f"{name}.png", dpi=100)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--predictions", type=Path, help="folder that keeps the others' probabilities; for the model alone there is none")
    options.add_argument("--unet", type=Path, help="weights of unet.py; without them the U-Net is left out")
    options.add_argument("--model", default="street")
    options.add_argument("--only", nargs="+", choices=(*FORESTS, "unet", *ALONE), default=[*FORESTS, "unet", *ALONE])
    options.add_argument(
        "--every", type=int, default=4, help="forests label every N-th validation image; the U-Net all"
    )
    options.add_argument("--train-every", type=int, default=8, help="forests learn from every N-th training image")
    options.add_argument(
        "--per-image", type=int, default=2000, help="pixels of each image of a half that forests learn from"
    )
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    others = [name for name in (*FORESTS, "unet") if name in given.only and (name != "unet" or given.unet)]
    if others and given.predictions is None:
        options.error(f"--predictions: expected a folder that keeps the probabilities of {', '.join(others)}")
    if given.quick:
        given.every, given.train_every, given.per_image = 25, 40, 500
        given.predictions = given.predictions and given.predictions / "quick"  # not to be taken for the real ones
    data = open_dataset(given.data / "camvid")
    classes, train, val = len(data.classes), list(data.splits["train"].pairs), list(data.splits["val"].pairs)
    model, name, rows = retint.load(given.model), variant("others", options, given, "model"), dict[str, Any]()
    some = val[:: given.every]
    alone = {"alone": (f"{model.name} alone", val), "alone-every": (f"{model.name} alone, every {given.every}", some)}
    alone = {key: row for key, row in alone.items() if key in given.only}
    settings = {"model": model.name, "split": "val", "every": given.every}
    if not given.quick:
        refuse_to_mix(name, settings, [*others, *(row for row, _ in alone.values())], "rows")
    learned = {"training images": len(train[:: given.train_every]), **TREES}
    how = {
        "forest": {"pixels an image": given.per_image // 2, **learned},
        "autocontext": {"pixels an image of each half": given.per_image, **learned},
    } | ({"unet": Unet(given.unet).told} if "unet" in others else {})  # what that lacks is told before the forests take their time
    for one, make in makers(given, train, classes).items():
        if one in others:
            pairs, folder = val if one == "unet" and not given.quick else some, given.predictions / one
            predicted(folder, pairs, make, how[one])
            rows[one] = {"made with": how[one], **refined(model, pairs, folder)}
            print(one, rows[one], flush=True)
    for row, pairs in alone.values():
        pairs = some if given.quick else pairs
        rows[row] = {"images": len(pairs), "steps from nothing": _figures(after_steps(model, pairs, STEPS))}
        print(row, rows[row], flush=True)
    if not given.quick:
        picture(name, write_rows(name, settings, rows, "rows", [*FORESTS, "unet", f"{model.name} alone"]))


if __name__ == "__main__":
    main()
