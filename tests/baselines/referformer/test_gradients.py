import numpy as np
import pytest
import torch

from fsbench_baselines.referformer import load_released
from fsbench_baselines.referformer.losses import Criterion
from tests import golden

BACKBONES = {
    "referformer_r50": "resnet50",
    "referformer_swin_t": "swin_t_p4w7",
    "referformer_vswin_t": "video_swin_t_p4w7",
}


@pytest.mark.parametrize("tag", BACKBONES)
def test_losses_matches_and_gradient_norms_are_the_released_models(tag, test_golden):
    torch.set_num_threads(1)
    config = golden.text_config(test_golden)
    model = load_released(golden.state(test_golden, tag), backbone=BACKBONES[tag], text_config=config)
    expected = np.load(test_golden / f"{tag}_A.npz")
    query, _ = golden.batches(test_golden, "A")
    losses = Criterion(valid_only=True)(model(query, with_aux=True), [golden.target(test_golden, "A")])
    losses["total"].backward()
    for name, loss in losses.items():
        released = expected[f"loss/{'total_weighted' if name == 'total' else name}"]
        assert loss.item() == pytest.approx(released.item(), rel=1e-4, abs=1e-6), name
    norms = {golden.canonical(n): p.grad.norm().item() for n, p in model.named_parameters() if p.grad is not None}
    released = dict(zip(map(golden.canonical, expected["grad/names"]), expected["grad/norms"].tolist(), strict=True))
    assert norms == pytest.approx(released, rel=2e-3, abs=1e-5)
