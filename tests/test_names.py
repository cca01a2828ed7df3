"""The names that `import retint` gives."""

import pytest

import retint


def test_each_name_is_there():
    assert all(callable(getattr(retint, name)) for name in retint.__all__)


def test_what_is_wrong_with_an_input_can_be_caught_by_name():
    with pytest.raises(retint.RetintError, match="no such file, and the bundled models are"):
        retint.load("nothere")


def test_no_other_name_is():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = retint.nothing
