"""Tiny models with random weights, in folders as the hub has them."""

from pathlib import Path

import torch
from tokenizers import models
from tokenizers import pre_tokenizers
from tokenizers import processors
from tokenizers import Tokenizer
from transformers import CLIPSegConfig
from transformers import CLIPSegForImageSegmentation
from transformers import Dinov2Config
from transformers import Dinov2Model
from transformers import DINOv3ViTConfig
from transformers import DINOv3ViTModel
from transformers import GroundingDinoConfig
from transformers import GroundingDinoForObjectDetection
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerFast
from transformers import Qwen3VLConfig
from transformers import Qwen3VLForConditionalGeneration
from transformers import Sam2VideoConfig
from transformers import Sam2VideoModel
from transformers import Sam3VideoConfig
from transformers import Sam3VideoModel
from transformers import SegGptConfig
from transformers import SegGptForImageSegmentation
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

WORDS = ("the", "a", "left", "right", "dog", "cat", "both", "of", "them", "brown")
IMAGE = 32  # side of the frames that the CLIPSeg and SegGPT below see, in pixels
CLIP_TEXT = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 10,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
}


def write_tokenizer(folder: Path, start: str = "<s>", end: str = "</s>") -> None:
    """A tokenizer of a few whole words, with start and end around a sentence."""
    vocabulary = {word: i for i, word in enumerate((start, "<pad>", end, "<unk>", ".", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, 0), (end, 2)]
    )
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": start, "sep_token": end}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


def save(model: PreTrainedModel, folder: Path, *, spread: float = 3.0) -> Path:
    """Writes a model, its weights drawn anew and so wide that different inputs give clearly different outputs."""
    torch.manual_seed(7)
    for tensor in model.parameters():
        if tensor.ndim > 1:
            torch.nn.init.normal_(tensor, std=spread / tensor[0].numel() ** 0.5)
    model.save_pretrained(folder)
    return folder


def write_seggpt(folder: Path) -> Path:
    config = SegGptConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=[2 * IMAGE, IMAGE],
        patch_size=8,
        mlp_dim=16,
        pretrain_image_size=16,
        decoder_hidden_size=8,
        merge_index=0,
        intermediate_hidden_state_indices=[1, 2],
    )
    return save(SegGptForImageSegmentation(config), folder, spread=1.0)


def write_clipseg(folder: Path) -> Path:
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 8,
    }
    config = CLIPSegConfig(
        text_config=CLIP_TEXT,
        vision_config=vision,
        projection_dim=8,
        extract_layers=[0, 1, 2],
        reduce_dim=8,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=8,
    )
    write_tokenizer(folder)
    return save(CLIPSegForImageSegmentation(config), folder)


def write_grounding_dino(folder: Path) -> Path:
    backbone = {
        "model_type": "swin",
        "image_size": 32,
        "embed_dim": 8,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 1, 2, 2],
        "window_size": 2,
        "out_indices": [2, 3, 4],
    }
    text = {
        "model_type": "bert",
        "vocab_size": 32,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 32,
    }
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        num_queries=6,
        encoder_layers=1,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_layers=2,
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        d_model=32,
        num_feature_levels=4,
        max_text_len=12,
    )
    write_tokenizer(folder, "[CLS]", "[SEP]")
    return save(GroundingDinoForObjectDetection(config), folder, spread=1.0)


def _hiera() -> dict:
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [64, 64],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 2, 2, 2],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    }
    return {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 128,
    }


def _tracker(patch: int) -> dict:
    """What SAM 2 and the tracker of SAM 3 have in common, for 4 x 4 positions."""
    return {
        "image_size": 4 * patch,
        "prompt_encoder_config": {
            "hidden_size": 128,
            "image_size": 4 * patch,
            "patch_size": patch,
            "mask_input_channels": 4,
        },
        "mask_decoder_config": {
            "hidden_size": 128,
            "mlp_dim": 16,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
        "num_maskmem": 2,
        "max_object_pointers_in_encoder": 4,
        "memory_attention_hidden_size": 128,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 16,
        "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": 128,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": 128,
        "memory_fuser_embed_dim": 128,
        "memory_fuser_intermediate_dim": 16,
    }


def write_qwen3_vl(folder: Path) -> Path:
    text = {
        "vocab_size": 32,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [2, 1, 1],
            "mrope_interleaved": True,
        },
    }
    vision = {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "patch_size": 4,
        "out_hidden_size": 16,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0],
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=28,
        video_token_id=29,
        vision_start_token_id=30,
        vision_end_token_id=31,
        tie_word_embeddings=True,  # as in the published model of 2 B
    )
    write_tokenizer(folder)
    half = [0.5, 0.5, 0.5]
    size = {"shortest_edge": 64, "longest_edge": 4096}
    Qwen2VLImageProcessorPil(patch_size=4, image_mean=half, image_std=half, size=size).save_pretrained(folder)
    return save(Qwen3VLForConditionalGeneration(config), folder, spread=1.0)


DINO = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}


def write_dinov2(folder: Path) -> Path:
    return save(Dinov2Model(Dinov2Config(**DINO)), folder, spread=1.0)


def write_dinov3(folder: Path) -> Path:
    config = DINOv3ViTConfig(**DINO, intermediate_size=32, num_register_tokens=4)
    return save(DINOv3ViTModel(config), folder, spread=1.0)


def write_sam2(folder: Path) -> Path:
    return save(Sam2VideoModel(Sam2VideoConfig(vision_config=_hiera(), **_tracker(16))), folder, spread=1.0)


def write_sam3(folder: Path) -> Path:
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 56,
            "patch_size": 14,
            "window_size": 2,
            "global_attn_indexes": [1],
            "pretrain_image_size": 28,
        },
        "fpn_hidden_size": 128,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    }
    layers = {"hidden_size": 128, "num_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    text = {"model_type": "clip_text_model", "projection_dim": 16, **CLIP_TEXT, "max_position_embeddings": 32}
    detector = {
        "model_type": "sam3",
        "vision_config": vision,
        "text_config": text,
        "geometry_encoder_config": layers,
        "detr_encoder_config": layers,
        "detr_decoder_config": {**layers, "num_queries": 5},
        "mask_decoder_config": {"hidden_size": 128, "num_attention_heads": 2},
    }
    tracker = {"model_type": "sam3_tracker_video", "vision_config": vision, **_tracker(14)}
    config = Sam3VideoConfig(
        detector_config=detector,
        tracker_config=tracker,
        low_res_mask_size=16,
        score_threshold_detection=0.2,
        new_det_thresh=0.2,
        hotstart_delay=0,
    )
    write_tokenizer(folder)
    return save(Sam3VideoModel(config), folder, spread=1.0)
