"""Put a temperature into the cards of the shipped models: python benchmarks/calibrate_shipped.py --data DIR [--out DIR].

To be run after training them. Each temperature is fitted on all validation images of the model's data set, at the number of
steps of its card; without --out, the files of the package are rewritten, their weights left bit for bit as they are.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import retint
from common import SETS, parser, set_of
from retint.labeling.judging.calibrate import save_calibrated
from retint.labeling.judging.evaluate import evaluate
from retint.modelfile import find_model


def calibrate(name: str, data: Path, folder: Path, out: Path) -> dict:
    """Fit on the `val` part, write the file, and say what it did."""
    model = retint.load(name)
    result = evaluate(model, set_of(model, data, folder), "val", (model.card.steps,), fit=True)
    save_calibrated(result, find_model(name), out)
    return result.to_dict()["fitted"]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", default=list(SETS))
    options.add_argument("--out", type=Path, metavar="DIR", help="write the files here instead")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            out = find_model(name) if given.out is None else given.out / f"{name}.safetensors"
            print(name, calibrate(name, given.data, Path(folder), out), flush=True)


if __name__ == "__main__":
    main()
