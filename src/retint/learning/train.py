"""Training: the loop, its checkpoints and its log."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Dataset, Pair, Report, Tagged, check_dataset, class_weights, open_dataset
from ..errors import RetintError, reason_of
from ..hardware import Precision, channels_last, compute_dtype, keep_memory, laid_out
from ..modelfile import save_model
from ..network import build, weights
from ..numbers import finite
from ..scoring import Temperature
from ..wholefile import check_folder
from .average import Average
from .begin import architecture_of, take_weights
from .checkpoint import (
    Chosen,
    fingerprint,
    load_checkpoint,
    refuse_other_data,
    refuse_other_settings,
    save_checkpoint,
)
from .defaults import filled
from .examples import Batches, Examples, chance
from .machine import check_devices, open_fabric
from .material import card_of, parts
from .muon import Muon
from .objective import Objective
from .presses import Presses
from .progress import Progress
from .schedule import groups, schedule
from .settings import Settings, check_suffix, checkpoint_path, log_paths
from .survey import survey
from .tags import Mixed, TaggedBatches, TagObjective, Unlabelled
from .validate import validate

_CHECKPOINT_SECONDS = 120.0
_LEAST_VIEWS = 200

_SCORED_STEPS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Trained:
    """What a run ends with.

    Attributes:
        model: the model file.
        finished: whether it went to its end (False: stopped by Ctrl-C; the model is usable, `resume` goes on).
        score: mean IoU on the validation images at the card's steps; of a run that was stopped, at 4 of them at most on 24 images at
            most. None without any.
        epochs: looked through.
        warnings: of the data check.
        speaks: whether this process is the one of several that tells the result.
    """

    model: Path
    finished: bool
    score: float | None
    epochs: int
    warnings: list[str]
    speaks: bool = True


def train(
    dataset: str | Path, out: str | Path, settings: Settings | None = None, *, resume: bool = False, overwrite: bool = False,
    device: str = "auto", devices: int = 1, precision: Precision = "auto", exclude: Sequence[str] = (), limit: int | None = None,
    report: Callable[[Progress, float], None] | None = None, note: Callable[[str], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:  # fmt: skip
    """Train a network on a data set and write a model file.

    Beside `out` appear its log (.log.csv), the log's plot (.log.png) and, until it ends, a checkpoint (.checkpoint).

    Args:
        dataset: a folder with images and labels; its `train` part is learned from, its `val` part validated on. Without
            a `val` part, a fifth of the images is held out (none of fewer than five).
        out: the model file to write (.safetensors).
        settings: what to do; defaults fit most sets.
        resume: go on from the checkpoint of `out`, with its settings. On the CPU, a run by epochs ends with the same
            weights, bit for bit, as one that was never stopped.
        overwrite: replace a model, or what a stopped run left, that is there already.
        device: auto, cpu or cuda.
        devices: how many, through Lightning's strategies.
        precision: auto, float32 or bfloat16.
        exclude: leave out training images whose names begin so.
        limit: learn from this many images alone, evenly spread.
        report: called after every iteration with the progress and the share done.
        note: called with lines that a person should see.
        clock: what `minutes` are counted by, in seconds.

    Raises:
        DataProblems: the data set has problems; all of them.
        RetintError: `out` is no place for a file, or exists; it has no checkpoint to resume, or one of other data.
    """
    out, say = Path(out), note or (lambda line: None)
    exclude = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    check_suffix(out)
    check_folder(out.parent, f"--out {out}: the folder")
    for path in (out, checkpoint_path(out), *log_paths(out)):
        if path.is_dir():
            raise RetintError(f"{path}: found a folder; expected a place for a file: choose another --out")
    if resume and overwrite:
        raise RetintError("--resume and --overwrite: one goes on with a stopped run, the other begins anew; leave one of them out")
    if not resume and not overwrite:
        if checkpoint_path(out).exists():
            raise RetintError(f"{checkpoint_path(out)}: a stopped run; --resume continues it, --overwrite begins anew")
        if out.exists():
            raise RetintError(f"--out {out}: exists already; --overwrite replaces it")
    saved = load_checkpoint(out) if resume else None
    if saved:
        given = Chosen(exclude, limit, precision, devices)
        refuse_other_settings(saved, out, settings or Settings(), given)
        exclude, limit, precision, devices = Chosen.of(saved, given)
    check_devices(device, devices)
    settings = Settings.from_dict(saved["settings"]) if saved else settings or Settings()
    data = open_dataset(dataset)
    checked = check_dataset(data, tagged=settings.labels == "tags", some=settings.labels == "some")
    checked.raise_if_bad()
    for line in checked.warnings:
        say(f"note: {line}")
    learn, held, tagged = parts(data, exclude, limit, settings.labels)
    run = Run(data, learn, held, tagged, checked, out, settings, device, devices, precision, say, saved is not None)
    run.clock, run.chosen = clock, Chosen(exclude, limit, precision, devices)
    if saved:
        refuse_other_data(saved, out, data, run.fingerprint)
        run.restore(saved)
    elif run.fabric.is_global_zero:  # what an earlier run left would be taken for this one's
        for path in (checkpoint_path(out), *log_paths(out)):
            path.unlink(missing_ok=True)
    finished = run.go(report or (lambda progress, share: None))
    return Trained(
        out, finished, run.progress.score, run.progress.epoch, checked.warnings, bool(run.fabric.is_global_zero)
    )


class Run:
    """One training run: everything that changes while it goes, and the loop."""

    def __init__(
        self, data: Dataset, learn: Sequence[Pair], held: Sequence[Pair], tagged: Sequence[Tagged], checked: Report, out: Path,
        settings: Settings, device: str, devices: int, precision: Precision, say: Callable[[str], None], resumed: bool = False,
    ) -> None:  # fmt: skip
        classes, channels = len(data.classes), checked.channels
        self.data, self.out, self.say = data, out, say
        self.learn, self.held = Examples(learn, channels, classes), Examples(held, channels, classes)
        seen = survey(self.learn if learn else Examples([Unlabelled.of(one) for one in tagged], channels, classes))
        begun = architecture_of(settings.start, data) if settings.start and not resumed else None
        settings, arch, augmentation = filled(settings, data, learn, bool(tagged), checked, seen, begun)
        self.settings, crop, batch = settings, settings.crop, settings.batch
        assert crop
        assert batch
        self.fingerprint = fingerprint(data, learn, held, tagged, checked, seen)
        self.chosen = Chosen()
        counts = _counts(checked, learn, classes)
        kept = _counts(checked, held, classes)
        if learn and (lost := [data.classes[k] for k in np.flatnonzero((counts == 0) & (kept > 0))]):
            mend = "label some in train/" if "val" in data.splits else "label more, or make val/"
            say(f"note: {', '.join(lost)}: labelled only in images that are held out, so not learned; {mend}")
        self.card = card_of(data, arch.name, checked, seen, self.settings, len(learn), len(held), tagged)
        self.fabric, self.device = open_fabric(device, devices, precision)
        if not self.fabric.is_global_zero:
            self.say = say = _silent
        torch.manual_seed(settings.seed)
        network = channels_last(build(arch, channels, classes, "same"))
        if settings.start and not resumed:
            say(take_weights(network, settings.start, data.classes))
        rare = torch.from_numpy(class_weights(counts, power=settings.rare))
        chances = settings.spoilt, settings.hinted, settings.misled, settings.overlap, settings.coherent or 0.0
        pixels = Objective(network, rare, settings.window, settings.wander, *chances)
        together = batch * devices
        self.tagged = None
        if tagged:
            self.tagged = TaggedBatches(
                tagged, together, crop, channels, classes, seen.mean, seen.std, augmentation, settings.seed, self.device
            )
        tags = TagObjective(network, self.tagged is not None and self.tagged.single, settings.window + 1)
        self.network = network
        optimizer = Muon(groups(network, settings.decay), lr=settings.rate, dtype=compute_dtype(precision, self.device))
        self.objective, self.optimizer = self.fabric.setup(Mixed(pixels, tags), optimizer)
        self.average = Average(network, settings.average)
        self.batches = Batches(
            self.learn, together, crop, seen.mean, seen.std, augmentation, settings.aimed, settings.seed, self.device
        )
        views = max(_LEAST_VIEWS, round(seen.pixels / math.prod(crop)))
        self.per_epoch = max(1, round(views / together))
        self.progress = Progress()
        self.clock: Callable[[], float] = time.monotonic
        self.presses = Presses()
        self._second = 2 if self.fabric.world_size == 1 else math.inf  # presses that end an iteration: no process may give up alone
        self._validation_seconds = 0.0
        keep_memory()
        also = f", {len(tagged)} with tags" if tagged else ""
        say(
            f"{arch.name}: {sum(p.numel() for p in network.parameters()):,} parameters, views of "
            f"{' x '.join(map(str, crop))} pixels, {len(learn)} images to learn from{also}, {len(held)} to validate on"
        )

    def go(self, report: Callable[[Progress, float], None]) -> bool:
        """Train to the end, or until Ctrl-C; what is written is written whole, however often that is pressed. Returns whether the end
        was reached."""
        with self.presses.heard():
            return self._all(report)

    def _all(self, report: Callable[[Progress, float], None]) -> bool:
        """The loop, and what comes after it."""
        self._loop(report)
        if not self.presses.stopping and len(self.held):  # scoring takes a while, and may be stopped too
            self._save_model()
            self._if_possible(self._save_checkpoint)
            with self.presses.ending(1):
                self._score_finally()
        finished = not self.presses.stopping
        if finished and self.progress.loss_count:  # of an epoch that was begun
            self.progress.note_epoch(self.progress.score)
        try:
            self._save_model()
        finally:
            if not finished:
                self._save_checkpoint()
        if self.fabric.is_global_zero:
            if finished:
                checkpoint_path(self.out).unlink(missing_ok=True)
            if self.progress.rows:
                self._if_possible(lambda: self.progress.write_log(self.out, last=True))
        return finished

    def _loop(self, report: Callable[[Progress, float], None]) -> None:
        progress, saved_at = self.progress, time.monotonic()
        while (share := self._agreed()) < 1 and not self.presses.stopping:
            began = self.clock()
            if (loss := self._iterate(share)) is None:
                return
            progress.loss_sum += loss
            progress.loss_count += 1
            progress.iteration += 1
            progress.elapsed += self.clock() - began
            if progress.iteration % self.per_epoch == 0:
                self._end_epoch()
            if time.monotonic() - saved_at > _CHECKPOINT_SECONDS:
                self._if_possible(self._save_checkpoint)
                saved_at = time.monotonic()
            report(progress, self.share())

    def share(self) -> float:
        """How much of the run is done, 0 to 1."""
        if self.settings.minutes is not None:
            return min(self.progress.elapsed / (60 * self.settings.minutes), 1.0)
        assert self.settings.epochs is not None
        return min(self.progress.iteration / max(round(self.settings.epochs * self.per_epoch), 1), 1.0)

    def _agreed(self) -> float:
        """The share done; of several processes, the first one's, and whether it is to stop: none may take a step alone."""
        if self.fabric.world_size == 1:
            return self.share()
        share, self.presses.stopping = self.fabric.broadcast((self.share(), self.presses.stopping))
        return float(share)

    def _iterate(self, share: float) -> float | None:
        """One step of the optimiser. Returns the loss; None if a second Ctrl-C ended it, with everything as it was before."""
        number = self.progress.iteration
        before = [buffer.clone() for buffer in self.network.buffers()]
        labelled = self._mine(self.batches(number)) if len(self.learn) else None
        tagged = self._mine(self.tagged(number)) if self.tagged else None
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate * schedule(share)
        self.objective.train()
        norm = None
        with self.presses.ending(self._second):
            loss = self.objective(labelled, tagged, chance(self.settings.seed, number, 1), share)
            self.fabric.backward(loss)
            norm = self.fabric.clip_gradients(self.objective, self.optimizer, max_norm=1.0, error_if_nonfinite=False)
        if norm is None:
            for buffer, kept in zip(self.network.buffers(), before, strict=True):
                buffer.copy_(kept)
            return None
        value = float(loss.detach())
        if not math.isfinite(value + float(norm)):
            raise RetintError(
                f"--out {self.out}: the loss is no longer a number; train with --precision float32, or in Python with a rate below {self.settings.rate:g}"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.follow(self.network, number)
        return value

    def _mine(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """This process's part of a batch, on its device."""
        each = self.settings.batch or 1
        first = self.fabric.global_rank * each
        mine = tuple(part[first : first + each] for part in batch)
        images, *others = self.fabric.to_device(mine)
        return laid_out(images), *others

    def _end_epoch(self) -> None:
        progress = self.progress
        progress.epoch += 1
        began = self.clock()
        score = None
        if len(self.held) and self._validation_due():
            step = min(4, self.card.steps)
            with self.presses.ending(self._second), self.fabric.autocast():
                found = validate(self.average.network, self.held, self.card.mean, self.card.std, (step,), most=24)
                progress.score = score = finite(found[step].miou(), 9)
            self._validation_seconds = self.clock() - began
        progress.note_epoch(score)
        progress.elapsed += self.clock() - began
        if self.fabric.is_global_zero:
            self._if_possible(lambda: progress.write_log(self.out, last=self.share() >= 1))

    def _if_possible(self, write: Callable[[], None]) -> None:
        """Write what the run can go on without."""
        try:
            write()
        except RetintError as error:
            self.say(f"note: {error}; the training goes on")

    def _validation_due(self) -> bool:
        """Validation takes at most about a twentieth of the time."""
        last = next((row["seconds"] for row in reversed(self.progress.rows) if row["score"] is not None), -math.inf)
        return self.progress.elapsed - last > 20 * self._validation_seconds

    def _score_finally(self) -> None:
        if not len(self.held):
            return
        steps = sorted({min(step, self.card.steps) for step in _SCORED_STEPS})
        fitted = Temperature()
        with self.fabric.autocast():
            confusions = validate(self.average.network, self.held, self.card.mean, self.card.std, steps, temperature=fitted)
        self.progress.score = finite(confusions[steps[-1]].miou(), 9)
        if self.progress.score is None:  # nothing is labelled there
            return
        scores = {str(s): {"miou": c.miou(), "pixel_accuracy": c.pixel_accuracy()} for s, c in confusions.items()}
        if remark := fitted.remark():
            self.say(f"note: temperature {fitted.value():g}: {remark}")
        figures = {"images": len(self.held), "steps": scores, "fitted": fitted.to_dict()}
        self.card = replace(self.card, scores=figures, temperature=fitted.value())

    def _save_model(self) -> None:
        if not self.fabric.is_global_zero:
            return
        seen = {
            "epochs": self.progress.epoch,
            "iterations": self.progress.iteration,
            "seconds": round(self.progress.elapsed),
        }
        card = replace(self.card, trained_on={**self.card.trained_on, **seen})
        save_model(self.out, weights(self.average.network), card)

    def _save_checkpoint(self) -> None:
        if not self.fabric.is_global_zero:
            return
        state = {
            "settings": self.settings.to_dict(),
            "data": self.fingerprint,
            "chosen": self.chosen._asdict(),
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        save_checkpoint(self.out, state)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint.

        Raises:
            RetintError: it does not fit.
        """
        try:
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.progress = Progress(**state["progress"])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RetintError(
                f"{checkpoint_path(self.out)}: does not fit this version of Retint ({reason_of(error)}); --overwrite begins anew"
            ) from None
        self.say(f"continuing after {self.progress.iteration:,} iterations")


def _counts(checked: Report, pairs: Sequence[Pair], classes: int) -> NDArray[np.int64]:
    """Labelled pixels of each class in some images, (K,)."""
    return sum((checked.pixels_in[pair.labels] for pair in pairs), np.zeros(classes, np.int64))


def _silent(line: str) -> None:
    """For all processes but the first."""
