"""A recurrent network whose labels grow coarser at every step (Pinheiro and Collobert, ICML 2014).

    F(1) = [0, I]        F(p) = [f(F(p-1)), I(p)]        f: the same network at every instance p

I(p) is the image brought to the size of the labels f(F(p-1)), so U is computed at every step: rule 2 is departed from, as
the paper does. A first convolution of [labels, image] is the sum of one of the labels, W, and one of the image, U.
"""

from __future__ import annotations

from torch import Tensor

from .grid import MEANS
from .layers import padded, part
from .recurrence import RecurrentNetwork

_MOST = 32


class RescalingNetwork(RecurrentNetwork):
    """The same U, V, W; its context is the image itself."""

    def context(self, image: Tensor) -> Tensor:
        """The image: each step computes U from as much of it as its labels leave."""
        return image

    def logits(self, context: Tensor, estimate: Tensor | None) -> Tensor:
        """V * g(U * I(p) + W * Y(p-1)), coarser than Y(p-1), whose size tells p. None: F(1) = [0, I]."""
        return self.read(self.hidden(context, estimate, 0 if estimate is None else self.instances(context, estimate)))

    def hidden(self, image: Tensor, estimate: Tensor | None, instances: int) -> Tensor:
        """U * I(p) + W * Y(p-1), as large as Y(p-1), which so many instances made."""
        if estimate is None:
            hidden: Tensor = self.U(self._whole(image, 1))
            return hidden
        image = part(self.reduced(image, instances), map(slice, estimate.shape[2:]))
        hidden = self.U(self._whole(image, 1)) + self.W(self._whole(estimate, 1))
        return hidden

    def instances(self, image: Tensor, estimate: Tensor) -> int:
        """How many instances lead from the image to planes of the estimate's size.

        Raises:
            ValueError: none do.
        """
        sizes = tuple(estimate.shape[2:])
        if sizes == tuple(image.shape[2:]):
            return 0
        for count in range(1, _MOST):
            if sizes == tuple(self._size(axis, n, count) for axis, n in enumerate(image.shape[2:])):
                return count
        raise ValueError(f"estimate: planes of {sizes} belong to no step for an image of {tuple(image.shape[2:])}")

    def reduced(self, image: Tensor, instances: int) -> Tensor:
        """I(p): the mean of the pixels that each label cell after so many instances speaks for."""
        if not instances:
            return image
        image = self._whole(image, instances)
        if self.padding == "valid":
            for axis, geometry in enumerate(self.geometry, start=2):
                first = geometry.speaks_for(0, instances)[0]
                cells = geometry.output_size(image.shape[axis], instances)
                image = image.narrow(axis, first, cells * geometry.stride_at(instances))
        return MEANS[len(self.geometry)](image, self.strides_at(instances))

    def _size(self, axis: int, pixels: int, instances: int) -> int:
        geometry = self.geometry[axis]
        return geometry.cells(pixels, instances) if self.padding == "same" else geometry.output_size(pixels, instances)

    def _whole(self, plane: Tensor, instances: int) -> Tensor:
        """With `same`, the plane with zeros at its end up to whole label cells."""
        if self.padding == "valid":
            return plane
        after = [-n % s for n, s in zip(plane.shape[2:], self.strides_at(instances), strict=True)]
        return padded(plane, after)
