"""Train the models that the package ships: python benchmarks/train_shipped.py street|membrane|vessel --data DIR [--out FILE].

Each stage has a file of its own beside --out. Called again, the same command goes on with a stage that was stopped, and does not train again what is
there, if it was trained with the same settings. Each run learns from the train part alone. The times are for two cores without bfloat16 instructions; the later stages of
`street`, `membrane` and `vessel` were run with one thread, beside other work. A stage begins from the weights of the one before.
The second stage of the `street` that ships was run when `standard-8-4` did not yet see the image's finer planes (detail);
U and W, which is 92 % of the weights, went on to the third. The first stage of `vessel` was run before hints had emphasis.
The first four stages of `street` and the first two of `vessel` were run with AdamW, before Muon was the optimiser. The last stages
of both were run with one thread on a processor with bfloat16 instructions; the sixth of `street` from a `standard-8-4` with fewer
layers of detail. Its seventh was run without swapped regions (`retint.learning.misled`) and stopped after 11 of its 20 epochs;
what ships is the mean of the last and the sixth (three fifths, two fifths). The second stage of `membrane`, too, ran on a processor
with bfloat16 instructions, one thread beside another, and so did its third, begun from the first as well, and its fourth, begun from the mean
of all three; what ships is the mean of the first, the second and the fourth.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from pathlib import Path

import retint
from common import parser, retina_parts
from retint.labeling.judging.calibrate import save_calibrated
from retint.labeling.judging.evaluate import evaluate
from retint.learning import Settings
from retint.learning.augment import Augmentation
from retint.modelfile import load_model, save_model
from training import trained

CAMVID_COLOURS = (
    (128, 190, 235), (128, 64, 48), (192, 192, 128), (110, 90, 130), (235, 130, 190), (70, 130, 40), (230, 60, 50),
    (90, 80, 160), (30, 60, 200), (240, 150, 30), (0, 190, 200),
)  # fmt: skip
RECIPES = {
    "street": {
        "data": "camvid", "colours": CAMVID_COLOURS,
        "stages": (
            Settings(arch="standard-8", minutes=45, rate=2e-3),
            Settings(arch="standard-8-4", minutes=118, rate=1.5e-3, crop=(320, 320), average=0.999),
            Settings(arch="standard-8-4", minutes=88, rate=2e-3, crop=(320, 320), average=0.999, rare=0.2, overlap=0.6, augmentation=Augmentation(scale=1.75)),
            Settings(arch="standard-8-4", minutes=84, rate=1.5e-3, seed=1, crop=(320, 320), average=0.999, rare=0.2, overlap=0.6, augmentation=Augmentation(scale=1.75)),
            Settings(arch="standard-8-4", minutes=66, rate=1.5e-3, seed=2, crop=(320, 320), average=0.999, rare=0.2, overlap=0.6, spoilt=0.4, augmentation=Augmentation(scale=1.75)),
            Settings(arch="standard-8-4", epochs=60, rate=3e-3, seed=3, crop=(320, 320), average=0.999, rare=0.2, overlap=0.6, spoilt=0.4, augmentation=Augmentation(scale=1.75)),
            Settings(arch="standard-8-4", epochs=20, rate=2e-3, seed=11, crop=(320, 320), average=0.999, rare=0.2, overlap=0.6, spoilt=0.4, hinted=0.6, misled=1.0, augmentation=Augmentation(scale=1.75)),
            Settings(arch="standard-8-4", epochs=16, rate=2e-3, seed=11, crop=(320, 320), average=0.999, rare=0.2, overlap=0.6, spoilt=0.4, hinted=0.6, misled=1.0, augmentation=Augmentation(scale=1.75)),
        ),
        "mean": {6: 0.4},
        "notes": "Street scenes from a car at about 480 x 360 pixels, daylight. Trained on CamVid (Brostow, Fauqueur, Cipolla 2009).",
    },
    "membrane": {
        "data": "em", "stages": (
            Settings(arch="small-2", minutes=13, rate=4e-3),
            Settings(arch="small-2", minutes=9, rate=2e-3, seed=1, average=0.999),
            Settings(arch="small-2", minutes=9, rate=3e-3, seed=2, average=0.999),
            Settings(arch="small-2", minutes=9, rate=2e-3, seed=5, average=0.999, spoilt=0.6),
        ),
        "begin": {3: (1,), 4: (1, 2, 3)}, "mean": {1: 1 / 3, 2: 1 / 3},
        "colours": ((230, 60, 40), (60, 140, 220)),
        "notes": "Cell membranes in electron microscopy of fly nerve cord, 4 nm pixels. Trained on ISBI 2012 (Arganda-Carreras et al. 2015).",
    },
    "vessel": {
        "data": "retina", "stages": (
            Settings(arch="small-2-1", minutes=40, rate=2e-3, crop=(192, 192), average=0.999, rare=0.25),
            Settings(arch="small-2-1", minutes=14, rate=8e-4, seed=1, crop=(192, 192), rare=0.0),
            Settings(arch="small-2-1", minutes=10, rate=2e-3, seed=2, crop=(192, 192), average=0.999, rare=0.0, spoilt=0.4),
            Settings(arch="small-2-1", minutes=16, rate=2e-3, seed=3, crop=(192, 192), average=0.999, rare=0.0, spoilt=0.4),
        ),
        "colours": ((40, 40, 40), (60, 220, 120)),
        "notes": "Blood vessels in fundus photographs about 565 pixels wide. Trained on DRIVE (Staal et al. 2004).",
    },
}  # fmt: skip


def mix(out: Path, others: dict[Path, float], data: Path) -> None:
    """Make a model the mean of itself and others that began from the same one, or that it began from, with these shares (Wortsman et
    al. 2022, Model soups): where a stage taught something at a price, less is paid than is kept. Scores and temperature are taken anew."""
    last, card = load_model(out)
    card = dataclasses.replace(card, temperature=1.0, trained_on={**card.trained_on, "mean with others": sum(others.values())})
    mean = {name: (1 - sum(others.values())) * tensor for name, tensor in last.items()}
    for other, share in others.items():
        for name, tensor in load_model(other)[0].items():
            mean[name] += share * tensor
    save_model(out, mean, card)
    found = evaluate(retint.load(out), data, "val", fit=True)
    scores = {str(n): {"miou": c.miou(), "pixel_accuracy": c.pixel_accuracy()} for n, c in found.confusions.items()}
    save_calibrated(found, out, out)
    tensors, card = load_model(out)
    save_model(out, tensors, dataclasses.replace(card, scores={"images": found.images, "steps": scores, "fitted": found.to_dict()["fitted"]}))


def begun(number: int, files: dict[int, Path], chosen: dict[int, tuple[int, ...]], data: Path) -> Path | None:
    """What a stage begins from: the stage before it, another, or the mean of several."""
    stages = chosen.get(number, (number - 1,))
    if len(stages) == 1:
        return files.get(stages[0])
    first, *others = (files[stage] for stage in stages)
    mean = first.with_name(f"{first.stem}-begin{number}.safetensors")
    shutil.copyfile(first, mean)
    mix(mean, dict.fromkeys(others, 1 / len(stages)), data)
    return mean


def main() -> None:
    options = parser(__doc__)
    options.add_argument("name", choices=RECIPES)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    recipe = RECIPES[given.name]
    out = given.out or Path("runs") / f"{given.name}.safetensors"
    if out.exists():
        options.error(f"{out}: exists already; move it away, or give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = (
            retina_parts(given.data, Path(folder) / "retina") if given.name == "vessel" else given.data / recipe["data"]
        )
        files: dict[int, Path] = {}
        for number, settings in enumerate(recipe["stages"], start=1):
            before = begun(number, files, recipe.get("begin", {}), data)
            file = out.with_name(f"{out.stem}-stage{number}.safetensors")
            stage = dataclasses.replace(settings, start=None if before is None else str(before))
            files[number] = trained(data, file, stage, file.stem, clock=time.monotonic, note=print)
        last = Path(folder) / out.name
        shutil.copyfile(files[len(files)], last)
        if "mean" in recipe:
            mix(last, {files[number]: share for number, share in recipe["mean"].items()}, data)
        tensors, card = load_model(last)
    save_model(out, tensors, dataclasses.replace(card, colours=recipe["colours"], notes=recipe["notes"]))


if __name__ == "__main__":
    main()
