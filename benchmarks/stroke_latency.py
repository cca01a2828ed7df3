"""From a stroke to new labels, in a session on one megapixel, against labelling anew: python benchmarks/stroke_latency.py --data DIR.

Street scenes of CamVid's val part, enlarged to one megapixel. Strokes as a person draws them: curved lines of 20 to 100 pixels,
5 broad, that begin on a mistake and have its true class. The time is that of `Session.stroke`, which ends with the labels of
all pixels. `cpu` is processor time of all threads, which does not depend on what else the machine does.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from PIL import Image

import retint
from common import clocked, parser, variant, write
from retint.data import open_dataset

PIXELS = 1_000_000


def enlarged(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both at one megapixel."""
    factor = (PIXELS / labels.size) ** 0.5
    size = round(labels.shape[1] * factor), round(labels.shape[0] * factor)
    nearest = Image.fromarray(labels).resize(size, Image.Resampling.NEAREST)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)), np.asarray(nearest)


def line(chance: np.random.Generator, begin: np.ndarray) -> np.ndarray:
    """Points of a curved line, 5 pixels apart, 20 to 100 pixels long."""
    angles = chance.uniform(0, 2 * np.pi) + np.cumsum(chance.normal(0, 0.25, int(chance.integers(20, 101)) // 5))
    steps = 5 * np.stack([np.sin(angles), np.cos(angles)], 1)
    return begin + np.cumsum(np.concatenate([np.zeros((1, 2)), steps]), 0)


def summary(times: list[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = 1000 * np.array(times).T
    return {
        "median ms": round(float(np.median(wall)), 1), "95th percentile ms": round(float(np.percentile(wall, 95)), 1),
        "cpu median ms": round(float(np.median(cpu)), 1), "count": len(times),
    }  # fmt: skip


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--model", default="street")
    options.add_argument("--images", type=int, default=5, help="images, spread over the val part")
    options.add_argument("--strokes", type=int, default=30, help="strokes on each")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--quick", action="store_true", help="one image, ten strokes; writes nothing")
    given = options.parse_args()
    if given.quick:
        given.images, given.strokes = 1, 10
    torch.set_num_threads(given.threads)
    model, chance = retint.load(given.model), np.random.default_rng(0)
    pairs = list(open_dataset(given.data / "camvid").splits["val"].pairs)
    anew: list[tuple[float, float]] = []
    strokes: list[tuple[float, float]] = []
    undone: list[tuple[float, float]] = []
    shares, worst = [], 0.0
    for pair in pairs[len(pairs) // (2 * given.images) :: len(pairs) // given.images][: given.images]:
        image, truth = enlarged(*pair.read())
        session = model.session(image)
        session.stroke(int(session.labels[9, 9]), [(9, 9), (40, 40)])  # what the first call of all sets up
        session.undo()
        for _ in range(given.strokes):
            wrong = np.argwhere((session.labels != truth) & (truth != 255))
            begin = wrong[chance.integers(len(wrong))]
            points = line(chance, begin)
            before = session.labels.copy()
            strokes.append(
                clocked(lambda s=session, t=truth, b=begin, p=points: s.stroke(int(t[tuple(b)]), p, width=5))[:2]
            )
            shares.append(float((before != session.labels).mean()))
        for _ in range(3):
            anew.append(clocked(lambda i=image, s=session: model.label(i, hints=s.hints))[:2])
        last = model.label(image, hints=session.hints)
        worst = max(worst, float(np.abs(last.estimate - session.labeling.estimate).max()))
        for _ in range(5):
            undone.append(clocked(session.undo)[:2])
        print(pair.stem, summary(strokes), flush=True)
    table = {
        "model": given.model, "image": image.shape, "steps": session.steps, "cores": os.cpu_count(), "load": os.getloadavg()[0],
        "session keeps bytes": model.session_bytes(image.shape), "stroke": summary(strokes), "undo": summary(undone),
        "labelling anew": summary(anew), "share of pixels relabelled, mean": round(float(np.mean(shares)), 5),
        "largest difference of a probability": worst,
    }  # fmt: skip
    for kind in ("median ms", "cpu median ms"):
        table[f"anew / stroke, {kind[:-3]}"] = round(table["labelling anew"][kind] / table["stroke"][kind], 1)
    print(table)
    if not given.quick:
        write(variant("stroke-latency", options, given, "model"), table)


if __name__ == "__main__":
    main()
