"""What can be wrong with predictions that were handed in, and how to tell their owner."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import get_args
from typing import Literal
from typing import NamedTuple

from fsbench.errors import FsbenchError

__all__ = ["REMEDIES", "Findings", "Kind", "Problem", "as_json", "printable", "problem_of", "report"]

Kind = Literal[
    "missing-draw",
    "extra-draw",
    "missing-video",
    "extra-video",
    "missing-sentence",
    "extra-sentence",
    "missing-frame",
    "extra-frame",
    "wrong-size",
    "not-binary",
    "not-labels",
    "unknown-id",
    "unreadable",
    "wrong-row",
    "wrong-masklet",
    "wrong-result",
    "nesting",
    "duplicate",
    "stray",
    "nested-archive",
    "unsafe",
    "encrypted",
    "too-large",
]

REMEDIES: dict[Kind, str] = {
    "missing-draw": "Hand in every draw that is scored, in a folder 'draw-<d>', or say which to score with --draws.",
    "extra-draw": "Remove the draw, ask for it with --draws, or pass it over with --extra ignore.",
    "missing-video": "Predict every video; or count it as empty with --missing empty, or score a subset with --videos.",
    "extra-video": "Check that the predictions are of this split and fold; pass the video over with --extra ignore.",
    "missing-sentence": "Predict every sentence of the video, or count it as empty with --missing empty.",
    "extra-sentence": "Check that folders are named by expression id; pass the sentence over with --extra ignore.",
    "missing-frame": "Write a mask for every frame, or count it as empty with --missing empty.",
    "extra-frame": "Name files as the dataset names the frames; pass the frame over with --extra ignore.",
    "wrong-size": "Write masks at the size of the ground truth; resize with nearest neighbour.",
    "not-binary": "Save 0 for background and one other value for the object.",
    "not-labels": "Save a palette or grey PNG whose values are object ids, not colours (Pillow: mode 'P').",
    "unknown-id": "Use the object ids of the truth.",
    "unreadable": "Write the file again; it is damaged, not a PNG, or not to be read by this user.",
    "wrong-row": "Give each row video, expression and frame (text), size and COCO counts, and a draw if it has one.",
    "wrong-masklet": "Give each masklet video_id, category_id and segmentations: a COCO run-length code, or null, of "
    "every frame of the video; and a score where --min-score asks for one.",
    "wrong-result": "Give each result image_id, a COCO run-length code as segmentation, and a score.",
    "nesting": "Lay masks out as [draw-<d>/][Annotations/]<video>/[<expression>/]<frame>.png.",
    "duplicate": "Hand in each mask once; the first one was read.",
    "stray": "Save masks as PNG, and remove what is none, or pass it over with --extra ignore.",
    "nested-archive": "Unpack it and hand in the masks themselves.",
    "unsafe": "Write plain files under plain names inside the folder; links and such names are never followed.",
    "encrypted": "Pack the zip without a password.",
    "too-large": "Hand in compressed PNG masks, or COCO run-length codes in Parquet with small row groups.",
}
"""What to do about each kind, in the order of reports."""

assert tuple(REMEDIES) == get_args(Kind), "every kind of problem has a remedy"

_LONGEST = 200


class Problem(NamedTuple):
    """Something that is wrong with predictions.

    Attributes:
        kind: What sort of thing.
        where: The file, member or row.
        what: What is wrong there.
        remedy: What to do about it, if that is not `REMEDIES[kind]`.
    """

    kind: Kind
    where: str
    what: str
    remedy: str = ""


def problem_of(kind: Kind, where: str, error: FsbenchError) -> Problem:
    """Returns what reading a mask raised as a problem, in which its name stands once."""
    return Problem(kind, where, str(error).removeprefix(f"{where}: "))


class Findings(list[Problem]):
    """What a check of predictions found: a list of the problems.

    Attributes:
        notes: What was understood in another way than written, though nothing is wrong with it.
    """

    def __init__(self, problems: Iterable[Problem], notes: Sequence[str] = ()) -> None:
        super().__init__(problems)
        self.notes = notes

    def __str__(self) -> str:
        return report(self, self.notes)


def report(problems: Iterable[Problem], notes: Iterable[str] = (), *, limit: int = 5) -> str:
    """Returns problems as text: grouped by kind and counted, some examples of each, and every remedy once.

    Args:
        problems: The problems, in the order in which examples are picked.
        notes: What to say below them.
        limit: Examples of a kind.
    """
    groups: dict[Kind, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.kind, []).append(problem)
    lines = []
    for kind in (kind for kind in REMEDIES if kind in groups):
        group = groups[kind]
        lines.append(f"{kind}: {len(group)}")
        lines += [f"  {printable(problem.where)}: {printable(problem.what)}" for problem in group[:limit]]
        lines += [f"  ... and {len(group) - limit} more"] if len(group) > limit else []
        remedies = dict.fromkeys(problem.remedy or REMEDIES[kind] for problem in group)
        lines += [f"  {remedy}" for remedy in remedies]
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def as_json(findings: Findings) -> dict[str, list[str] | list[dict[str, str]]]:
    """Returns all problems, each with its remedy, and the notes, as what `json.dumps` takes."""
    problems = [
        {
            "kind": problem.kind,
            "where": printable(problem.where),
            "what": printable(problem.what),
            "remedy": problem.remedy or REMEDIES[problem.kind],
        }
        for problem in findings
    ]
    return {"problems": problems, "notes": list(findings.notes)}


def printable(text: str) -> str:
    """Returns foreign text in a form that no terminal obeys: control characters escaped, and not too long."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}"
    if short.isprintable():
        return short
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in short)
