"""Labels interpolated between the cells of the label grid against labels of shifted copies, interleaved (Pinheiro and Collobert 2014):
python benchmarks/ways.py --data DIR [--model NAME|FILE] [--every N] [--resolution N]
"""

from __future__ import annotations

import time

import retint
from common import parser, variant, write
from retint.data import open_dataset
from retint.scoring import Confusion


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--model", default="street", help="of CamVid's classes")
    options.add_argument("--every", type=int, default=17, help="each so-manieth validation image")
    options.add_argument("--resolution", type=int, default=2, help="pixels per label of the copies")
    given = options.parse_args()
    model, data = retint.load(given.model), open_dataset(given.data / "camvid")
    pairs = data.splits["val"].pairs[:: given.every]
    rows = {}
    for name, how in {"upsample": {}, "stitch": {"way": "stitch", "resolution": given.resolution}}.items():
        found, began = Confusion(len(model.classes)), time.perf_counter()
        for pair in pairs:
            image, truth = data.read(pair)
            found.add(truth, model.label(image, 8, where=pair.image, **how).labels)
        seconds = (time.perf_counter() - began) / len(pairs)
        rows[name] = {
            "miou": found.miou(),
            "pixel_accuracy": found.pixel_accuracy(),
            "seconds an image, with reading and counting": seconds,
        }
        print(name, rows[name], flush=True)
    settings = {"model": given.model, "split": "val", "every": given.every, "images": len(pairs), "steps": 8}
    write(variant("ways", options, given, "model"), {**settings, "resolution": given.resolution, "ways": rows})


if __name__ == "__main__":
    main()
