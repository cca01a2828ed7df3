"""Does `retint next` choose images that teach more than chance? python benchmarks/next_images.py --data DIR [--quick].

camvid's training labels are hidden. A model learns from 5 images drawn at random; 10 more are then chosen by `retint next`, by
doubt alone (without diversity), by how much doubt they lie near (coverage), or at random; it learns on from all 15. Each
training has the same processor time, and the four of a seed begin alike. Measured on every fifth validation image, which are all of one sequence, and on 60 training
images of all three sequences that cannot be chosen: what is labelled, and what one wants labelled, are often of one kind.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import retint
from common import linked, parser, variant, write
from retint.data import Pair, open_dataset
from retint.data.folder import read_indices
from retint.labeling.judging.evaluate import evaluate
from retint.labeling.judging.layout import distances, layout_of_labels
from retint.labeling.judging.nextup import Candidate, next_images
from retint.learning import Settings
from training import trained

FIRST, MORE, APART = 5, 10, 60
ARMS = ("next", "coverage", "doubt alone", "random")


def covering(candidates: list[Candidate], known: list[np.ndarray], count: int) -> list[Candidate]:
    """One after another, those that bring the doubted images nearest to a labelled one (Wei, Iyer, Bilmes 2015)."""
    layouts, doubts = np.stack([one.layout for one in candidates]), np.array([one.doubt for one in candidates])
    apart = np.stack([distances(layouts, one) for one in layouts])
    nearest = np.min([np.ones(len(layouts)), *(distances(layouts, other) for other in known)], 0)
    chosen: list[int] = []
    for _ in range(count):
        gain = ((nearest - np.minimum(nearest, apart)) * doubts).sum(1)
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        nearest = np.minimum(nearest, apart[chosen[-1]])
    return [candidates[number] for number in chosen]


def seed_of(source: Path, folder: Path, seed: int, minutes: float, pool: int | None, arch: str) -> dict:
    data = open_dataset(source)
    held = list(data.splits["val"].pairs[::5])
    chance = np.random.default_rng(seed)
    shuffled = [data.splits["train"].pairs[k] for k in chance.permutation(len(data.splits["train"].pairs))]
    apart, shuffled = shuffled[:APART], shuffled[APART:]
    first, rest = shuffled[:FIRST], shuffled[FIRST : None if pool is None else FIRST + pool]
    like_the_pool = linked(source, {"train": first, "val": apart}, folder / f"{seed}-apart")
    begin = folder / f"{seed}.safetensors"

    def learn(pairs: list[Pair], out: Path, start: str | None) -> dict[str, float]:
        dataset = linked(source, {"train": pairs, "val": held}, folder / out.stem)
        trained(dataset, out, Settings(arch=arch, minutes=minutes, seed=seed, start=start), out.stem)
        sets = {"val": dataset, "like the pool": like_the_pool}
        return {
            name: float(evaluate(retint.load(out), which, "val", (8,)).confusions[8].miou())
            for name, which in sets.items()
        }

    row: dict = {"seed": seed, "miou_of_the_first": learn(first, begin, None)}
    order = next_images(retint.load(begin), [pair.image for pair in rest], first, len(rest))
    by_file = {pair.image: pair for pair in rest}
    worth = [by_file[choice.candidate.image] for choice in order.choices]
    doubts = {choice.candidate.image: choice.candidate.doubt for choice in order.choices}
    known = [layout_of_labels(read_indices(pair.labels, 2), len(data.classes)) for pair in first]
    covered = covering([choice.candidate for choice in order.choices], known, MORE)
    arms = {
        "next": worth[:MORE],
        "coverage": [by_file[one.image] for one in covered],
        "doubt alone": sorted(rest, key=lambda pair: -doubts[pair.image])[:MORE],
        "random": rest[:MORE],
    }
    for name in ARMS:
        out = folder / f"{seed}-{name.replace(' ', '-')}.safetensors"
        row[name] = {
            "miou": learn([*first, *arms[name]], out, str(begin)),
            "images": [pair.stem for pair in arms[name]],
        }
        print(seed, name, row[name], flush=True)
    return row


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=3, metavar="N")
    options.add_argument("--minutes", type=float, default=6.0, metavar="N", help="processor minutes of each training")
    options.add_argument("--pool", type=int, metavar="N", help="choose among so many images (default: all)")
    options.add_argument("--arch", default="small-8", metavar="NAME")
    options.add_argument(
        "--quick", action="store_true", help="one seed, seconds of training, few images: to try it out"
    )
    given = options.parse_args()
    if given.quick:
        given.seeds, given.minutes, given.pool = 1, 0.2, 12
    settings = {
        "arch": given.arch, "processor_minutes": given.minutes, "pool": given.pool, "first": FIRST, "more": MORE, "apart": APART, "split": "every fifth of val",
    }  # fmt: skip
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds):
            rows.append(seed_of(given.data / "camvid", Path(folder), seed, given.minutes, given.pool, given.arch))
            means = {
                name: {where: float(np.mean([row[name]["miou"][where] for row in rows])) for where in rows[0][name]["miou"]}
                for name in ARMS
            }
            if not given.quick:
                write(variant("next-images", options, given, "arch"), {**settings, "mean_miou": means, "seeds": rows})


if __name__ == "__main__":
    main()
