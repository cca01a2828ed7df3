"""An option that several verbs have is one option: declared once, told alike."""

import argparse

import pytest

from retint.cli.main import _parser
from retint.cli.options import SHARED

OTHERS = {
    ("train", "--out"), ("bench", "--out"), ("demo", "--out"), ("convert", "--out"), ("convert", "dataset"), ("eval", "--steps"),
    ("bench", "--model"), ("train", "--overwrite"), ("eval", "--overwrite"), ("bench", "--overwrite"), ("draw", "--overwrite"),
    ("draw", "--model"), ("draw", "--out"), ("draw", "--json"),
}  # fmt: skip
"""What is called the same and means something else, or may be left out: its help says so."""


def declared():
    """Every verb's options: (verb, name) and what argparse knows of it."""
    (verbs,) = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    for verb, parser in verbs.choices.items():
        for action in parser._actions:
            yield verb, action.option_strings[-1] if action.option_strings else action.dest, action


@pytest.mark.parametrize("name", SHARED)
def test_verbs_agree_on_an_option(name):
    alone = argparse.ArgumentParser()
    expected = alone.add_argument(name, **SHARED[name])
    kept = ("type", "choices", "default", "required", "metavar", "help", "nargs", "const")
    found = [(verb, action) for verb, option, action in declared() if option == name]
    same = [verb for verb, action in found if all(getattr(action, what) == getattr(expected, what) for what in kept)]
    assert {verb for verb, _ in found} - set(same) <= {verb for verb, option in OTHERS if option == name}
    assert len(same) > 1


def test_every_option_says_what_it_is():
    silent = {(verb, option) for verb, option, action in declared() if not action.help}
    assert silent == set()
