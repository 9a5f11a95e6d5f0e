"""Tiny models in folders, written once, and clips and supports to run them on."""

import pytest

from tests.baselines.hub import tiny_models


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folders `seggpt`, `clipseg`, `sam3`, and `grounded` with `detector` and `tracker`."""
    root = tmp_path_factory.mktemp("models")
    tiny_models.write_seggpt(root / "seggpt")
    tiny_models.write_clipseg(root / "clipseg")
    tiny_models.write_sam3(root / "sam3")
    tiny_models.write_grounding_dino(root / "grounded" / "detector")
    tiny_models.write_sam2(root / "grounded" / "tracker")
    return root
