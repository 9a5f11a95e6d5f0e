"""Protocols: everything that a score depends on besides the masks, under one name and one signature."""

from dataclasses import dataclass
from typing import Literal

from fsbench.errors import RunError
from fsbench.errors import suggestion

__all__ = ["PROTOCOLS", "Level", "Protocol", "named_protocol"]

Level = Literal["frame", "expression", "video", "class", "object"]


@dataclass(frozen=True)
class Protocol:
    """How masks are scored and averaged. Numbers of different protocols are never compared.

    Attributes:
        name: The name on the command line.
        about: One line for people.
        tolerance: Of the contour accuracy, as a share of the image diagonal (see `fsbench.metrics.radius_px`).
        short_side: Shorter side, in pixels, at which prediction and truth are compared; None for native resolution.
            The truth is resized bilinearly and thresholded at 0.5.
        frames: Which frames of a sequence count: all, or all but the first and last.
        chain: What is averaged over, from the inside out; what the chain leaves out is pooled. Folds, and draws in a
            fold, are averaged last, always.
        has_decay: Whether recall and decay are part of it.
    """

    name: str
    about: str
    tolerance: float = 0.008
    short_side: int | None = None
    frames: Literal["all", "inner"] = "all"
    chain: tuple[Level, ...] = ("frame", "expression", "video", "class")
    has_decay: bool = False

    @property
    def signature(self) -> str:
        """The string that is printed beside every number."""
        size = "native" if self.short_side is None else f"short{self.short_side}"
        parts = [self.name, f"size={size}", f"tolerance={self.tolerance:.3f}", f"frames={self.frames}"]
        return "|".join([*parts, f"mean={'>'.join(self.chain)}"])

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Returns the (height, width) at which masks of a video of this native size are compared."""
        if self.short_side is None:
            return height, width
        long_side = int(self.short_side * max(height, width) / min(height, width))  # torchvision's Resize truncates
        return (self.short_side, long_side) if height <= width else (long_side, self.short_side)

    def counted(self, length: int) -> slice:
        """Returns which of a sequence's frames count."""
        return slice(1, max(length - 1, 1)) if self.frames == "inner" else slice(None)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("standard", "native resolution, DAVIS tolerance, every level averaged in turn"),
        Protocol(
            "released",
            "what the authors' test script computes: shorter side 360, tolerance 0.010, one pool of frames",
            tolerance=0.010,
            short_side=360,
            chain=("frame",),
        ),
        Protocol(
            "davis-2017",
            "davis2017-evaluation, semi-supervised: first and last frame dropped, recall and decay",
            frames="inner",
            chain=("frame", "object"),
            has_decay=True,
        ),
    )
}


def named_protocol(name: str) -> Protocol:
    """Returns a protocol by name. Raises RunError, with the near names, for an unknown one."""
    if name not in PROTOCOLS:
        raise RunError(f"There is no protocol {name!r}. {suggestion(name, PROTOCOLS)}")
    return PROTOCOLS[name]
