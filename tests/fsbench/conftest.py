import pytest
from click.testing import CliRunner

from fsbench.cli import main


@pytest.fixture
def fsbench(tmp_path, monkeypatch):
    """Calls the command line in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call
