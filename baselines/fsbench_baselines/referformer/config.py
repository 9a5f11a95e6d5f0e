"""The configuration of the ReferFormer family: every number that shapes the model."""

from dataclasses import dataclass
from typing import Any
from typing import Literal

from fsbench_baselines.configuration import Configuration

__all__ = ["AffinityName", "ModelConfig"]

AffinityName = Literal["cross", "self", "add", "prior"]
"""How support and query may be fused: see `fsbench_cma.affinity`."""


@dataclass(frozen=True)
class ModelConfig(Configuration):
    """What a model is built from; the defaults are the released ReferFormer with ResNet-50.

    The options of the second group belong to CMA. Those of the last group deviate from the released behaviour where
    they are not at their default.

    Attributes:
        backbone: Name in `backbones.BACKBONES`.
        hidden_dim: Channels of the model, D.
        heads: Of every attention.
        enc_layers, dec_layers: Layers of the transformer's encoder and decoder.
        dim_feedforward: Channels between the two linear maps of a layer.
        num_levels: Feature levels, L.
        num_points: Sampling points of a deformable attention, by head and level.
        num_queries: Object queries of a frame, Q.
        dropout: Rate, in training.
        mask_dim: Channels of the map that masks are read from.
        controller_layers, dynamic_mask_channels: Layers, and their channels, of the convolutions that a query brings.
        text: Keyword arguments of transformers' RobertaConfig; None for roberta-base.
        short_side: Shorter side of the frames that the model is meant for, in pixels.
        dab: Whether the decoder has DAB queries.
        affinity: How support and query are fused; None for ReferFormer, which has no support.
        first_layer_boxes: "broadcast": the first decoder layer with DAB puts a box's coordinates on the levels, as
            released; "proper": every level sees the box.
        support_frames, mask_support: See `fsbench_cma.affinity`.
    """

    backbone: str = "resnet50"
    hidden_dim: int = 256
    heads: int = 8
    enc_layers: int = 4
    dec_layers: int = 4
    dim_feedforward: int = 2048
    num_levels: int = 4
    num_points: int = 4
    num_queries: int = 5
    dropout: float = 0.1
    mask_dim: int = 256
    controller_layers: int = 3
    dynamic_mask_channels: int = 8
    text: dict[str, Any] | None = None  # Any: the values of RobertaConfig are numbers, names and flags
    short_side: int = 360

    dab: bool = False
    affinity: AffinityName | None = None

    first_layer_boxes: Literal["broadcast", "proper"] = "broadcast"
    support_frames: Literal["middle", "all"] = "middle"
    mask_support: Literal["zero", "exclude"] = "zero"

    def __post_init__(self) -> None:
        if self.dab and self.first_layer_boxes == "broadcast" and self.num_levels != 4:
            raise ValueError(
                f"first_layer_boxes='broadcast' puts the 4 box coordinates on the levels, but there are "
                f"{self.num_levels}; use num_levels=4 or first_layer_boxes='proper'"
            )
