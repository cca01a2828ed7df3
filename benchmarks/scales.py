"""How the shipped models score when they label at other scales than the images' own: python benchmarks/scales.py --data DIR.

Validation images, at the card's number of steps. A finer scale shows a model its classes larger, and on finer label cells.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import retint
from common import SETS, parser, refuse_to_mix, set_of, write_rows
from retint.labeling.judging.evaluate import evaluate

SCALES = ("0.75", "1", "1.25", "1.5", "2", "1,1m", "1,1.5", "1.25,1.75m")
"""Several with commas between are labelled once each and put together; m: mirrored."""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", choices=SETS, default=list(SETS))
    options.add_argument("--scales", nargs="+", default=list(SCALES))
    given = options.parse_args()
    settings = {"split": "val", "scales": given.scales, "note": "seconds with measuring, beside other work"}
    refuse_to_mix("scales", settings, given.models)
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            model = retint.load(name)
            data = set_of(model, given.data, Path(folder))
            rows = {}
            for scale in given.scales:
                began = time.process_time()
                found = evaluate(model, data, "val", model.card.steps, scale=scale).to_dict()
                seconds = (time.process_time() - began) / found["images"]
                rows[scale] = {**found["steps"][str(model.card.steps)], "processor seconds an image": round(seconds, 3)}
                print(name, scale, rows[scale], flush=True)
            tables[name] = {"steps": model.card.steps, "by scale": rows}
            write_rows("scales", settings, tables)


if __name__ == "__main__":
    main()
