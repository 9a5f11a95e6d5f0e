"""What every backbone is: the type that the models and the trainings build on."""

from torch import nn

__all__ = ["STRIDES", "Backbone"]

STRIDES = (4, 8, 16, 32)


class Backbone(nn.Module):
    """A module that makes four maps of each frame: `forward(frames, num_frames) -> list of maps`.

    Attributes:
        channels: C of each map.
        strides: Of each map, in pixels.
        sees_clips: Whether the maps of a frame depend on the other frames of its clip.
    """

    channels: tuple[int, ...]
    strides = STRIDES
    sees_clips = False
