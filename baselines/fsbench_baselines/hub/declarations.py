"""The methods on hub models and their options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import ClassVar
from typing import Literal

from annotated_types import Ge

from fsbench.methods import MethodInfo
from fsbench_baselines.declaration import Declaration
from fsbench_baselines.declaration import Dtype

__all__ = [
    "CLIPSEG",
    "CLIPSEG_SUPPORT",
    "DINO_SAM2",
    "GROUNDED_SAM2",
    "MLLM_SAM2",
    "SAM2_SUPPORT",
    "SAM2_TRACKER",
    "SAM3",
    "SAM3_EXEMPLAR",
    "SAM3_SUPPORT",
    "SEGGPT",
    "CLIPSegOptions",
    "DINOSAM2Options",
    "GroundedSAM2Options",
    "HubOptions",
    "MLLMSAM2Options",
    "SAM2Options",
    "SAM3ExemplarOptions",
    "SAM3Options",
    "SAM3SupportOptions",
    "SegGPTOptions",
]

_SAM2 = "facebook/sam2.1-hiera-large"
_SAM3 = "facebook/sam3"
_SAM2_PAPER = "Ravi et al., SAM 2: Segment Anything in Images and Videos, ICLR 2025"
_SAM2_DATA = ("SA-1B", "SA-V", "SAM 2's internal videos")
_LICENCE = "Apache-2.0 (this code); weights: see baselines/cards/{}.md"


@dataclass(frozen=True, kw_only=True)
class HubOptions:
    """Options of every method on hub models.

    Attributes:
        weights: Hub repository.
        revision: Of it: a branch, a tag or a commit.
        checkpoint: Folder of the model, which goes before the hub.
        device: auto, cpu, cuda or mps.
        dtype: Of weights and activations.
    """

    models: ClassVar[tuple[str, ...]] = ("",)  # a prefix for each model, of its options weights and revision

    weights: str
    revision: str = "main"
    checkpoint: Path | None = None
    device: str = "auto"
    dtype: Dtype = "float32"


@dataclass(frozen=True)
class _HubDeclaration(Declaration):
    """A method whose weights have a name and a revision on the hub."""

    def pin(self, options: Mapping[str, Any]) -> dict[str, Any]:  # Any: see MethodFactory.resolve
        """Returns the options with each revision replaced by the commit that it stands for; see `pin_options`."""
        from fsbench_baselines.hub.weights import pin_options

        return pin_options(options, *self.options.models)


@dataclass(frozen=True)
class _TrackerDeclaration(_HubDeclaration):
    """A tracker, whose options have another name where it is used."""

    needs: ClassVar[tuple[str, ...]] = ("weights: --option refine_checkpoint=FOLDER",)

    def missing(self, dataset: str) -> list[str]:
        """Returns what it needs that is not there with no option given, whatever the dataset."""
        return list(self.needs)


@dataclass(frozen=True, kw_only=True)
class CLIPSegOptions(HubOptions):
    """Options of CLIPSeg.

    Attributes:
        side: Of the square pictures that the model sees, in pixels; a multiple of its patches'.
        threshold: Probability above which a pixel is the object's.
    """

    weights: str = "CIDAS/clipseg-rd64-refined"
    side: int = 352
    threshold: float = 0.5


@dataclass(frozen=True, kw_only=True)
class SegGPTOptions(HubOptions):
    """Options of SegGPT."""

    weights: str = "BAAI/seggpt-vit-large"


@dataclass(frozen=True, kw_only=True)
class SAM2Options(HubOptions):
    """Options of SAM 2."""

    weights: str = _SAM2


@dataclass(frozen=True, kw_only=True)
class DINOSAM2Options(HubOptions):
    """Options of DINO and SAM 2.

    Attributes:
        weights: Hub repository of a DINOv2 (with registers or without) or a DINOv3.
        tracker_weights: Hub repository of SAM 2.
        tracker_revision: Of it.
        checkpoint: Folder with the folders `features` and `tracker`, which goes before the hub.
        short_side: Shorter side of the frames that DINO sees, in pixels; rounded to whole patches.
        prompt: What points at the object: the strongest matched patches and one off it, or the box of all.
        points: On the object, at most.
        frames: Whether SAM 2 is pointed at the object in the best frame and follows it, or in each by itself.
    """

    models: ClassVar[tuple[str, ...]] = ("", "tracker_")

    weights: str = "facebook/dinov2-large"
    tracker_weights: str = _SAM2
    tracker_revision: str = "main"
    short_side: Annotated[int, Ge(1)] = 518
    prompt: Literal["points", "box"] = "points"
    points: Annotated[int, Ge(1)] = 5
    frames: Literal["best", "each"] = "best"


@dataclass(frozen=True, kw_only=True)
class GroundedSAM2Options(HubOptions):
    """Options of Grounding DINO and SAM 2.

    Attributes:
        weights: Hub repository of Grounding DINO.
        tracker_weights: Hub repository of SAM 2.
        tracker_revision: Of it.
        checkpoint: Folder with the folders `detector` and `tracker`, which goes before the hub.
        dtype: Of SAM 2's weights and activations; Grounding DINO stays in float32.
        short_side: Shorter side of the frames that Grounding DINO sees, in pixels.
    """

    models: ClassVar[tuple[str, ...]] = ("", "tracker_")

    weights: str = "IDEA-Research/grounding-dino-tiny"
    tracker_weights: str = _SAM2
    tracker_revision: str = "main"
    short_side: int = 800


@dataclass(frozen=True, kw_only=True)
class MLLMSAM2Options(HubOptions):
    """Options of Qwen3-VL and SAM 2.

    Attributes:
        weights: Hub repository of a Qwen3-VL (a dense one that answers at once).
        tracker_weights: Hub repository of SAM 2.
        tracker_revision: Of it.
        checkpoint: Folder with the folders `language` and `tracker`, which goes before the hub.
        frames: Of a video that are asked about, at most.
        max_pixels: Of a frame that Qwen3-VL sees, at most.
        max_tokens: Of an answer, at most.
    """

    models: ClassVar[tuple[str, ...]] = ("", "tracker_")

    weights: str = "Qwen/Qwen3-VL-2B-Instruct"
    tracker_weights: str = _SAM2
    tracker_revision: str = "main"
    frames: Annotated[int, Ge(1)] = 4
    max_pixels: Annotated[int, Ge(1)] = 1 << 20
    max_tokens: Annotated[int, Ge(1)] = 128


@dataclass(frozen=True, kw_only=True)
class SAM3Options(HubOptions):
    """Options of SAM 3.

    Attributes:
        prompt: What is looked for: all of the sentence, or its first noun phrase.
        objects: The masks of the best object (by detection score times share of frames), or of all together.
        max_frames: That the model follows at once, at least 2. A longer video goes in pieces that share one frame; see
            `join_tracks`.
    """

    weights: str = _SAM3
    prompt: Literal["sentence", "noun-phrase"] = "sentence"
    objects: Literal["best", "all"] = "best"
    max_frames: Annotated[int, Ge(2)] = 100


@dataclass(frozen=True, kw_only=True)
class SAM3SupportOptions(HubOptions):
    """Options of the tracker of SAM 3."""

    weights: str = _SAM3


@dataclass(frozen=True, kw_only=True)
class SAM3ExemplarOptions(HubOptions):
    """Options of SAM 3 with an exemplar.

    Attributes:
        sentences: Whether the sentence is the concept beside the exemplar, or the exemplar says it alone.
        threshold: Score above which something fits, in [0, 1].
    """

    weights: str = _SAM3
    sentences: bool = False
    threshold: float = 0.5


def _clipseg(name: str, summary: str, code: str, *, ignores_support: bool) -> Declaration:
    info = MethodInfo(
        name=name,
        version="1",
        summary=summary,
        paper="Lüddecke and Ecker, Image Segmentation Using Text and Image Prompts, CVPR 2022",
        licence=_LICENCE.format(name),
        trained_on=("CLIP's 400 M pairs of picture and text", "PhraseCut+"),
    )
    code = f"fsbench_baselines.hub.clipseg:{code}"
    return _HubDeclaration(info, CLIPSegOptions, code, ignores_support, works_in_parts=True)


CLIPSEG = _clipseg("clipseg", "CLIPSeg, zero-shot from the sentence, per frame.", "CLIPSeg", ignores_support=True)
CLIPSEG_SUPPORT = _clipseg(
    "clipseg-support",
    "CLIPSeg from sentence and support pictures, their embeddings averaged, per frame.",
    "CLIPSegSupport",
    ignores_support=False,
)

SEGGPT = _HubDeclaration(
    MethodInfo(
        name="seggpt",
        version="1",
        summary="SegGPT, few-shot by masks, per frame; sentences are not read.",
        paper="Wang et al., SegGPT: Segmenting Everything In Context, ICCV 2023",
        licence=_LICENCE.format("seggpt"),
        trained_on=("ADE20K", "COCO", "PASCAL VOC", "Cityscapes", "LIP", "PACO", "retinal vessels", "iSAID", "LoveDA"),
    ),
    SegGPTOptions,
    "fsbench_baselines.hub.seggpt:SegGPT",
    works_in_parts=True,
)

SAM2_SUPPORT = _HubDeclaration(
    MethodInfo(
        name="sam2-support",
        version="1",
        summary="SAM 2 with the support's frames and masks as memory; sentences are not read.",
        paper=_SAM2_PAPER,
        licence=_LICENCE.format("sam2-support"),
        trained_on=_SAM2_DATA,
    ),
    SAM2Options,
    "fsbench_baselines.hub.support_memory:SAM2Support",
    works_in_parts=True,
)

SAM2_TRACKER = _TrackerDeclaration(
    MethodInfo(
        name="sam2",
        version="1",
        summary="Masks are followed by SAM 2.",
        paper=_SAM2_PAPER,
        licence=_LICENCE.format("sam2-support"),
        trained_on=_SAM2_DATA,
    ),
    SAM2Options,
    "fsbench_baselines.hub.tracker:SAM2Tracker",
)

DINO_SAM2 = _HubDeclaration(
    MethodInfo(
        name="dino-sam2",
        version="1",
        summary="Patches that match the support's (DINOv2 or DINOv3) point at the object, SAM 2 follows; no sentences.",
        paper="Liu et al., Matcher, ICLR 2024; Zhang et al., PerSAM, ICLR 2024; Oquab et al., DINOv2, TMLR 2024; "
        + _SAM2_PAPER,
        licence=_LICENCE.format("dino-sam2"),
        trained_on=("LVD-142M", *_SAM2_DATA),
    ),
    DINOSAM2Options,
    "fsbench_baselines.hub.dino_sam2:DINOSAM2",
    works_in_parts=True,
)

GROUNDED_SAM2 = _HubDeclaration(
    MethodInfo(
        name="grounded-sam2",
        version="2",
        summary="Grounding DINO's best box for the sentence, followed by SAM 2; zero-shot.",
        paper="Liu et al., Grounding DINO, ECCV 2024; Ravi et al., SAM 2, ICLR 2025; Ren et al., Grounded SAM, 2024",
        licence=_LICENCE.format("grounded-sam2"),
        trained_on=("Objects365", "GoldG", "Cap4M", *_SAM2_DATA),
    ),
    GroundedSAM2Options,
    "fsbench_baselines.hub.grounded_sam2:GroundedSAM2",
    ignores_support=True,
    works_in_parts=True,
)

MLLM_SAM2 = _HubDeclaration(
    MethodInfo(
        name="mllm-sam2",
        version="1",
        summary="Qwen3-VL answers the sentence with a box in some frames, SAM 2 follows; zero-shot.",
        paper=f"Bai et al., Qwen3-VL Technical Report, 2025; {_SAM2_PAPER}",
        licence=_LICENCE.format("mllm-sam2"),
        trained_on=("Qwen3-VL's texts, pictures and videos, which are not listed", *_SAM2_DATA),
    ),
    MLLMSAM2Options,
    "fsbench_baselines.hub.mllm_sam2:MLLMSAM2",
    ignores_support=True,
    works_in_parts=True,
)


def _sam3(name: str, version: str, summary: str) -> MethodInfo:
    return MethodInfo(
        name=name,
        version=version,
        summary=summary,
        paper="Carion et al., SAM 3: Segment Anything with Concepts, 2025",
        licence=f"Apache-2.0 (this code); weights: SAM License, see baselines/cards/{name}.md",
        trained_on=("SA-Co (HQ, SYN, EXT, VIDEO)", "SA-1B", "SA-V"),
    )


SAM3 = _HubDeclaration(
    _sam3("sam3", "2", "SAM 3 with the sentence as concept; zero-shot."),
    SAM3Options,
    "fsbench_baselines.hub.sam3:SAM3",
    ignores_support=True,
)

SAM3_SUPPORT = _HubDeclaration(
    _sam3(
        "sam3-support", "1", "SAM 3's tracker with the support's frames and masks as memory; sentences are not read."
    ),
    SAM3SupportOptions,
    "fsbench_baselines.hub.support_memory:SAM3Support",
    works_in_parts=True,
)

SAM3_EXEMPLAR = _HubDeclaration(
    _sam3("sam3-exemplar", "1", "SAM 3 with the support's object as exemplar, on one canvas with each query frame."),
    SAM3ExemplarOptions,
    "fsbench_baselines.hub.sam3_exemplar:SAM3Exemplar",
    works_in_parts=True,
)
