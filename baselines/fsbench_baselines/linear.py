"""Linear maps of float32 on a CPU by oneDNN, where nothing takes a gradient; elsewhere they are torch's own.

On CPUs for which the BLAS of torch's builds was not made, such as AMD's with AVX-512, this takes half the time. Results
are equal up to rounding.
"""

from typing import cast

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

__all__ = ["Conv2d", "Linear", "linear"]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Returns [..., O] of x [..., I], weight [O, I] and bias [O]."""
    if not _by_onednn(x, weight):
        return functional.linear(x, weight, bias)
    return cast("Tensor", torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], ""))


class Linear(nn.Linear):
    """`torch.nn.Linear` by `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns [..., O] of [..., I]."""
        return linear(x, self.weight, self.bias)


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`; one of a single position without padding is by `linear`, from its channels to channels."""

    def forward(self, maps: Tensor) -> Tensor:
        """Returns maps [N, O, h', w'] of maps [N, I, h, w]; where they are by `linear`, channels lie last."""
        is_linear = self.kernel_size == (1, 1) and self.padding == (0, 0) and self.groups == 1
        if not (is_linear and _by_onednn(maps, self.weight)):
            return super().forward(maps)
        rows, columns = self.stride
        tokens = maps[..., ::rows, ::columns].permute(0, 2, 3, 1).contiguous()
        return linear(tokens, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def _by_onednn(x: Tensor, weight: Tensor) -> bool:
    """Says whether oneDNN's own operator may be called: it has no gradient, and compilers choose for themselves."""
    return (
        x.is_cpu
        and x.dtype == weight.dtype == torch.float32
        and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        and not torch.is_autocast_enabled("cpu")  # which would not reach it
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()
        and x.numel() > 0
    )
