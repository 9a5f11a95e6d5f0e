import pytest

from fsbench.errors import SubmissionError
from fsbench.evaluation.submissions import contract
from fsbench.evaluation.submissions import MaskKey
from fsbench.evaluation.submissions import open_submission
from tests.fsbench.evaluation.submissions.helpers import GOOD
from tests.fsbench.evaluation.submissions.helpers import LABELS
from tests.fsbench.evaluation.submissions.helpers import row
from tests.fsbench.evaluation.submissions.helpers import SENTENCES
from tests.fsbench.evaluation.submissions.helpers import write_json


def test_keys_without_a_draw_or_sentence_come_first():
    keys = [*LABELS, *SENTENCES, GOOD]
    assert sorted(keys, key=MaskKey.order)[:3] == [*LABELS[:2], GOOD]


def test_too_many_masks_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(contract, "MAX_MASKS", 3)
    submission = write_json(tmp_path / "masks.json", [row(key) for key in SENTENCES])
    with pytest.raises(SubmissionError, match="more than 3"):
        open_submission(submission)
