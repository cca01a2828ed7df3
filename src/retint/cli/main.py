"""`retint`: one parser, one file for each verb, each importing what it needs when it is called."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import DataProblems, RetintError
from . import bench, catalogue, convert, demo, draw, evaluate, export, label, next, train

_STOPPED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 misused, 130 stopped by Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what it has no code for
            stream.reconfigure(errors="backslashreplace")
    try:
        options = _parser().parse_args(arguments)
        code: int = options.run(options)
    except DataProblems as error:
        for line in error.problems:
            print(f"retint: {line}", file=sys.stderr)
        return 1
    except RetintError as error:
        print(f"retint: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nretint: stopped", file=sys.stderr)
        return _STOPPED
    except BrokenPipeError:
        return 1
    except (OSError, MemoryError) as error:
        print(f"retint: {error or 'not enough memory'}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retint",
        description="Label every pixel of an image with a recurrent convolutional network that refines its own answer.",
    )
    parser.add_argument("--version", action="version", version=f"retint {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for module in (label, draw, train, evaluate, next, catalogue, demo, convert, export, bench):
        module.add_to(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
