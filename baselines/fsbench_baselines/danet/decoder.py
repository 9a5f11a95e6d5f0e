"""From what the attention found to masks, over two finer levels of the query (the decoder of STM, Oh et al., 2019).

Axes: N frames, C channels of a level, D channels of the decoder, H W pixels.
"""

from torch import nn
from torch import Tensor
from torch.nn import functional

__all__ = ["Decoder"]


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(maps, size, mode="bilinear", align_corners=True)


class Residual(nn.Module):
    """Two convolutions, each after a ReLU, beside the identity; [N, D, h, w] to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _convolution(width, width)
        self.conv2 = _convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Applies the block."""
        out: Tensor = x + self.conv2(functional.relu(self.conv1(functional.relu(x))))
        return out


class Refine(nn.Module):
    """Adds a finer level to a coarse map."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.convFS = _convolution(inputs, width)
        self.ResFS = Residual(width)
        self.ResMM = Residual(width)

    def read(self, level: Tensor) -> Tensor:
        """Returns what is added of a level of the encoder, [N, D, h, w] from [N, C, h, w]."""
        read: Tensor = self.ResFS(self.convFS(level))
        return read

    def forward(self, finer: Tensor, coarse: Tensor) -> Tensor:
        """Returns [N, D, h, w] from what `read` gave and a map [N, D, any, any]."""
        height, width = finer.shape[-2:]
        out: Tensor = self.ResMM(finer + _resized(coarse, (height, width)))
        return out


class Decoder(nn.Module):
    """Mask logits at the size of the frames.

    Args:
        inputs: channels of what the attention found and the query's own features together.
        levels: channels of the encoder's second and first level.
        width: D.
    """

    def __init__(self, inputs: int, levels: tuple[int, int], width: int) -> None:
        super().__init__()
        self.convFM = _convolution(inputs, width)
        self.ResMM = Residual(width)
        self.RF3 = Refine(levels[0], width)
        self.RF2 = Refine(levels[1], width)
        self.pred2 = _convolution(width, 1)

    def forward(self, found: Tensor, middle: Tensor, fine: Tensor, size: tuple[int, int]) -> Tensor:
        """Decodes.

        Args:
            found: [N, inputs, h, w].
            middle, fine: what `RF3.read` and `RF2.read` gave.
            size: H, W.
        Returns:
            Logits [N, H, W].
        """
        maps = self.RF2(fine, self.RF3(middle, self.ResMM(self.convFM(found))))
        return _resized(self.pred2(functional.relu(maps)), size)[:, 0]
