"""What cards and the page of the methods say of the models' sizes, held against the published configurations."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import CLIPSegConfig
from transformers import CLIPSegForImageSegmentation
from transformers import Dinov2Config
from transformers import Dinov2Model
from transformers import GroundingDinoConfig
from transformers import GroundingDinoForObjectDetection
from transformers import PreTrainedModel
from transformers import Qwen3VLConfig
from transformers import Qwen3VLForConditionalGeneration
from transformers import Sam2VideoConfig
from transformers import Sam2VideoModel
from transformers import Sam3Model
from transformers import Sam3TrackerVideoModel
from transformers import Sam3VideoConfig
from transformers import Sam3VideoModel
from transformers import SegGptConfig
from transformers import SegGptForImageSegmentation

ROOT = Path(__file__).parents[3]

# CIDAS/clipseg-rd64-refined, config.json, where it differs from the defaults.
CLIPSEG = {"reduce_dim": 64, "use_complex_transposed_convolution": True, "vision_config": {"patch_size": 16}}
# facebookresearch/sam2, sam2.1_hiera_l.yaml, in the words of transformers.
HIERA_L = {
    "hidden_size": 144,
    "num_attention_heads": 2,
    "blocks_per_stage": [2, 6, 36, 4],
    "embed_dim_per_stage": [144, 288, 576, 1152],
    "num_attention_heads_per_stage": [2, 4, 8, 16],
    "window_size_per_stage": [8, 4, 16, 8],
    "global_attention_blocks": [23, 33, 43],
    "window_positional_embedding_background_size": [7, 7],
    "model_type": "sam2_hiera_det_model",
}
SAM2 = {
    "vision_config": {"backbone_config": HIERA_L, "backbone_channel_list": [1152, 576, 288, 144]},
    "enable_occlusion_spatial_embedding": True,
    "enable_temporal_pos_encoding_for_object_pointers": True,
}
# facebook/dinov2-large, config.json, where it differs from the defaults.
DINOV2_L = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 518}
# Qwen/Qwen3-VL-2B-Instruct, as far as it is known, for the file was not at hand; where it differs from the defaults.
QWEN3_VL_2B = {
    "tie_word_embeddings": True,
    "text_config": {
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
    },
    "vision_config": {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "out_hidden_size": 2048,
        "deepstack_visual_indexes": [5, 11, 17],
    },
}
MODELS: dict[str, tuple[tuple[Callable[[], PreTrainedModel], str], ...]] = {
    "clipseg": ((lambda: CLIPSegForImageSegmentation(CLIPSegConfig(**CLIPSEG)), "150.7"),),
    "seggpt": ((lambda: SegGptForImageSegmentation(SegGptConfig()), "370.7"),),
    "grounded-sam2": (
        (lambda: GroundingDinoForObjectDetection(GroundingDinoConfig()), "172.3"),
        (lambda: Sam2VideoModel(Sam2VideoConfig(**SAM2)), "224.4"),
    ),
    "dino-sam2": (
        (lambda: Dinov2Model(Dinov2Config(**DINOV2_L)), "304.4"),
        (lambda: Sam2VideoModel(Sam2VideoConfig(**SAM2)), "224.4"),
    ),
    "mllm-sam2": (
        (lambda: Qwen3VLForConditionalGeneration(Qwen3VLConfig(**QWEN3_VL_2B)), "2127.5"),
        (lambda: Sam2VideoModel(Sam2VideoConfig(**SAM2)), "224.4"),
    ),
    "sam2-support": ((lambda: Sam2VideoModel(Sam2VideoConfig(**SAM2)), "224.4"),),
    "sam3-support": ((lambda: Sam3TrackerVideoModel(Sam3VideoConfig()), "465.8"),),
    "sam3-exemplar": ((lambda: Sam3Model(Sam3VideoConfig()), "840.4"),),
    "sam3": ((lambda: Sam3VideoModel(Sam3VideoConfig()), "859.9"),),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_card_and_the_page_say_how_many_parameters_the_published_models_have(name: str) -> None:
    card = (ROOT / "baselines" / "cards" / f"{name}.md").read_text(encoding="utf-8")
    total = 0
    for build, said in MODELS[name]:
        with torch.device("meta"):
            number = sum(parameter.numel() for parameter in build().parameters())
        assert f"{number / 1e6:.1f}" == said
        assert f"{said} M" in card
        total += number
    (row,) = re.findall(rf"^\| `{name}`.*$", (ROOT / "docs/methods.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"| {total / 1e6:.1f} M |" in row
