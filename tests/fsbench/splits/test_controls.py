import random
from pathlib import Path

import pytest

from fsbench.errors import ManifestError
from fsbench.splits.controls import stand_ins
from fsbench.splits.manifest import find_manifest
from fsbench.splits.manifest import read_manifest

WHERE = Path("splits")


@pytest.fixture(scope="module")
def supports():
    return read_manifest(find_manifest("mini-ref-youtube-vos")).rows("supports")


def test_another_class_s_support_is_of_the_same_fold_and_draw_and_each_serves_once(supports):
    found = stand_ins(supports, "other-class", WHERE)
    assert found.keys() == {row["support_id"] for row in supports}
    for row in supports:
        other = found[row["support_id"]]
        assert (other["fold"], other["draw"]) == (row["fold"], row["draw"])
        assert other["class_id"] != row["class_id"]
    assert sorted(row["support_id"] for row in found.values()) == sorted(found)


def test_the_other_class_is_the_next_by_id_and_the_first_after_the_last(supports):
    rows = [row for row in supports if (row["fold"], row["draw"]) == (2, 1)]
    ids = sorted(row["class_id"] for row in rows)
    after = {each: ids[(place + 1) % len(ids)] for place, each in enumerate(ids)}
    random.Random(0).shuffle(rows)
    found = stand_ins(rows, "other-class", WHERE)
    assert {row["class_id"]: found[row["support_id"]]["class_id"] for row in rows} == after


def test_an_empty_support_has_the_frames_and_sentences_and_no_object(supports):
    found = stand_ins(supports, "empty-support", WHERE)
    for row in supports:
        emptied = found[row["support_id"]]
        assert [shot["object_ids"] for shot in emptied["shots"]] == [[]] * len(row["shots"])
        restored = [
            {**shot, "object_ids": own["object_ids"]} for shot, own in zip(emptied["shots"], row["shots"], strict=True)
        ]
        assert {**emptied, "shots": restored} == row


def test_a_class_that_is_alone_in_its_fold_has_no_other(supports):
    alone = [row for row in supports if row["class_id"] == 1]
    with pytest.raises(ManifestError, match=r"in fold 1 one class alone has a support set for draw 0.*'empty-support'"):
        stand_ins(alone, "other-class", WHERE)
    assert stand_ins(alone, "empty-support", WHERE)
