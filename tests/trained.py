"""What the tests of training share."""

import torch

from retint.learning import Settings
from retint.modelfile import load_model

QUICK = Settings(arch="small-4", epochs=0.06, batch=2, crop=(32, 32))


def weights(path):
    return load_model(path)[0]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


def chance(seed=0):
    return torch.Generator().manual_seed(seed)
