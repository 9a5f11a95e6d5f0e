"""What the README says is so: its table, its commands, its links, whom it cites."""

import re

import pytest
import yaml
from click.testing import CliRunner

import fsbench
from fsbench.cli import main
from tests.commands import parse
from tests.conftest import ROOT
from tests.pages import blocks
from tests.pages import commands

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks(ROOT / "README.md")


def table_of(text):
    return [line for line in text.splitlines() if re.match(r"\||<sup>", line)]


def test_the_table_is_what_its_command_prints(monkeypatch):
    monkeypatch.chdir(ROOT)
    section = README.partition("## A table\n")[2].partition("\n## ")[0]
    command = re.search(r"`fsbench (leaderboard --columns '(.*?)')`", section)
    printed = CliRunner().invoke(main, ["leaderboard", "--columns", command[2]]).stdout
    dataset, version = re.search(r"`([\w-]+)`, version (\d+) ", section).groups()
    (wanted,) = [part for part in printed.split("\n## ") if part.startswith(f"{dataset} v{version}, standard\n")]
    assert table_of(section) == table_of(wanted)
    assert len(table_of(wanted)) > 10
    classes, draws, episodes = re.search(r"; (\d+) classes, .*?, (\d+) draws, (\d+) episodes", wanted).groups()
    said = f"({classes} made-up classes, {draws} support draws, {int(episodes):,} episodes)"
    assert said in section.replace("\n", " ")


def test_the_commands_of_set_up_stand_in_blocks_of_their_own():
    wanted = ["pip install -e . && fsbench demo\n", "pip install -e '.[test]' && pytest\n"]
    assert [block for _, block in BLOCKS[:2]] == wanted


@pytest.mark.parametrize("command", commands(BLOCKS[2][1]))
def test_every_command_is_one(command):
    parse(command)


def slugs(page):
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\((?!http)(.*?)\)", README)
    assert len(links) > 20
    for link in links:
        path, _, heading = link.partition("#")
        assert (ROOT / path).exists(), link
        assert not heading or heading in slugs(ROOT / path), link


def test_every_page_but_the_index_is_linked():
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    linked = set(re.findall(r"\]\((docs/[\w/.-]*\.md)", README))
    assert pages - linked == {"docs/index.md", "docs/reference/cli.md"}


def test_the_picture_is_small():
    (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert (ROOT / picture).stat().st_size < 150_000


def test_what_is_to_be_cited_is_what_citation_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (bibtex,) = [block for kind, block in BLOCKS if kind == "bibtex"]
    *papers, software = re.findall(r"@\w+\{.*?^\}", bibtex, re.MULTILINE | re.DOTALL)
    assert f"version = {{{fsbench.__version__}}}" in software
    for paper in papers:
        (source,) = [each for each in citation["references"] if f"title = {{{each['title']}}}" in paper]
        names = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in source["authors"])
        assert f"author = {{{names}}}" in paper
        assert f"year = {{{source['year']}}}" in paper
