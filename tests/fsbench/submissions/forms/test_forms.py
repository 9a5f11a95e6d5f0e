import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from fsbench.errors import SubmissionError
from fsbench.masks.rle import Rle
from fsbench.submissions.forms import MaskKey
from fsbench.submissions.forms import open_submission
from tests.fsbench.submissions.forms.helpers import columns
from tests.fsbench.submissions.forms.helpers import LABELS
from tests.fsbench.submissions.forms.helpers import path_of
from tests.fsbench.submissions.forms.helpers import png
from tests.fsbench.submissions.forms.helpers import rle
from tests.fsbench.submissions.forms.helpers import write_folder
from tests.fsbench.submissions.forms.helpers import write_parquet
from tests.fsbench.submissions.forms.helpers import write_zip


def test_a_zip_is_read_by_many_threads_at_once(tmp_path):
    keys = [MaskKey(0, f"v{i:02d}", "0", f"{t:05d}") for i in range(20) for t in range(20)]
    files = {path_of(key): png(key) for key in keys}
    for submission in (
        open_submission(write_zip(tmp_path / "masks.zip", files, zipfile.ZIP_DEFLATED)),
        open_submission(write_folder(tmp_path / "masks", files)),
        open_submission(write_parquet(tmp_path / "masks.parquet", columns(keys), row_group_size=32)),
    ):
        value = rle if isinstance(submission.read(keys[0]), Rle) else png
        with submission, ThreadPoolExecutor(8) as pool:
            assert list(pool.map(submission.read, keys)) == list(map(value, keys))


def test_what_is_nothing_known_is_refused_with_the_forms(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "masks.tar").write_bytes(b"ustar")
    (tmp_path / "nothing").touch()
    os.mkfifo(tmp_path / "pipe")
    write_folder(tmp_path / "texts", {"a.txt": b""})
    for name in ("empty", "masks.tar", "nothing", "pipe", "missing", "texts"):
        with pytest.raises(SubmissionError, match=f"{name}: .*Hand in a folder or zip"):
            open_submission(tmp_path / name)
    for name, found in (("masks.tar", "of no known form"), ("nothing", "empty")):
        with pytest.raises(SubmissionError, match=f"{name}: is {found}"):
            open_submission(tmp_path / name)


def test_a_folder_is_scored_without_what_takes_long_to_import(tmp_path):
    files = {path_of(key, ""): key for key in LABELS}
    write_folder(tmp_path, {f"{side}/{name}": png(key) for side in "ab" for name, key in files.items()})
    code = (
        "import sys\n"
        "from fsbench.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'PIL', 'cv2', 'filelock', 'pandas', 'pyarrow', 'pycocotools.coco', 'pydantic', 'scipy', 'torch'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    command = [sys.executable, "-c", code, "score", tmp_path / "a", "--truth", tmp_path / "b"]
    result = subprocess.run([*command, "--protocol", "davis-2017"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
