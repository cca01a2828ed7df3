"""Parts of images, starts and pixels equal the same parts of the whole; plans keep within their room."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from made import make_model
from retint.labeling.how import Given, How
from retint.labeling.pixels import Pixels
from retint.labeling.plan import _outer, plan
from retint.labeling.source import Source
from retint.labeling.starts import start_map
from retint.labeling.tiles import Tile, slices
from retint.network import CATALOGUE, build
from retint.network.work import work

RNG = np.random.default_rng(0)
CARDS = {2: make_model("small-4").card, 3: make_model("volume-2", channels=1).card}


@st.composite
def sizes_and_boxes(draw, most):
    """Sizes of an image, and a box inside."""
    size = tuple(draw(st.lists(st.integers(1, most), min_size=2, max_size=3)))
    firsts = [draw(st.integers(0, n - 1)) for n in size]
    return size, tuple((a, draw(st.integers(a + 1, n))) for a, n in zip(firsts, size, strict=True))


def inside(box, size):
    return tuple((a * n // 12, max(b * n // 12, a * n // 12 + 1)) for (a, b), n in zip(box, size, strict=True))


@given(drawn=sizes_and_boxes(12), scale=st.sampled_from([0.13, 0.5, 0.77, 1.0, 1.9, 4.0]))
def test_a_region_of_a_scaled_image_is_that_of_the_whole(drawn, scale):
    (size, box), channels = drawn, CARDS[len(drawn[0])].channels
    own = tuple(4 * n for n in size)
    image = RNG.integers(0, 256, (*own, channels), dtype=np.uint8)
    source = Source(image, CARDS[len(size)], len(size), scale=scale)
    whole = source.region(tuple((0, n) for n in source.size))
    box = inside(box, source.size)
    assert torch.allclose(source.region(box), whole[(slice(None), slice(None), *slices(box))], atol=1e-5)
    beyond = source.region(tuple((-2, n + 3) for n in source.size))
    assert torch.equal(beyond[(slice(None), slice(None), *(slice(2, -3),) * len(size))], whole)
    assert float(beyond.abs().sum()) == pytest.approx(float(whole.abs().sum()), rel=1e-4)


@pytest.mark.parametrize("scale", [0.03, 0.31, 0.5, 0.9, 1.3, 2.0])
def test_scaling_is_bilinear_without_aliasing(scale):
    image = RNG.random((61, 87, 3)).astype(np.float32)
    source = Source(image, replace(CARDS[2], dtype="float32", mean=(0.0,) * 3, std=(1.0,) * 3), 2, scale=scale)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image).movedim(-1, 0)[None], size=source.size, mode="bilinear", antialias=scale < 1
    )
    assert torch.allclose(source.region(tuple((0, n) for n in source.size)), expected, atol=1e-5)


@given(drawn=sizes_and_boxes(12), kind=st.sampled_from(["labels", "coarse", "soft", "fine", "estimate"]))
def test_a_part_of_a_start_is_that_of_the_whole(drawn, kind):
    cells, box = drawn
    strides = (1, 2, 4)[-len(cells) :]
    size = tuple(n * s - (s > 1) for n, s in zip(cells, strides, strict=True))
    finer = tuple(2 * n + 1 for n in size)
    start = {
        "labels": RNG.integers(0, 3, size), "coarse": RNG.integers(0, 3, tuple(n // 2 + 1 for n in size)),
        "soft": RNG.random((3, *size)), "fine": RNG.random((3, *finer)), "estimate": RNG.random((3, *cells)),
    }[kind]  # fmt: skip
    given_map = start_map(start, 3, size, strides, cells)
    whole = given_map.estimate(tuple((0, n) for n in cells))
    assert whole.shape == (1, 3, *cells)
    assert torch.allclose(whole.sum(1), torch.ones(1), atol=1e-5)
    assert torch.allclose(given_map.estimate(box), whole[(slice(None), slice(None), *slices(box))], atol=1e-5)


@given(drawn=sizes_and_boxes(9), scale=st.sampled_from([0.4, 1.0, 1.6]), side=st.integers(1, 4))
def test_pixels_are_covered_once_and_alike_in_parts(drawn, scale, side):
    size, strides = drawn[0], (1, 2, 4)[-len(drawn[0]) :]
    scaled = Source(np.zeros(size, np.uint8), replace(CARDS[len(size)], channels=1, mean=(0.4,), std=(0.25,)), len(size), scale=scale).size
    cells = tuple(-(-n // s) for n, s in zip(scaled, strides, strict=True))
    pixels, estimate = Pixels(size, cells, strides, scale), torch.rand(1, 3, *cells)
    whole = pixels.scores(Tile.whole(cells), estimate)
    assert whole.shape == (3, *size)
    covered = np.zeros(size, int)
    for tile in Tile.whole(cells).split([side] * len(size), [(1, 1)] * len(size)):
        where = pixels.of(tile)
        covered[where] += 1
        part = pixels.scores(tile, estimate[(slice(None), slice(None), *slices(tile.outer))])
        assert torch.allclose(part, whole[(slice(None), *where)], atol=1e-5)
    assert (covered == 1).all()


@pytest.mark.parametrize(
    "arch", ["small-4", "small-8-4", "fig-9-17", "plain-cnn1", "slices-2", "volume-2", "jain-2007"]
)
@given(size=st.tuples(*[st.integers(1, 3000)] * 3), megabytes=st.sampled_from([200, 1000]))
def test_plans_keep_within_their_room(arch, size, megabytes):
    network = build(CATALOGUE[arch], 1, 2, "same")
    size = size[: len(network.geometry)]
    chosen = plan(network, size, None, megabytes << 20)
    sides, halo = [], []
    for tile, g in zip(chosen.tile, network.geometry, strict=True):
        assert tile > 0
        assert tile % g.per_period == 0
        sides.append(tile * g.stride)
        halo.append(sum(g.tile_halo(chosen.sweep, True)) * g.stride)
    assert prod(_outer(size, sides, halo)) * max(4, work(network).planes) * 16 <= megabytes << 20


def test_a_label_has_changed_in_bfloat16_when_the_new_one_leads_by_more_than_rounding():
    model = make_model("small-4", classes=3, precision="bfloat16")
    refinement = model._refinement(Source(np.zeros((4, 12, 3), np.uint8), model.card, 2, "image"), How(), Given())
    tile = Tile.whole((1, 3))
    estimate = torch.tensor([[[[0.52, 0.30, 0.2]], [[0.48, 0.60, 0.3]], [[0.0, 0.10, 0.5]]]])
    first, count = refinement._counted(tile, None, estimate)
    assert (first.tolist(), count) == ([[0, 1, 2]], 3)
    flicker = torch.tensor([[[[0.48, 0.45, 0.2]], [[0.52, 0.20, 0.3]], [[0.0, 0.35, 0.5]]]])
    held, count = refinement._counted(tile, first, flicker)  # the first cell's two classes are as likely as each other
    assert (held.tolist(), count) == ([[0, 0, 2]], 1)
    assert refinement._counted(tile, held, flicker)[1] == 0  # and so it stays
    exact = make_model("small-4", classes=3)
    refinement = exact._refinement(Source(np.zeros((4, 12, 3), np.uint8), exact.card, 2, "image"), How(), Given())
    assert refinement._counted(tile, first, flicker)[1] == 2
