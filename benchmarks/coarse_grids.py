"""What a perfect network could reach on a coarse label grid: python benchmarks/coarse_grids.py --data DIR.

Labels averaged over the cells of the grid and interpolated back, against themselves; every eighth training image.
"""

from __future__ import annotations

from common import parser, write
from retint.data import open_dataset
from retint.data.stride import coarsened
from retint.images import read_labels
from retint.scoring import Confusion


def main() -> None:
    given = parser(__doc__).parse_args()
    rows: dict[str, dict] = {}
    for name in ("camvid", "em", "retina"):
        data = open_dataset(given.data / name)
        for stride in (2, 4, 8):
            confusion = Confusion(len(data.classes))
            for pair in data.splits["train"].pairs[::8]:
                labels = read_labels(pair.labels)
                confusion.add(labels, coarsened(labels, stride))
            iou = dict(zip(data.classes, (round(float(x), 4) for x in confusion.iou()), strict=True))
            rows.setdefault(name, {})[str(stride)] = {"miou": round(confusion.miou(), 4), "iou": iou}
    write("coarse-grids", {"strides": rows})


if __name__ == "__main__":
    main()
