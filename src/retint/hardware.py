"""What a device computes convolutions fastest in, and what is asked of its threads and memory."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from .errors import RetintError

Precision = Literal["auto", "float32", "bfloat16"]
Network = TypeVar("Network", bound=nn.Module)
PROCESSOR = torch.device("cpu")
_LAYOUT = {4: torch.channels_last, 5: torch.channels_last_3d}


def compute_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The type that a choice of precision means on a device.

    `auto` is bfloat16 on GPUs that have it and on processors with AMX or AVX512-BF16 instructions, where it is several
    times faster; elsewhere float32 (without those instructions bfloat16 is about ten times slower).

    Raises:
        RetintError: there is no such precision.
    """
    if precision not in get_args(Precision):
        raise RetintError(f"--precision {precision}: expected one of {', '.join(get_args(Precision))}")
    if precision == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def chosen_device(device: str) -> torch.device:
    """The device that a choice of auto, cpu or cuda means: `auto` is a GPU if there is one.

    Raises:
        RetintError: it is not there.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise RetintError("--device cuda: no CUDA device here; use --device cpu")
    try:
        return torch.device(("cuda" if there else "cpu") if device == "auto" else device)
    except (RuntimeError, TypeError):
        raise RetintError(f"--device {device}: expected auto, cpu or cuda") from None


def mixed(device: torch.device) -> torch.autocast:
    """Convolutions in the number type that `auto` chooses on a device, for training."""
    dtype = compute_dtype("auto", device)
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype is torch.bfloat16)


def lacks_memory(error: Exception) -> bool:
    """Whether torch says that there is not enough memory, of the machine or of the GPU."""
    return isinstance(error, torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))


def channels_last(network: Network) -> Network:
    """The network with its kernels laid out channels last, as convolutions are fastest on processors and GPUs alike."""
    for parameter in network.parameters():
        parameter.data = laid_out(parameter.data)
    return network


def laid_out(tensor: Tensor) -> Tensor:
    """An image (N, C, ...) or a kernel, channels last; anything else as it is."""
    return tensor.contiguous(memory_format=_LAYOUT[tensor.dim()]) if tensor.dim() in _LAYOUT else tensor


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    """Compute on so many threads for a while, in the thread that asks for it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def settle(device: torch.device) -> None:
    """Wait until a device has computed what it was given: a GPU does so while the program goes on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def keep_memory() -> None:
    """Ask the C library not to hand freed memory back to the system: it is needed again at once, and fetching it costs up to a third.

    It holds for the whole process, a Python program too that calls `train` or `label_files`; `Model.label` does not ask for it.
    """
    with suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD
        library.mallopt(-4, 0)  # M_MMAP_MAX


def let_memory_go() -> None:
    """Hand what is free back to the system after all, where other sizes will be needed: what was kept has gaps too small for them."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
