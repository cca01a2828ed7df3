"""`retint draw`: strokes on images, on a page in the browser, with a model that follows them or as the first labels."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_shared
from .values import names, positive, say, scales, tell, whole

if TYPE_CHECKING:
    from ..labeling.files.desk import Drawings
    from ..web.server import Server

_FOR_MODELS = ("steps", "start", "hints", "scale", "tile", "memory", "no_overlay", "overwrite", "precision", "device")


def add_to(verbs: Any) -> None:
    """Add the verb to the parser."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "draw", help="draw strokes on images, in the browser",
        description="Opens a page in your browser. With --model it labels image after image: strokes that you draw there are kept as given and "
        "spread, and only what they change is computed again; writes, for each image NAME.ext, NAME.png (labels), NAME.overlay.png and "
        "NAME.hints.png (the strokes, 255 elsewhere), from which a later run goes on. Without a model, what you draw are first labels to learn "
        "from: writes NAME.png, 255 elsewhere. Nothing leaves this machine.",
    )  # fmt: skip
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="images, volumes, or folders of them")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where to write; first labels: the labels/ of a data set")
    parser.add_argument("--model", metavar="NAME|FILE", help="a bundled model, a model file, or a hub id (default: none, for first labels)")
    parser.add_argument(
        "--classes", type=names, metavar="NAME,NAME[,...]",
        help="of first labels (default: those of the classes.json in the folder above DIR, where they are written if there is none)",
    )  # fmt: skip
    parser.add_argument("--port", type=whole, metavar="N", help="of the page, on this machine alone (default: 8765, or any that is free)")
    parser.add_argument("--no-browser", action="store_true", help="print the page's address and open nothing")
    parser.add_argument("--json", action="store_true", help="at the end, print the result as one JSON object")
    group = parser.add_argument_group("with --model")
    add_shared(group, "--steps")
    group.add_argument("--start", type=Path, metavar="LABELS", help="begin from a label map, or from a folder of them by name")
    group.add_argument("--hints", type=Path, metavar="LABELS", help="strokes to begin with (255: free), or a folder of such maps")
    group.add_argument("--scale", type=scales, default=1.0, metavar="S[,S...]", help="label at S times the image's resolution; several: see label")
    group.add_argument("--memory", type=positive, default=4.3, metavar="GB", help="what an image may keep while it is corrected (default: 4.3)")
    group.add_argument("--no-overlay", action="store_true", help="write no overlay")
    group.add_argument("--overwrite", action="store_true", help="replace labels that exist without strokes beside them")
    add_shared(group, "--tile", "--precision", "--device")
    parser.set_defaults(run=run, usual={name: parser.get_default(name) for name in _FOR_MODELS})


def run(options: argparse.Namespace) -> int:
    """Serve the page until it is finished or stopped."""
    from ..images import find_images
    from ..labeling.files.naming import check_apart
    from ..web.server import Server

    images = find_images(options.images)
    check_apart(options.images, options.out)
    drawings = _drawings(options, images)
    if len(images) == 1:  # what is wrong with it is said here
        drawings.open(0)
    server = Server(drawings, options.port)
    say(f"retint: {server.address}")
    say("retint: open it in a browser; Finish there, or Ctrl-C here, ends")
    if not options.no_browser and _has_screen():
        import webbrowser

        webbrowser.open(server.address)
    _serve(server, drawings)
    outcome, written = drawings.outcome, drawings.outcome.images
    code = tell(outcome.to_dict(), list(written.values()), _line, "images", options.json)
    if not options.json:
        print(f"{len(written)} of {len(images)} images written")
    return code


def _serve(server: Server, drawings: Drawings) -> None:
    """Until the page is finished; an image that cannot be written then is not given up before a person could mend that."""
    from ..errors import RetintError

    pressed = 0

    def end(number: int, _: Any) -> None:
        nonlocal pressed
        server.stop()
        pressed += number == signal.SIGINT
        if pressed > 1:
            say("retint: waiting for what is being computed, as strokes would be lost")

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the terminal was closed: strokes are not lost then either
        kind = getattr(signal, name, None)
        if kind is not None and signal.getsignal(kind) is not signal.SIG_IGN:  # as under nohup
            signal.signal(kind, end)
    try:
        for again in (True, False):
            try:
                server.run()
                return
            except RetintError as error:
                pressed = 0
                if again:
                    say(f"retint: {error}")
                    say("retint: your strokes are there still; mend it and press Ctrl-C once more, or Finish on the page")
                elif drawings.desk is not None:
                    drawings.outcome.fail("image", drawings.images[drawings.desk.number], error)
    finally:
        server.close()


def _line(row: dict[str, Any]) -> str:
    return f"{row['labels']}: {row['strokes']} stroke{'s' * (row['strokes'] != 1)}, {row['fixed']:.2%} of the pixels fixed"


def _drawings(options: argparse.Namespace, images: list[Path]) -> Drawings:
    """What is drawn on: images that a model labels, or that none does yet."""
    from ..data import first_classes
    from ..errors import RetintError
    from ..labeling import load
    from ..labeling.files.desk import Corrections, FirstLabels
    from ..labeling.files.images import Wish

    if options.model is None:
        if given := [f"--{name.replace('_', '-')}" for name in _FOR_MODELS if getattr(options, name) != options.usual[name]]:
            raise RetintError(f"{' and '.join(given)}: of what a model labels; add --model, or leave it out")
        return FirstLabels(*first_classes(options.out, options.classes), images, options.out)
    if options.classes:
        raise RetintError(f"--classes {','.join(options.classes)}: the model has its own; leave it out, or leave out --model")
    model = load(options.model, options.device, options.precision)
    taken = {name: getattr(options, name) for name in ("steps", "start", "hints", "scale", "tile", "precision", "overwrite")}
    return Corrections(model, images, options.out, Wish(**taken, overlay=not options.no_overlay), round(options.memory * 1e9))


def _has_screen() -> bool:
    """Whether a browser would be a window, and not take this terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
