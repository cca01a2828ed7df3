"""`retint bench`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .options import add_shared
from .values import extents, print_json, say, whole

_STOPPED = 130


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "bench", help="measure this machine",
        description="What this machine's GPU or processor can do at most, how near to it Retint labels and trains, and how long others take: "
        "segmentation_models.pytorch's U-Net and a random forest, if they are installed (pip install 'retint[peers]'). "
        "Everything is timed in turn, and medians are told.",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a small image, two rounds, nothing compiled")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write bench.json and bench.png there")
    parser.add_argument("--size", type=extents, metavar="RxC", help="of the image (default: 1024x1024, quick 512x512)")
    parser.add_argument(
        "--rounds", type=whole, metavar="N", help="times that everything is measured (default: 5, quick 2)"
    )
    add_shared(parser, "--device")
    parser.add_argument("--threads", type=whole, metavar="N", help="to compute on (default: as torch chooses)")
    parser.add_argument(
        "--model", action="append", metavar="NAME|FILE", help="measure this one in place of `street`; more than once"
    )
    parser.add_argument("--overwrite", action="store_true", help="with --out: replace files that exist")
    parser.add_argument("--no-peers", action="store_true", help="measure Retint alone")
    parser.add_argument("--no-compile", action="store_true", help="leave out torch.compile, which takes a minute")
    parser.add_argument("--no-training", action="store_true", help="measure labelling alone")
    add_shared(parser, "--json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure; 130 if Ctrl-C ended it early, after telling what was measured."""
    from ..benching import Options, bench
    from ..benching.show import plot, table
    from ..errors import RetintError
    from ..wholefile import check_folder, whole_file

    if options.overwrite and not options.out:
        raise RetintError("--overwrite: goes with --out alone, which writes files; leave it out")
    files = [options.out / name for name in ("bench.json", "bench.png")] if options.out else []
    if options.out:
        check_folder(options.out)
    if not options.overwrite and (there := [file for file in files if file.exists()]):
        raise RetintError(f"{there[0]}: exists already; --overwrite replaces it, or choose another --out")
    wanted: dict[str, Any] = {
        "device": options.device, "size": options.size, "rounds": options.rounds, "threads": options.threads,
        "models": tuple(options.model) if options.model else None, "peers": False if options.no_peers else None,
        "compile": False if options.no_compile else None, "view": 0 if options.no_training else None,
    }  # fmt: skip
    given = {name: value for name, value in wanted.items() if value is not None}
    report = bench(Options.quick(**given) if options.quick else Options(**given), lambda line: say(f"bench: {line}"))
    for line in report.skipped:
        say(f"retint: {line}")
    if options.json:
        print_json(report.to_dict())
    else:
        print("\n".join(table(report)))
    if files:
        with whole_file(files[0]) as part:
            part.write_text(json.dumps(report.to_dict(), indent=1) + "\n")
        plot(report, files[1])
    return _STOPPED if report.stopped else 0
