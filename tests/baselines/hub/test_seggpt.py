import numpy as np
import pytest
import torch
from transformers.models.seggpt.image_processing_pil_seggpt import SegGptImageProcessorPil

from fsbench_baselines.hub.declarations import SEGGPT
from tests.baselines.hub.test_methods import clip
from tests.baselines.hub.test_methods import FOLD
from tests.baselines.hub.test_methods import support


@pytest.fixture(scope="module")
def method(models):
    made = SEGGPT(checkpoint=models / "seggpt", device="cpu")
    made.prepare(FOLD)
    return made


@torch.inference_mode()
def test_one_support_frame_gives_what_the_published_processor_and_model_give(method):
    shot, query = support(frames=1).shots[0], clip(frames=1)
    processor = SegGptImageProcessorPil(size={"height": 32, "width": 32})
    inputs = processor(
        images=query.frames[0],
        prompt_images=shot.frames[0],
        prompt_masks=shot.masks[0].astype(np.uint8) * 255,
        return_tensors="pt",
    )
    painted = method.model(**inputs).pred_masks
    (theirs,) = processor.post_process_semantic_segmentation(type("Output", (), {"pred_masks": painted})())
    ours = method.paint(method.adapt(support(frames=1)), query.frames[0])[0] * 255
    assert (ours - theirs).abs().max() <= 1.5  # theirs is cut to whole numbers


@torch.inference_mode()
def test_all_support_frames_reach_the_result_and_those_without_the_object_do_not(method):
    frame = clip(frames=1).frames[0]
    two = support()
    masks = two.shots[0].masks.copy()
    masks[1] = False
    one = method.adapt(support(masks))
    assert len(one.masks) == 1
    assert len(method.adapt(two).masks) == 2
    assert not torch.allclose(method.paint(one, frame), method.paint(method.adapt(two), frame))
