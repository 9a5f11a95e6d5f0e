import pytest

from fsbench.errors import SubmissionError
from fsbench.submissions.forms import contract
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from tests.fsbench.submissions.forms.helpers import GOOD
from tests.fsbench.submissions.forms.helpers import LABELS
from tests.fsbench.submissions.forms.helpers import row
from tests.fsbench.submissions.forms.helpers import SENTENCES
from tests.fsbench.submissions.forms.helpers import write_json


def test_keys_without_a_draw_or_sentence_come_first():
    keys = [*LABELS, *SENTENCES, GOOD]
    assert sorted(keys, key=MaskKey.order)[:3] == [*LABELS[:2], GOOD]


def test_too_many_masks_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(contract, "MAX_MASKS", 3)
    submission = write_json(tmp_path / "masks.json", [row(key) for key in SENTENCES])
    with pytest.raises(SubmissionError, match="more than 3"):
        open_submission(submission)
