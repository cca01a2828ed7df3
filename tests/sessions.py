"""Sessions of made models, and what their labels must be."""

from dataclasses import replace

import numpy as np
import pytest

from made import fresh, make_model
from retint.labeling import Model
from retint.network import architecture

ARCHS = ["small-4", "small-8-4", "small-1", "fig-9-17", "jain-2007-2d"]
MODELS = {name: make_model(name, seed=5) for name in (*ARCHS, "rcnn2")}
MODELS["slices-2"] = make_model("slices-2", channels=1, seed=5)


def without_feedback(model):
    card = replace(model.card, architecture=replace(architecture("small-4"), feedback=()).to_dict())
    return Model(fresh(card), card, "cpu", "float32")


MODELS["plain"] = without_feedback(MODELS["small-4"])
ARCHS.append("plain")


def picture(size, seed=0, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), dtype=np.uint8)


def assert_as_anew(session, model, image, steps, start=None, **more):
    """The session's labels, probabilities and figures are those of labelling with its hints."""
    anew = model.label(image, steps, start=start, hints=session.hints, precision="float32", **more)
    now = session.labeling
    assert np.abs(now.probabilities - anew.probabilities).max() < 1e-4
    two = np.sort(anew.probabilities, 0)[-2:]
    assert np.array_equal(now.labels[two[1] - two[0] > 1e-3], anew.labels[two[1] - two[0] > 1e-3])
    assert np.array_equal(now.labels, session.labels)
    assert now.changes == pytest.approx(anew.changes, abs=2e-3)
    assert now.drifts == pytest.approx(anew.drifts, abs=1e-4)
    assert (now.steps, now.classes, now.strides) == (anew.steps, anew.classes, anew.strides)
    assert np.array_equal(session.labels[session.hints != 255], session.hints[session.hints != 255])
