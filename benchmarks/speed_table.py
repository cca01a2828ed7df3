"""The figures of speed that the documentation tells: python benchmarks/speed_table.py [--quick].

Everything is measured by `retint bench`, in one run and in turn. Give `--model FILE` to measure another model than `street`.
"""

from __future__ import annotations

import argparse

from common import RESULTS, variant, write
from retint.benching import Options, Report, bench
from retint.benching.report import TRAINED, TUNED, UNET
from retint.benching.show import plot, table


def rows(report: Report, model: str) -> dict[str, dict[str, float | str | None]]:
    """What was to be reached, and what was."""
    ratios, found = report.ratios(), {row["name"]: row for row in report.rows}
    eight = found.get(f"{model}, 8 steps", {})
    asked = {
        f"{model} at 8 steps, times faster than the U-Net as documented": (8.0, ratios.get(f"{UNET} / {model}, 8 steps")),
        f"{model} at 8 steps, times faster than the U-Net with every trick": (2.5, ratios.get(f"{TUNED} / {model}, 8 steps")),
        "share of the measured convolution rate while labelling": (0.5, eight.get("share of the limit")),
        "the same at its best time": (0.5, eight.get("share at its best")),
        "a refinement step / the first pass": (0.12, ratios.get(f"{model}: a further step / the first pass")),
        "images a second in training / the U-Net's": (2.0, ratios.get(f"images a second in training: {TRAINED} / U-Net")),
    }  # fmt: skip
    step, first = (found.get(f"{model}, {what}", {}).get("GFLOP") for what in ("a further step", "first pass"))
    result: dict[str, dict[str, float | str | None]] = {
        what: {"to reach": goal, "found": figure} for what, (goal, figure) in asked.items()
    }
    if step and first:
        result["a refinement step / the first pass"]["in arithmetic"] = round(step / first, 4)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a small image and few rounds, to try the script out; writes nothing"
    )
    parser.add_argument("--model", default="street", help="a bundled model or a file")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    if given.quick:
        options = Options.quick(models=(given.model,), size=(192, 192), view=64)
    else:
        options = Options(models=(given.model,), rounds=given.rounds)
    report = bench(options, lambda line: print(line, flush=True))
    print("\n".join([*table(report), *report.skipped]))
    if not given.quick:
        name = variant("speed-table", parser, given, "model")
        write(name, {"table": rows(report, given.model), **report.to_dict()})
        plot(report, RESULTS / f"{name}.png")


if __name__ == "__main__":
    main()
