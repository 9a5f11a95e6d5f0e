"""Tiny models in folders, written once, and clips and supports to run them on."""

import pytest

from tests.baselines.hub import tiny_models


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folders `seggpt`, `clipseg`, `sam3`, `dinov3`, and such of several models: `grounded`, `dino`, `mllm`."""
    root = tmp_path_factory.mktemp("models")
    tiny_models.write_seggpt(root / "seggpt")
    tiny_models.write_clipseg(root / "clipseg")
    tiny_models.write_sam3(root / "sam3")
    tiny_models.write_grounding_dino(root / "grounded" / "detector")
    tiny_models.write_sam2(root / "grounded" / "tracker")
    tiny_models.write_dinov2(root / "dino" / "features")
    tiny_models.write_dinov3(root / "dinov3")
    (root / "dino" / "tracker").symlink_to(root / "grounded" / "tracker")
    tiny_models.write_qwen3_vl(root / "mllm" / "language")
    (root / "mllm" / "tracker").symlink_to(root / "grounded" / "tracker")
    return root
