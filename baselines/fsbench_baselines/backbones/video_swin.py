"""Video Swin Transformer (Liu et al., 2022) that keeps every frame: patches are one frame long."""

from torch import nn
from torch import Tensor

from fsbench_baselines.backbones.backbone import Backbone
from fsbench_baselines.backbones.swin import init_weights
from fsbench_baselines.backbones.swin import PatchEmbed
from fsbench_baselines.backbones.swin import PatchMerging
from fsbench_baselines.backbones.swin import swin_stages

__all__ = ["VideoSwin"]


class VideoSwin(Backbone):
    """Video Swin with windows of 8 frames and 7x7 patches; its outputs have no norm."""

    sees_clips = True

    def __init__(self, dim: int, depths: tuple[int, ...], heads: tuple[int, ...], drop_path: float) -> None:
        super().__init__()
        self.channels = tuple(dim * 2**level for level in range(len(depths)))
        self.patch_embed = PatchEmbed(nn.Conv3d(3, dim, kernel_size=(1, 4, 4), stride=(1, 4, 4)))
        self.layers = swin_stages(dim, depths, heads, (8, 7, 7), drop_path, shrinks=True, merges=False)
        self.downsamples = nn.ModuleList(PatchMerging(channels) for channels in self.channels[:-1])
        self.apply(init_weights)

    def forward(self, frames: Tensor, num_frames: int) -> list[Tensor]:
        """Returns the maps of every frame, each in view of its clip.

        Args:
            frames: normalised float [N, 3, H, W], N = B * T, clip after clip.
            num_frames: T.
        Returns:
            Four maps [N, C, h, w] at strides 4, 8, 16, 32.
        """
        clips = frames.unflatten(0, (-1, num_frames)).transpose(1, 2)  # [B, 3, T, H, W]
        x = self.patch_embed(clips)  # [B, T, h, w, C]
        maps = []
        for level, stage in enumerate(self.layers):
            x = stage(x)
            maps.append(x.flatten(0, 1).permute(0, 3, 1, 2).contiguous())
            if level < len(self.downsamples):
                x = self.downsamples[level](x)
        return maps
