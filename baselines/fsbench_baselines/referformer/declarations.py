"""ReferFormer's methods and their options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal

from annotated_types import Ge

from fsbench.methods import MethodInfo
from fsbench_baselines.declaration import Dtype
from fsbench_baselines.declaration import OwnForm

__all__ = [
    "ENCODED_AT_ONCE",
    "REFERFORMER",
    "REFERFORMER_FINETUNE",
    "REFERFORMER_FINETUNE_RELEASED",
    "FamilyOptions",
    "FinetuneOptions",
    "LookingOptions",
    "ReferFormerOptions",
    "ReleasedFinetuneOptions",
]

ENCODED_AT_ONCE = 10
"""Frames of a long chunk that go through backbone and encoder at once, where no other number is asked for."""
_PAPER = "Wu et al., Language as Queries for Referring Video Object Segmentation, CVPR 2022"
_LICENCE = "Apache-2.0 (this code); weights have their authors' terms"


@dataclass(frozen=True, kw_only=True)
class FamilyOptions:
    """Options of every method of the family.

    Attributes:
        checkpoint: Released weights (a file), or a folder of ours.
        backbone: Of released weights; a folder of ours knows its own.
        tokenizer: Folder or hub name of the tokenizer; a folder of ours may hold its own.
        text_config: JSON of a RobertaConfig other than roberta-base, for released weights.
        device: auto, cpu, cuda or mps.
        chunk: Frames that the model sees as one clip, on which results depend; None for all of the video's.
        query_choice: Choose the object query anew in each chunk, or once for the video.
        short_side: Shorter side of the frames that the model sees, in pixels; None for what the checkpoint says, 360
            for released weights.
        max_frames: Bound on `chunk`, for where memory is short; without a chunk, on the frames that a ReferFormer
            encodes at once (None for 10), which changes nothing else.
    """

    checkpoint: Path | None = None
    backbone: str = "resnet50"
    tokenizer: str = "roberta-base"
    text_config: Path | None = None
    device: str = "auto"
    chunk: int | None = 10
    query_choice: Literal["chunk", "video"] = "chunk"
    short_side: int | None = None
    max_frames: int | None = None


@dataclass(frozen=True, kw_only=True)
class LookingOptions(FamilyOptions):
    """Options of a method that only looks.

    Attributes:
        dtype: Of weights and activations; bfloat16 changes masks a little, and is faster where a CPU or an accelerator
            multiplies it.
        compile: Let torch compile the encoder; pays off over many videos.
        batch_sentences: Sentences of a video that go through the model at once; more keep an accelerator busy, and
            round otherwise: in float32 mask logits differ by less than a thousandth of their standard deviation.
    """

    dtype: Dtype = "float32"
    compile: bool = False
    batch_sentences: Annotated[int, Ge(1)] = 1


@dataclass(frozen=True, kw_only=True)
class ReferFormerOptions(LookingOptions):
    """Options of the method that runs as ReferFormer's own inference: all frames at once, and one query."""

    chunk: int | None = None
    query_choice: Literal["chunk", "video"] = "video"


@dataclass(frozen=True, kw_only=True)
class FinetuneOptions(FamilyOptions):
    """Options of the method that learns at test time; a step, too, sees a chunk of frames at most.

    Attributes:
        steps: Of AdamW on a support set; shots and their chunks take turns.
        lr: Learning rate, the same for all steps and all that trains.
        frozen: Prefixes of the names of what does not train, with commas between them.
        seed: Of dropout.
    """

    steps: int = 120
    lr: float = 1e-4
    frozen: str = "backbone,text_encoder"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ReleasedFinetuneOptions(FamilyOptions):
    """Options of the baseline of CMA's authors.

    Attributes:
        steps: Of AdamW for each class and epoch.
        epochs: The learning rates are divided by ten before the fourth, and before the sixth.
        lr: Learning rate at first, of all but the backbone and the text encoder, which is frozen.
        backbone_lr: That of the backbone, of a ResNet from its second level on.
        seed: Of the draws of frames and sentences, the augmentation, the new class heads and dropout.
    """

    chunk: int | None = 20
    steps: int = 20
    epochs: int = 6
    lr: float = 1e-4
    backbone_lr: float = 5e-5
    seed: int = 0


class _Encoding(OwnForm):
    """A method that does with less memory where it encodes fewer frames at once, unless results depend on chunks."""

    def smaller_options(self, options: Mapping[str, Any]) -> dict[str, Any] | None:  # Any: see MethodFactory.resolve
        """Returns the options with half of the frames; None where there are chunks, or a single frame is encoded."""
        frames = options["max_frames"] or ENCODED_AT_ONCE
        if options["chunk"] is not None or frames == 1:
            return None
        return {**options, "max_frames": frames // 2}


REFERFORMER = _Encoding(
    MethodInfo(
        name="referformer",
        version="2",
        summary="ReferFormer (Wu et al.), zero-shot: the support is ignored.",
        paper=_PAPER,
        licence=_LICENCE,
    ),
    ReferFormerOptions,
    "fsbench_baselines.referformer.method:ReferFormerMethod",
    ignores_support=True,
    works_in_parts=True,
)

REFERFORMER_FINETUNE = OwnForm(
    MethodInfo(
        name="referformer-finetune",
        version="1",
        summary="ReferFormer (Wu et al.), fine-tuned on each support set.",
        paper=_PAPER,
        licence=_LICENCE,
    ),
    FinetuneOptions,
    "fsbench_baselines.referformer.finetune:FinetuneMethod",
    works_in_parts=True,
)

REFERFORMER_FINETUNE_RELEASED = OwnForm(
    MethodInfo(
        name="referformer-finetune-released",
        version="1",
        summary="ReferFormer (Wu et al.), fine-tuned as CMA's authors do: for all classes at once, on whole videos.",
        paper=_PAPER,
        licence=_LICENCE,
    ),
    ReleasedFinetuneOptions,
    "fsbench_baselines.referformer.finetune:ReleasedFinetuneMethod",
    works_in_parts=True,
    learns_from_draws=True,
)
