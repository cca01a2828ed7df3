"""How much frames of a film differ, and where a cut begins: python benchmarks/cuts.py --data DIR.

Share of the 16 x 16 parts of a frame that show something else than in the frame before (`retint.labeling.video`): frames of
CamVid's val part 1/15 s apart, of its train part 1 s apart (by the numbers in their names), and of different sequences, every
fifth frame of each against every fifth of the others. And what moving a frame's small picture leaves of its difference from the
next one's (`retint.labeling.motion`): of val's frames, 1/15 to 16/15 s apart, and of pictures that differ by noise alone.
"""

from __future__ import annotations

from itertools import combinations, groupby, pairwise, product
from typing import Any

import numpy as np

from common import parser, write
from retint.data import open_dataset
from retint.labeling.motion import _LEFT, flow, left
from retint.labeling.video import CUT, differing, look_of


def spread(shares: list[float]) -> dict[str, Any]:
    found = np.array(shares)
    return {
        "pairs": len(found), "least": round(float(found.min()), 4), "median": round(float(np.median(found)), 4),
        "largest": round(float(found.max()), 4), "cuts": int((found > CUT).sum()),
    }  # fmt: skip


def left_by_motion(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    shares = [left(before, after, flow(before, after)) for before, after in pairs]
    found = {"least": min(shares), "median": np.median(shares), "largest": max(shares)}
    return {"pairs": len(shares)} | {name: round(float(share), 4) for name, share in found.items()}


def noisy(picture: np.ndarray, strength: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, strength, picture.shape)
    return picture + noise.astype(np.float32)


def main() -> None:
    given = parser(__doc__).parse_args()
    splits = open_dataset(given.data / "camvid").splits
    looks = {
        part: {
            pair.stem: look_of(pair.read()[0], pair.stem) for pair in sorted(splits[part].pairs, key=lambda p: p.stem)
        }
        for part in ("train", "val")
    }
    number = {stem: int(stem.rsplit("_", 1)[1].lstrip("f")) for part in looks.values() for stem in part}
    films = [[looks["train"][s] for s in stems] for _, stems in groupby(looks["train"], key=lambda s: s.split("_")[0])]
    table: dict[str, Any] = {}
    for part, apart in (("val", 2), ("train", 30)):
        shown = f"{part}, frames {'1/15' if apart == 2 else '1'} s apart"
        table[shown] = spread(
            [
                differing(looks[part][a], looks[part][b])
                for a, b in pairwise(looks[part])
                if a.split("_")[0] == b.split("_")[0] and number[b] - number[a] == apart
            ]
        )
    table["train, different sequences"] = spread(
        [differing(a, b) for one, other in combinations(films, 2) for a, b in product(one[::5], other[::5])]
    )
    pictures = [looks["val"][stem].picture for stem in looks["val"]]
    moved = {
        f"{gap}/15 s apart": left_by_motion(list(zip(pictures[:-gap:gap], pictures[gap::gap], strict=True)))
        for gap in (1, 2, 4, 8, 16)
    } | {
        f"noise of {s}": left_by_motion([(noisy(p, s, 2 * n), noisy(p, s, 2 * n + 1)) for n, p in enumerate(pictures[::10])])
        for s in (0.002, 0.01, 0.05)
    }  # fmt: skip
    print(table, moved)
    write("cuts", {
        "share_that_counts_as_a_cut": CUT, "shares": table, "share_that_motion_may_leave": _LEFT, "left_by_motion": moved,
    })  # fmt: skip


if __name__ == "__main__":
    main()
