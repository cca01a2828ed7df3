import os
import sys

import numpy as np
import pytest

from retint.images import read_image
from retint.pictures import plot_confusion, plot_log, plot_steps
from retint.pictures.bars import plot_bars

ROWS = [{"epoch": n, "loss": 1 / n, "score": None if n % 2 else n / 9} for n in range(1, 7)]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [], [{"epoch": 1, "loss": float("nan")}]])
def test_log(tmp_path, rows):
    plot_log(tmp_path / "new" / "log.png", rows)
    assert os.listdir(tmp_path / "new") == ["log.png"]
    assert read_image(tmp_path / "new" / "log.png").shape[1] > 800


def test_steps(tmp_path):
    plot_steps(tmp_path / "steps.svg", {8: 0.71, 1: 0.65, 2: 0.7}, "mean IoU of street on camvid")
    plot_steps(tmp_path / "one.png", {1: 0.65}, "one")
    assert (tmp_path / "steps.svg").read_text().startswith("<?xml")
    assert sorted(os.listdir(tmp_path)) == ["one.png", "steps.svg"]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved, in order."""
    from matplotlib.figure import Figure

    figures, save = [], Figure.savefig

    def saved(self, *arguments, **options):
        figures.append(self)
        save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", saved)
    return figures


def test_steps_say_what_they_show_and_do_not_magnify_nothing(tmp_path, drawn):
    plot_steps(tmp_path / "a.png", {1: 0.7740, 8: 0.7739}, "")
    plot_steps(tmp_path / "b.png", {1: 0.2, 8: 0.7}, "", "F1")
    plot_steps(tmp_path / "c.png", {1: 0.0}, "")
    labels = [figure.axes[0].get_ylabel() for figure in drawn]
    assert labels == ["mean IoU", "F1", "mean IoU"]
    ranges = [np.diff(figure.axes[0].get_ylim()).item() for figure in drawn]
    assert ranges[0] == pytest.approx(0.01)
    assert ranges[1] > 0.5
    assert ranges[2] >= 0.01
    low, high = drawn[0].axes[0].get_ylim()
    assert low < 0.7739 < 0.7740 < high


@pytest.mark.parametrize("rows", [ROWS, [{"epoch": 0, "loss": 1.3, "score": 0.4}], [{"epoch": 0, "loss": 1.3}], []])
def test_a_log_reaches_from_no_epoch_to_one_at_least(tmp_path, drawn, rows):
    plot_log(tmp_path / "log.png", rows)
    for axes in drawn[0].axes:
        first, last = axes.get_xlim()
        done = max([1, *(row["epoch"] for row in rows)])
        assert -0.1 * done < first <= 0
        assert done <= last < 1.1 * done
    assert drawn[0].axes[0].get_xlabel() == "epochs done"


@pytest.mark.parametrize("k", [2, 5, 16])
def test_confusion(tmp_path, k):
    matrix = np.random.default_rng(0).integers(0, 1000, (k, k))
    matrix[1] = 0  # a class that never occurs
    plot_confusion(tmp_path / "a.png", matrix, [f"class {n}" for n in range(k)])
    assert read_image(tmp_path / "a.png").std() > 1
    with pytest.raises(ValueError, match="expected"):
        plot_confusion(tmp_path / "b.png", matrix, ["one"])


def test_a_plot_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def interrupted(self, path, **options):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plot_steps(tmp_path / "a.png", {1: 0.5}, "")
    assert not os.listdir(tmp_path)


def test_pyplot_is_left_alone(tmp_path):
    loaded = "matplotlib.pyplot" in sys.modules
    plot_log(tmp_path / "a.png", ROWS)
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_names_that_look_like_mathematics_are_drawn_as_they_are(tmp_path):
    names = ["a$^$", "$x", r"$\broken$"]
    plot_confusion(tmp_path / "a.png", np.eye(3, dtype=int), names)
    plot_steps(tmp_path / "b.png", {1: 0.5, 2: 0.6}, "model $^$")
    plot_bars(tmp_path / "c.png", {"m$^$": 1.0, "n": 2.0}, ["", ""], "title $^$")
    assert all((tmp_path / f"{name}.png").stat().st_size for name in "abc")
