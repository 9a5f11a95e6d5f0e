"""Dropout that costs little on a CPU, where torch draws a random number for each element, one after the other."""

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional

__all__ = ["Dropout", "dropout"]

_STEPS = 2**16  # rates are multiples of one in so many


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, with the draws of `dropout`."""

    def forward(self, x: Tensor) -> Tensor:
        """Drops elements in training."""
        return dropout(x, self.p, training=self.training)


def dropout(x: Tensor, rate: float, *, training: bool) -> Tensor:
    """Sets elements to zero, each by itself with the given probability, and scales the others to keep the mean.

    On a CPU each element takes 16 bits of torch's generator, and the rate is rounded to multiples of 2**-16; what is
    left is scaled by the rounded rate, so that the mean is exact. Elsewhere, and while a compiler traces, this is
    torch's own dropout.
    """
    steps = round(rate * _STEPS)
    if not training or not steps:
        return x
    if not x.is_cpu or steps >= _STEPS or torch.compiler.is_compiling():
        return functional.dropout(x, rate)
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[: x.numel()]
    # In place the comparison gives integers, which turn to floats faster than truth values.
    kept = bits.ge_(steps - _STEPS // 2).to(x.dtype)
    return x * kept.mul_(_STEPS / (_STEPS - steps)).view(x.shape)
