"""Episodes to train on: drawn from a fold's base classes, read, and augmented. numpy alone, no torch."""

from fsbench.training.augmentation import augment
from fsbench.training.augmentation import Augmentation
from fsbench.training.augmentation import RELEASED_AUGMENTATION
from fsbench.training.augmentation import replace_word
from fsbench.training.clips import TrainingClip
from fsbench.training.episodes import ClipSpec
from fsbench.training.episodes import EpisodeSampler
from fsbench.training.episodes import EpisodeSpec
from fsbench.training.episodes import FrameChoice
from fsbench.training.episodes import TargetKind
from fsbench.training.episodes import TrainingEpisode
from fsbench.training.episodes import TrainingEpisodes

__all__ = [
    "RELEASED_AUGMENTATION",
    "Augmentation",
    "ClipSpec",
    "EpisodeSampler",
    "EpisodeSpec",
    "FrameChoice",
    "TargetKind",
    "TrainingClip",
    "TrainingEpisode",
    "TrainingEpisodes",
    "augment",
    "replace_word",
]
