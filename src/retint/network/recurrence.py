"""The recurrent network: the book's equation, as a loop.

    H(t) = g( U * X  +  W * Y(t-1) )        Y(t) = softmax( V * H(t) )        the W term is exactly zero at t = 1

Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.6, figure 9.17.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from .catalogue import Architecture
from .context import build_context, build_detail
from .feedback import build_feedback
from .geometry import Geometry
from .layers import Padding, Unit, extent, max_pool, padded, part
from .readout import build_readout

_NONLINEARITY = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


class RecurrentNetwork(nn.Module):
    """U, V, W and the loop.

    Args:
        architecture: an entry of the catalogue.
        channels: planes of the image, C.
        classes: K, 2 to 256.
        padding: `same` or `valid`; the architecture's own if not given.
    """

    def __init__(self, architecture: Architecture, channels: int, classes: int, padding: Padding | None = None) -> None:
        super().__init__()
        if not 2 <= classes <= 256:
            raise ValueError(f"classes: {classes}; 2 to 256 are possible")
        if channels < 1:
            raise ValueError(f"channels: {channels}; at least 1 is needed")
        self.architecture, self.channels, self.classes = architecture, channels, classes
        self.padding: Padding = padding or architecture.padding
        self.geometry = [Geometry(architecture, self.padding, axis) for axis in range(architecture.dims)]
        self.U = build_context(architecture, channels, classes, self.padding)
        self.W = build_feedback(architecture, classes, self.padding)
        self._hidden = self.context_units[-1].channels
        self.V = build_readout(architecture, self._hidden, classes, self.padding)
        self.D = build_detail(architecture, self.context_units, classes, self.padding)
        self.g = _NONLINEARITY[architecture.activation]
        self.pool = tuple(extent(architecture.pool, axis) for axis in range(architecture.dims))

    @property
    def strides(self) -> tuple[int, ...]:
        """Image pixels per label cell along each axis."""
        return self.strides_at(1)

    def strides_at(self, step: int) -> tuple[int, ...]:
        """Image pixels per label cell of the plane Y(step)."""
        return tuple(geometry.stride_at(step) for geometry in self.geometry)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Their number type, which it computes in."""
        return next(self.parameters()).dtype

    def cells(self, size: Sequence[int]) -> tuple[int, ...]:
        """Label cells of an image of so many pixels along each axis with padding `same`, in whole periods."""
        return tuple(geometry.cells(n) for geometry, n in zip(self.geometry, size, strict=True))

    def seen(self, size: Sequence[int]) -> tuple[int, ...]:
        """Those of them that lie in the image: the last period may have cells beyond it, which do not count."""
        return tuple(-(-n // stride) for n, stride in zip(size, self.strides, strict=True))

    def forward(self, image: Tensor, steps: int, start: Tensor | None = None) -> Tensor:
        """The probabilities after `steps` steps, (N, K, cells ...)."""
        estimate = start
        for estimate in self.refinements(image, steps, start):  # noqa: B007
            pass
        if estimate is None:
            raise ValueError(f"steps: {steps}; at least 1 is needed")
        return estimate

    def refinements(self, image: Tensor, steps: int, start: Tensor | None = None) -> Iterator[Tensor]:
        """Y(1), Y(2), ... Y(steps), one after another.

        Args:
            image: X, (N, C, rows, columns) or (N, C, slices, rows, columns), float, normalised.
            steps: how many.
            start: Y(0), (N, K, cells ...), if there is one.
        """
        context = self.context(image)
        estimate = start
        for _ in range(steps):
            estimate = self.step(context, estimate)
            yield estimate

    def context(self, image: Tensor) -> Tensor:
        """U * X, the hidden layer's planes and then the detail's, if there is one.

        With `same`, an image that is no whole number of label cells is padded with zeros at its end.
        """
        if self.padding == "same":
            image = padded(image, [-n % g.period for n, g in zip(image.shape[2:], self.geometry, strict=True)])
        if not len(self.D):
            context: Tensor = self.U(image)
            return context
        branch = self.architecture.branch
        fine: Tensor = self.U[:branch](image)
        context, detail = self.U[branch:](fine), self.D(fine)
        if self.padding == "valid":
            firsts = (geometry.detail_trim[0] for geometry in self.geometry)
            detail = part(detail, (slice(a, a + n) for a, n in zip(firsts, context.shape[2:], strict=True)))
        return torch.cat([context, detail], 1)

    def step(self, context: Tensor, estimate: Tensor | None) -> Tensor:
        """Y(t) from U * X and Y(t-1); None is no estimate."""
        return torch.softmax(self.logits(context, estimate), dim=1)

    def logits(self, context: Tensor, estimate: Tensor | None) -> Tensor:
        """V * H(t): the step before its softmax."""
        back = None
        if estimate is not None and len(self.W):
            context, back = self._beside(context, estimate), self.W(estimate)
        hidden, detail = self.parts(context)
        return self.read(hidden if back is None else hidden + back, detail)

    def parts(self, context: Tensor) -> tuple[Tensor, Tensor | None]:
        """The hidden layer's planes of U * X, and the detail's, if there is one."""
        if not len(self.D):
            return context, None
        hidden, detail = torch.split(context, [self._hidden, context.shape[1] - self._hidden], 1)  # one gradient, where slices have two
        return hidden, detail

    def read(self, hidden: Tensor, detail: Tensor | None = None) -> Tensor:
        """V * g(hidden), with the detail added to V's first layer."""
        hidden = self.g(max_pool(hidden, self.pool) if max(self.pool) > 1 else hidden)
        logits: Tensor = self.V(hidden) if detail is None else self.V[1:](self.V[0](hidden, detail))
        return logits

    def fold(self) -> RecurrentNetwork:
        """Put every normalisation into its convolution, for labelling. Returns self."""
        for module in self.modules():
            if isinstance(module, Unit):
                module.fold()
        return self

    @property
    def context_channels(self) -> int:
        """Planes of U * X: the hidden layer's, and the detail's."""
        return self._hidden + sum(unit.channels for unit in list(self.D)[-1:] if isinstance(unit, Unit))

    @property
    def context_units(self) -> list[Unit]:
        """The layers of U."""
        return [unit for unit in self.U if isinstance(unit, Unit)]

    def _beside(self, context: Tensor, estimate: Tensor) -> Tensor:
        """The part of the context that lies under W's output: all of it with `same`, its inside with `valid`."""
        if self.padding == "same":
            return context
        for axis, geometry in enumerate(self.geometry, start=2):
            cells, have = context.shape[axis], estimate.shape[axis] // geometry.per_period
            before, after = geometry.feedback_trim
            context = context.narrow(axis, geometry.margin(cells - have) + before, have - before - after)
        return context
