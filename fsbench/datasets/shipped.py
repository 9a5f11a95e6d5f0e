"""The datasets that fsbench brings along, registered in setup.cfg as a stranger's are."""

from dataclasses import replace
from functools import partial

from fsbench.datasets import mevis
from fsbench.datasets import refytvos
from fsbench.datasets import sailvos
from fsbench.datasets import shapes
from fsbench.datasets import vspw
from fsbench.datasets import ytvis
from fsbench.datasets.davis import ANNOTATORS
from fsbench.datasets.davis import VAL_LIST
from fsbench.datasets.spec import ALL_VIDEOS
from fsbench.datasets.spec import AnnotatorAnswers
from fsbench.datasets.spec import BuildRule
from fsbench.datasets.spec import DatasetSpec
from fsbench.datasets.spec import MISLEADING
from fsbench.datasets.spec import UNANSWERABLE

__all__ = [
    "FEW_SHOT_MINI_VSPW",
    "FEW_SHOT_YOUTUBE_VIS",
    "MEVIS",
    "MINI_DAVIS",
    "MINI_MEVIS",
    "MINI_REF_DAVIS",
    "MINI_REF_SAIL_VOS",
    "MINI_REF_SHAPES",
    "MINI_REF_YOUTUBE_VOS",
    "REF_DAVIS17",
]

# Versions that were defined while every draw drew from all videos stay as they are.

MINI_REF_YOUTUBE_VOS = DatasetSpec(
    name="mini-ref-youtube-vos",
    title="Mini-Ref-YouTube-VOS: 48 categories in 4 folds, derived from Ref-YouTube-VOS train",
    layout=refytvos.LAYOUT,
    folders=("Mini-Ref-YouTube-VOS", "mini-ref-youtube-vos", "Ref-YouTube-VOS", "ref-youtube-vos"),
    derived_folders=("Mini-Ref-YouTube-VOS", "mini-ref-youtube-vos"),
    has_author_groups=True,
    categories=refytvos.MINI_CATEGORIES,
    num_folds=4,
    rule=BuildRule(minimum=11, cap=50, leave_out=(UNANSWERABLE, MISLEADING)),
    version="v2",
    published_videos=1668,
    published_note=(
        "No counts of folds are published. A comment in the authors' early code (29eed24: 345/351/362/370, less 60 "
        "supports each) lets one infer 405/411/422/430, and from these the rule; they follow from it exactly if bird "
        "counted 50 videos, and bird has 35 of one category alone. Where the other 15 come from, and which 50 the "
        "authors kept of the other categories above 50, is not known. With the authors' list of videos (--videos FILE) "
        "or release every video of it is used."
    ),
)

MINI_REF_SAIL_VOS = DatasetSpec(
    name="mini-ref-sail-vos",
    title="Mini-Ref-SAIL-VOS: dog, car, person; a cross-domain test without training",
    layout=sailvos.LAYOUT,
    folders=("Mini-Ref-SAIL-VOS", "mini-ref-sail-vos"),
    categories=sailvos.CATEGORIES,
    rule=BuildRule(draws_from=ALL_VIDEOS),
)

_RSCM_NOTE = (
    "Its authors' README (github.com/hengliusky/RSCM-FS-RVOS, July 2026) has a link and the layout of its folder, and "
    "says that sentences may name several objects; classes, folds and number of videos are not in it. Every video of "
    "the release whose objects have one category is used, in the folds of its group<k>_test.json where it has them, "
    "and as one group otherwise."
)

MINI_DAVIS = DatasetSpec(
    name="mini-davis",
    title="Mini-DAVIS, as its authors release it: sentences may name several objects",
    layout=refytvos.LAYOUT,
    folders=("Mini-DAVIS", "mini-davis"),
    derived_folders=("Mini-DAVIS", "mini-davis"),
    has_author_groups=True,
    published_note=_RSCM_NOTE,
)

MINI_MEVIS = DatasetSpec(
    name="mini-mevis",
    title="Mini-MeViS, as its authors release it: sentences may name several objects",
    layout=refytvos.LAYOUT,
    folders=("Mini-MeViS", "mini-mevis"),
    derived_folders=("Mini-MeViS", "mini-mevis"),
    has_author_groups=True,
    published_note=_RSCM_NOTE,
)

MEVIS = DatasetSpec(
    name="mevis",
    title="MeViS train, of which our rule makes a few-shot set in 4 folds: a stand-in for Mini-MeViS",
    layout=mevis.LAYOUT,
    folders=("MeViS", "mevis", "MeViS_release"),
    categories=refytvos.MINI_CATEGORIES,
    num_folds=4,
    rule=BuildRule(minimum=11, cap=50, leave_out=(UNANSWERABLE, MISLEADING)),
    published_note=(
        "Not the authors' Mini-MeViS, whose classes, folds and videos are not published, but a set by the rule of "
        "Mini-Ref-YouTube-VOS: its categories, in its folds, with the videos whose objects all have one. MeViS does "
        "not say what an object is: its category is the one that most of its sentences name first, unless "
        "categories.json gives it. Numbers on this set and on the authors' are not comparable."
    ),
)

FEW_SHOT_YOUTUBE_VIS = DatasetSpec(
    name="few-shot-youtube-vis",
    title="few-shot VOS without sentences on YouTube-VIS 2019 train: 40 classes in 4 folds, 5 support pictures",
    layout=ytvis.LAYOUT,
    folders=("YouTube-VIS", "youtube-vis", "youtube_vis", "ytvis_2019", "Youtube-VOS"),
    categories=ytvis.CATEGORIES,
    num_folds=4,
    rule=BuildRule(minimum=6, shots=5, frames=1),
    asks="classes",
    published_note=(
        "Classes, folds, queries and the size of supports are those of DANet's script: class i is tested in fold "
        "(i - 1) % 4 + 1; of every video that shows a class, the frames that show it are a query, and all objects of "
        "the class in it are the target; a support is one frame of each of 5 other videos of the class. The authors "
        "draw a support at random in each run, and have published none: these draws are ours."
    ),
)

FEW_SHOT_MINI_VSPW = DatasetSpec(
    name="few-shot-mini-vspw",
    title="few-shot VOS without sentences on MiniVSPW's test videos, made by 'fsbench prepare mini-vspw': 20 classes",
    layout=refytvos.LAYOUT,
    folders=("few-shot-mini-vspw",),
    categories=vspw.CATEGORIES,
    num_folds=4,
    rule=BuildRule(minimum=6, shots=5, frames=1),
    other_labels=tuple(range(1, 256)),
    asks="classes",
    published_note=(
        "Classes, folds and test videos are those of MiniVSPW's lists, which count 61, 96, 261 and 64 videos. Its "
        "authors draw a class for each video and a support for each query, at random; here every class of every video "
        "is asked for, in the frames that show it, with the same support of 5 other videos for all queries of a class. "
        "Its lists for training are not part of this manifest, and its test videos may show classes of several folds: "
        "weights that are trained on it are not trained by its rule."
    ),
)

MINI_REF_DAVIS = DatasetSpec(
    name="mini-ref-davis",
    title="15 single-object DAVIS videos of 4 classes (a pack of 18) with Ref-DAVIS17 sentences; a cross-domain test",
    layout=refytvos.LAYOUT,
    folders=("mini-ref-davis", "Mini-Ref-DAVIS"),
    rule=BuildRule(draws_from=ALL_VIDEOS),
    version="pack-v1",
)

REF_DAVIS17 = DatasetSpec(
    name="ref-davis17",
    title="Ref-DAVIS17: DAVIS 2017 with four annotators' sentences, made by 'fsbench prepare davis'",
    layout=refytvos.LAYOUT,
    folders=("ref-davis17", "Ref-DAVIS17"),
    other_labels=(255,),
    answers=AnnotatorAnswers(len(ANNOTATORS), VAL_LIST, "davis-2017-unsupervised"),
)

_MINI_REF_SHAPES_V2 = DatasetSpec(
    name="mini-ref-shapes",
    title="the embedded set: rendered objects of 16 made-up categories in 4 folds",
    layout=refytvos.LAYOUT,
    folders=("mini-ref-shapes-v2",),
    categories=shapes.V2.categories,
    num_folds=shapes.NUM_FOLDS,
    rule=BuildRule(queries=16, draws_from=ALL_VIDEOS),
    version="v2",
    licence="Apache-2.0",
    shows="pixels",
    recipe="shapes",
    generate=partial(shapes.generate_shapes, config=shapes.V2),
    draw=partial(shapes.render_named, shapes.SHIPPED),
    is_earlier=True,
)

MINI_REF_SHAPES = replace(
    _MINI_REF_SHAPES_V2,
    title="the embedded set: rendered objects of 128 made-up categories in 4 folds",
    folders=("mini-ref-shapes",),
    categories=shapes.V3.categories,
    rule=BuildRule(draws=2),
    version="v3",
    generate=partial(shapes.generate_shapes, config=shapes.V3),
    is_fallback=True,
    earlier=(_MINI_REF_SHAPES_V2,),
    is_earlier=False,
)
