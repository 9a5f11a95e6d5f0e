"""What a method is, and how methods are found."""

from fsbench.methods.contract import Clip
from fsbench.methods.contract import Fold
from fsbench.methods.contract import Judged
from fsbench.methods.contract import Method
from fsbench.methods.contract import MethodInfo
from fsbench.methods.contract import Shot
from fsbench.methods.contract import Support
from fsbench.methods.contract import SupportVideo
from fsbench.methods.frames import Frames
from fsbench.methods.outcome import whole_masks

__all__ = ["Clip", "Fold", "Frames", "Judged", "Method", "MethodInfo", "Shot", "Support", "SupportVideo", "whole_masks"]
