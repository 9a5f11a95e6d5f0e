import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.seggpt.image_processing_pil_seggpt import SegGptImageProcessorPil

from fsbench_baselines.hub.frames import IMAGENET
from fsbench_baselines.hub.frames import masks_from
from fsbench_baselines.hub.frames import normalised
from fsbench_baselines.hub.frames import pieces

FRAME = np.random.default_rng(0).integers(0, 255, (1, 50, 70, 3), np.uint8)


def test_frames_are_prepared_as_seggpt_s_published_processor_does():
    theirs = SegGptImageProcessorPil()(images=Image.fromarray(FRAME[0]), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(normalised(FRAME, (448, 448), IMAGENET, Image.Resampling.BICUBIC), theirs)


@pytest.mark.parametrize("shape", [(50, 70), (70, 50), (40, 90), (60, 60)])
def test_frames_are_prepared_as_grounding_dino_s_published_processor_does(shape):
    from fsbench_baselines.hub.grounded_sam2 import detector_size

    frame = np.resize(FRAME, (1, *shape, 3))
    theirs = GroundingDinoImageProcessorPil()(images=Image.fromarray(frame[0]), return_tensors="pt")["pixel_values"]
    ours = normalised(frame, detector_size(*shape, 800), IMAGENET)
    torch.testing.assert_close(ours, theirs)


def test_maps_are_cut_above_the_threshold():
    maps = torch.tensor([[[0.0, 1.0], [0.5, 0.6]]])
    np.testing.assert_array_equal(masks_from(maps, (2, 2), 0.5), [[[False, True], [False, True]]])
    assert masks_from(maps, (7, 5), 0.5).shape == (1, 7, 5)


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (5, None, [[0, 1, 2, 3, 4]]),
        (5, 5, [[0, 1, 2, 3, 4]]),
        (5, 3, [[0, 1, 2], [2, 3, 4]]),
        (6, 3, [[0, 1, 2], [2, 3, 4], [4, 5]]),
        (1, 3, [[0]]),
        (3, 2, [[0, 1], [1, 2]]),
    ],
)
def test_each_piece_begins_with_the_last_frame_of_the_one_before(count, most, expected):
    assert [list(piece) for piece in pieces(range(count), most)] == expected
