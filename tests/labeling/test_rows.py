"""An image given row by row is labelled as the whole is, and bands and pieces do not show."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from made import make_model
from retint.labeling.large.lanes import lanes
from retint.labeling.large.rows import Rows, flows
from retint.labeling.large.stream import Stream
from retint.labeling.source import Source
from retint.network import architecture

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("arch", ["fig-9-17", "small-2", "small-8-4", "jain-2007", "slices-2"])
@given(bands=st.lists(st.integers(1, 4), min_size=1, max_size=4), across=st.sampled_from((1, 2, 4, 6)))
def test_rows_equal_the_whole_at_every_step(arch, bands, across):
    network = make_model(arch, 2)._folded
    periods = [g.period for g in network.geometry]
    size = [p * 6 for p in periods]
    image = torch.from_numpy(RNG.normal(size=(1, 2, *size)).astype(np.float32))
    with torch.inference_mode():
        whole = list(network.refinements(image, 3))
    rows, found, first = Rows(network, 3), [[], [], []], 0
    number = 0
    while not rows.finished:
        last = min(first + bands[number % len(bands)] * periods[0], size[0])
        counts = rows.begin(last - first, last == size[0])
        blocks = image[:, :, first:last].split(across * periods[-1], -1)
        parts = [
            rows.push(block if last > first else None, n == len(blocks)) for n, block in enumerate(blocks, start=1)
        ]
        first, number = last, number + 1
        for step, count, columns in zip(found, counts, zip(*parts, strict=True), strict=True):
            there = [part for part in columns if part is not None]
            step.extend([torch.cat(there, -1)] if there else [])
            assert sum(part.shape[2] for part in step[-1:] if there) == count
    for step, expected in zip(found, whole, strict=True):
        assert torch.allclose(torch.cat(step, 2), expected, atol=1e-5)


def test_networks_whose_planes_change_their_size_are_left_out():
    assert not flows(make_model("rcnn2")._folded)
    assert architecture("rcnn2").rescales


@pytest.mark.parametrize(
    ("arch", "size", "tile", "scale", "block"),
    [("small-4", (130, 150), None, 1.0, None), ("small-4", (130, 150), 64, 1.0, 16), ("small-8-4", (90, 117), (16, 48), 1.0, 24),
     ("small-8-4", (90, 117), None, 1.0, 16), ("small-4", (70, 61), 48, 0.7, 8), ("slices-2", (12, 24, 20), (16, 16, 16), 1.0, None)],
)  # fmt: skip
def test_lanes_pieces_and_blocks_equal_the_whole(arch, size, tile, scale, block):
    model = make_model(arch)
    image = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
    whole = model.label(image, 3, scale=scale)
    assert len(np.unique(whole.labels)) > 1
    network, source = model.network(), Source(image, model.card, model.dims, "image", scale)
    plan = lanes(network, size, 3, tile, scale)
    plan = replace(plan, block=block or plan.block)
    pieces = [plan.piece(number) for number in range(plan.count)]
    labels, changed = np.full(size, 9, np.uint8), np.zeros(3, int)
    for lane in plan.lanes:
        stream = Stream(network, source, plan, ((0, size[0]), *lane), 3, scale)
        for (a, b), part in stream:
            labels[(slice(a, b), *(slice(*span) for span in lane))] = part
        changed += np.sum([stream.counts(piece) for piece in pieces if piece[1:] == lane], axis=0)
    assert (labels != whole.labels).mean() < 1e-3  # where two classes are equally likely, to rounding
    cells = np.prod([-(-n // s) for n, s in zip(source.size, network.strides, strict=True)])
    assert np.allclose(changed / cells, whole.changes, atol=1e-3)
    for piece in pieces:  # begun anew at each piece, to the last bit
        alone = np.concatenate([part for _, part in Stream(network, source, plan, piece, 3, scale)])
        assert np.array_equal(alone, labels[tuple(slice(*span) for span in piece)])


def test_changes_are_counted_alike_in_bfloat16_whole_by_region_and_in_sessions():
    model, steps = make_model("small-8-4"), 12
    image = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    whole = model.label(image, steps, precision="bfloat16")
    network, source = model.network("bfloat16"), Source(image, model.card, model.dims, "image")
    plan = lanes(network, (64, 96), steps)
    stream = Stream(network, source, plan, ((0, 64), (0, 96)), steps)
    assert sum(len(part) for _, part in stream) == 64
    by_region = np.array(stream.counts(plan.piece(0))) / (16 * 24)
    in_session = model.session(image, steps=steps, precision="bfloat16").labeling.changes
    assert whole.changes[1] > 0.02
    assert np.allclose(by_region, whole.changes, atol=0.01)
    assert np.allclose(in_session, whole.changes, atol=0.01)
    assert max(*by_region[8:], *in_session[8:]) <= 0.01


def test_the_end_of_an_image_comes_in_no_larger_bands_than_the_rest():
    """Steps have waited for many rows there."""
    network, band = make_model("small-4")._folded, 8
    rows, image, counts = Rows(network, 8), torch.zeros(1, 3, 160, 32), {False: 0, True: 0}
    for first in itertools.count(step=band):
        found = rows.begin(band if first < 160 else 0, first + band >= 160)
        counts[first + band >= 160] = max(counts[first + band >= 160], *found[1:])  # the first waits for the context alone
        rows.push(image[:, :, first : first + band] if first < 160 else None, True)
        if rows.finished:
            break
    assert first > 160
    reach = network.geometry[0].start_halo(1)[1]  # what a step's own end sets free
    assert 0 < counts[True] <= counts[False] + reach


@pytest.mark.parametrize(("columns", "steps", "count"), [(4096, 2, 1), (32768, 2, 2), (4096, 8, 1), (32768, 8, 2), (4096, 64, 1)])
def test_wide_images_are_cut_into_two_lanes_for_two_at_a_time(columns, steps, count):
    import retint

    network = retint.load("street").network("bfloat16")
    plan = lanes(network, (32768, columns), steps)
    assert len(plan.lanes) == plan.together == count
    assert plan.waste < 0.1


def test_few_lanes_so_that_halos_cost_little():
    import retint

    for name in ("street", "membrane", "vessel"):
        for precision, most in (("bfloat16", 2), ("float32", 4)):
            network = retint.load(name).network(precision)
            plan = lanes(network, (32768, 32768), 8)
            assert len(plan.lanes) <= most
            assert plan.waste < 0.15
            wide = lanes(network, (1 << 20, 1 << 20), 8)
            assert wide.waste < 0.15
            assert max(b - a for ((a, b),) in wide.lanes) <= 1 << 15
