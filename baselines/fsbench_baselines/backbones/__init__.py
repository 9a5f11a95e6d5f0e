"""Image and video backbones; the released ones have the parameter names of the released checkpoints.

Every one is a `Backbone`. Axis letters: `N` = `B * T` frames of all clips, `C` channels of a level,
`h, w` its height and width.
"""

from collections.abc import Callable
from functools import partial
from typing import TypedDict

from fsbench.errors import PluginError
from fsbench.errors import suggestion
from fsbench_baselines.backbones.backbone import Backbone
from fsbench_baselines.backbones.resnet import fold_batch_norm
from fsbench_baselines.backbones.resnet import ResNet
from fsbench_baselines.backbones.small import SmallResNet
from fsbench_baselines.backbones.swin import Swin
from fsbench_baselines.backbones.video_swin import VideoSwin

__all__ = ["BACKBONES", "Backbone", "ResNet", "SmallResNet", "Swin", "VideoSwin", "build_backbone", "fold_batch_norm"]


class _Size(TypedDict):
    """Arguments of a Swin or a Video-Swin."""

    dim: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    drop_path: float


_TINY: _Size = {"dim": 96, "depths": (2, 2, 6, 2), "heads": (3, 6, 12, 24), "drop_path": 0.2}
_SMALL: _Size = {"dim": 96, "depths": (2, 2, 18, 2), "heads": (3, 6, 12, 24), "drop_path": 0.2}
_BASE: _Size = {"dim": 128, "depths": (2, 2, 18, 2), "heads": (4, 8, 16, 32), "drop_path": 0.3}
_LARGE: _Size = {"dim": 192, "depths": (2, 2, 18, 2), "heads": (6, 12, 24, 48), "drop_path": 0.3}
_VIDEO_BASE: _Size = {**_BASE, "drop_path": 0.2}

# Settings of wjn922/ReferFormer, whose Swin-L has windows of 7 as well and whose Video-Swin-B drops fewer paths.
BACKBONES: dict[str, Callable[[], Backbone]] = {
    "resnet50": partial(ResNet, depths=(3, 4, 6, 3)),
    "resnet101": partial(ResNet, depths=(3, 4, 23, 3)),
    "resnet_small": SmallResNet,
    "swin_t_p4w7": partial(Swin, **_TINY),
    "swin_s_p4w7": partial(Swin, **_SMALL),
    "swin_b_p4w7": partial(Swin, **_BASE),
    "swin_l_p4w7": partial(Swin, **_LARGE),
    "video_swin_t_p4w7": partial(VideoSwin, **_TINY),
    "video_swin_s_p4w7": partial(VideoSwin, **_SMALL),
    "video_swin_b_p4w7": partial(VideoSwin, **_VIDEO_BASE),
}


def build_backbone(name: str) -> Backbone:
    """Returns a backbone with random weights.

    Args:
        name: a key of `BACKBONES`.
    Returns:
        A module whose `forward(frames [N, 3, H, W], num_frames)` gives four
        maps [N, C, h, w], h = ceil(H / stride), w = ceil(W / stride). `num_frames` is the clip length T; only
        Video-Swin looks at more than one frame at a time.
    Raises:
        PluginError: if the name is not known.
    """
    if name not in BACKBONES:
        raise PluginError(f"There is no backbone {name!r}. {suggestion(name, BACKBONES)}")
    return BACKBONES[name]()
