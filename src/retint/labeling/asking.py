"""What a labelling asks of a network, as values that it yields: so one is answered alone, and several together, as a batch.

A labelling is a generator here: it yields an `Ask`, is sent the answer, and returns what it found.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import torch

from .backends import Engine

Result = TypeVar("Result")


class Ask(NamedTuple):
    """A call of an engine: its `context` of an image (1, C, pixels ...), or its `logits` of a context and an estimate, if any."""

    engine: Engine
    function: Literal["context", "logits"]
    arguments: tuple[Any, ...]

    @property
    def kind(self) -> tuple[Any, ...]:
        """What calls have in common that can be made as one."""
        return id(self.engine), self.function, _sizes(self.arguments)

    def answer(self) -> Any:
        """Make the call."""
        with torch.inference_mode():
            return getattr(self.engine, self.function)(*self.arguments)


Asking = Generator[Ask, Any, Result]


def alone(asking: Asking[Result]) -> Result:
    """Answer what a labelling asks, until it is done."""
    answer = None
    while True:
        try:
            ask = asking.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result
        answer = ask.answer()


def together(askings: Sequence[Asking[Result]]) -> list[Result | Exception]:
    """Answer what several labellings ask, calls of one kind as a batch. If one ends or fails, the others go on.

    Returns:
        What each found, or the error that ended it.
    """
    found: dict[int, Result | Exception] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(askings)))
    batches = _Batches()
    while answers:
        asked: dict[int, Ask] = {}
        for number, answer in answers.items():
            try:
                asked[number] = (
                    askings[number].throw(answer) if isinstance(answer, Exception) else askings[number].send(answer)
                )
            except StopIteration as end:
                found[number] = end.value
            except Exception as error:
                found[number] = error
        answers = batches.answers(asked)
    return [found[number] for number in range(len(askings))]


class _Batches:
    """Calls made as one; contexts that lay together at the last step need not be put together again."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[int, ...], Any] = {}

    def answers(self, asked: dict[int, Ask]) -> dict[int, Any]:
        """The answer to each ask, or the error that came in its place."""
        kinds: dict[tuple[Any, ...], list[int]] = {}
        for number, ask in asked.items():
            kinds.setdefault(ask.kind, []).append(number)
        before, self._contexts = self._contexts, {}
        answers: dict[int, Any] = {}
        for numbers in kinds.values():
            try:
                answers.update(zip(numbers, self._batch([asked[n] for n in numbers], tuple(numbers), before), strict=True))
            except Exception as error:
                answers.update(dict.fromkeys(numbers, error))
        return answers

    def _batch(self, asks: Sequence[Ask], numbers: tuple[int, ...], before: dict[tuple[int, ...], Any]) -> list[Any]:
        first = asks[0]
        if len(asks) == 1:
            return [first.answer()]
        with torch.inference_mode():
            if first.function == "context":
                joined: tuple[Any, ...] = (_cat([ask.arguments[0] for ask in asks]),)
            else:
                contexts, estimates = zip(*(ask.arguments for ask in asks), strict=True)
                self._contexts[numbers] = before[numbers] if numbers in before else _cat(contexts)
                joined = self._contexts[numbers], _cat(estimates)
            return _apart(first._replace(arguments=joined).answer(), len(asks))


def _sizes(value: Any) -> Any:
    return tuple(map(_sizes, value)) if isinstance(value, tuple) else None if value is None else tuple(value.shape)


def _cat(values: Sequence[Any]) -> Any:
    """Images, estimates or contexts (a tensor, a tuple of some, or nothing) one under another along the batch."""
    if isinstance(values[0], tuple):
        return type(values[0])(*(_cat(part) for part in zip(*values, strict=True)))
    return None if values[0] is None else torch.cat(list(values))


def _apart(value: Any, count: int) -> list[Any]:
    """What `_cat` made, apart again."""
    if isinstance(value, tuple):
        return [type(value)(*parts) for parts in zip(*(_apart(part, count) for part in value), strict=True)]
    return [None] * count if value is None else list(torch.split(value, 1))
