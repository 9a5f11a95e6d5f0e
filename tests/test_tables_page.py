"""The page of the papers' tables: its commands are ones, and its numbers are the papers'."""

import re

import click
import pytest

from fsbench.leaderboard.reported import read_reported
from tests.commands import check
from tests.commands import parse
from tests.conftest import ROOT

PAGE = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^fsbench .*", PAGE, re.MULTILINE)
COMMANDS += re.findall(r"`(fsbench .*?)`", PAGE.replace("\n  ", " "))
REPORTED = {each.title: each for each in read_reported(ROOT / "leaderboard/reported")}


@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS))
def test_every_command_of_the_page_is_one(command):
    check(command)


@pytest.mark.parametrize(
    "wrong",
    [
        "fsbench predict out --method empty --parts valid",
        "fsbench predict --method empty",
        "fsbench prepare davis --txt a",
    ],
)
def test_a_command_that_is_none_is_found(wrong):
    with pytest.raises(click.UsageError):
        parse(wrong)


def test_the_page_has_the_rows_of_every_reported_table_and_no_other_numbers():
    sections = dict(re.findall(r"\n## (.*?)\n(.*?)(?=\n## |\Z)", PAGE, re.DOTALL))
    assert list(sections) == list(REPORTED)
    for title, reported in REPORTED.items():
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in sections[title].splitlines()
            if line.startswith("| ")
        ]
        assert tuple(rows[0][1:-1]) == reported.metrics
        numbers = [(row[0], *row[1:-1]) for row in rows[1:] if "not at hand" not in row]
        assert numbers == [
            (row.method, *("–" if value is None else f"{value:.1f}" for value in row.values)) for row in reported.rows
        ]
