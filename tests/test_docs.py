"""The documentation is built without a warning, and says what the code says."""

import re
from importlib.metadata import distribution

import pytest

import fsbench
from fsbench import datasets
from fsbench import methods
from fsbench.leaderboard.details import episodes_schema
from fsbench.leaderboard.details import gallery_schema
from fsbench.leaderboard.entries import Entry
from fsbench.masks.predictions import SCHEMA
from fsbench.masks.predictions import SENTENCES
from fsbench.methods import contract
from fsbench.protocol import STANDARD
from fsbench.running.predict import PredictionIdentity
from fsbench.scores.results import Result
from fsbench.scores.results import RunIdentity
from fsbench.scores.rows import score_schema
from fsbench.splits.manifest import ManifestInfo
from fsbench.splits.schema import ABOUT
from fsbench.splits.schema import KEYS
from fsbench.splits.schema import SCHEMA_VERSION
from fsbench.splits.schema import SCHEMAS
from tests.commands import parse
from tests.conftest import ROOT
from tests.pages import follow
from tests.tiny import write_benchmark

DOCS = ROOT / "docs"

# Napoleon, which comes with Sphinx, calls what Sphinx will remove.
of_sphinx = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


def build(source, out):
    sphinx = pytest.importorskip("sphinx.cmd.build", reason="pip install -e '.[docs]' brings Sphinx")
    return sphinx.build_main(["-W", "--keep-going", "-q", "-c", str(DOCS), str(source), str(out)])


@of_sphinx
def test_the_documentation_is_built_without_a_warning_and_fetches_nothing(tmp_path):
    assert build(DOCS, tmp_path) == 0
    built = {path.relative_to(tmp_path).with_suffix(".md") for path in tmp_path.rglob("*.html")}
    assert {path.relative_to(DOCS) for path in DOCS.rglob("*.md")} <= built
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    fetched = re.findall(r"<(?:script|link|img)\b[^>]*?(?:src|href)=\"([^\"]*)\"", page)
    assert fetched
    assert [address for address in fetched if "//" in address] == []


@of_sphinx
@pytest.mark.parametrize(
    ("text", "is_built"),
    [
        ("[a page](index.md), [a heading](#a-page)", True),
        ("[a page](nowhere.md)", False),
        ("[a heading](#nowhere)", False),
        ("[a heading of a page](index.md#nowhere)", False),
        ("```{toctree}\nnowhere\n```", False),
        ("```{eval-rst}\n.. autofunction:: fsbench.evaluate\n```", True),
        ("```{eval-rst}\n.. autofunction:: fsbench.nowhere\n```", False),
    ],
)
def test_what_leads_nowhere_is_not_built(tmp_path, text, is_built):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/index.md").write_text(f"# A page\n\n{text}\n", encoding="utf-8")
    assert (build(tmp_path / "source", tmp_path / "out") == 0) is is_built


def commands_of(page):
    """Returns the commands in a page's blocks, with what a shell would put in for its variables."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    text = text.replace("$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT", "1/16")
    found = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    return re.findall(r"^(?:.* && )?(fsbench .*?)(?:\s+#.*)?$", found, re.MULTILINE)


COMMANDS = {command: None for page in sorted(DOCS.rglob("*.md")) for command in commands_of(page)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_a_page_is_one(command):
    parse(command)


def test_commands_are_found_on_every_kind_of_page():
    started = {command.split()[1] for command in COMMANDS}
    assert {"demo", "gather", "evaluate", "convert", "compare", "submit"} <= started


PAGES = [page for page in sorted(DOCS.rglob("*.md")) if page.parent.name != "guides"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_what_a_page_shows_is_run_or_says_what_it_needs(page, tmp_path, monkeypatch):
    """In a folder with made-up videos in the place of mini-ref-davis; `tests/test_guides.py` runs the guides."""
    write_benchmark(tmp_path / "data", {"cat": 3, "dog": 3}, draws=2, frames=2)
    (tmp_path / "data/splits").rename(tmp_path / "splits")
    monkeypatch.chdir(tmp_path)
    follow(page)


@pytest.mark.parametrize(
    ("group", "page"),
    [
        ("datasets", "datasets.md"),
        ("methods", "methods.md"),
        ("protocols", "protocols.md"),
        ("trackers", "evaluate.md"),
    ],
)
def test_everything_that_ships_is_on_the_page_of_its_kind(group, page):
    names = distribution("fsbench").entry_points.select(group=f"fsbench.{group}").names
    assert names
    assert {name for name in names if f"`{name}`" not in (DOCS / page).read_text(encoding="utf-8")} == set()


def named_on(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    return {name.rpartition(".")[2] for name in re.findall(r"\.\. auto\w+:: ([\w.]+)", text)}


def test_every_public_call_is_on_the_page_of_the_calls():
    assert set(fsbench.__all__) <= named_on("reference/api.md")


@pytest.mark.parametrize("module", [methods, contract, datasets])
def test_every_part_of_a_contract_is_on_the_page_of_the_contracts(module):
    others = {"OPTIONAL", "ORACLE", "open_dataset"}  # what finds the parts, and a call
    assert set(module.__all__) - others <= named_on("reference/contracts.md")


FORMATS = (DOCS / "reference/formats.md").read_text(encoding="utf-8")


def tables_below(heading):
    section = re.split(r"\n#+ ", FORMATS.partition(f"# {heading}\n")[2])[0]
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in re.findall(r"\n(\|.*\|)", section)]


def test_the_page_of_the_formats_has_the_versions_of_the_code():
    tables = {
        "predictions/part-*": SCHEMA,
        "scores/part-*": score_schema(STANDARD.metrics),
        "OUT/predictions/part-*": SENTENCES,
        "<name>.<digest>.episodes": episodes_schema(()),
        "<name>.<digest>.gallery": gallery_schema(()),
    }
    records = {"manifest": ManifestInfo, "run": RunIdentity, "result": Result, "OUT/identity": PredictionIdentity}
    records["<name>"] = Entry
    wanted = {f"{name}.json": str(each.model_fields["schema_version"].default) for name, each in records.items()}
    wanted |= {f"{name}.parquet": each.metadata[b"fsbench.schema"].decode() for name, each in tables.items()}
    wanted["<table>.parquet"] = str(SCHEMA_VERSION)
    rows = tables_below("Formats")[2:]
    assert len(rows) == len(wanted)
    for place, version, _ in rows:
        path = place.partition("`")[0]
        (name,) = [
            name
            for name in wanted
            if f"/{path}".endswith(f"/{name}") and name.startswith("OUT") == path.startswith("OUT")
        ]
        assert version == wanted[name]


def columns(schema):
    return [[field.name, re.sub(r"(element|item): ", "", str(field.type))] for field in schema]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_page_of_the_formats_has_the_tables_of_a_manifest(name):
    rows = tables_below(f"`{name}`")
    assert rows[2:] == [[*column, ABOUT[f"{name}.{column[0]}"]] for column in columns(SCHEMAS[name])]
    assert f"{ABOUT[name]} Key: {', '.join(f'`{key}`' for key in KEYS[name])}.\n" in FORMATS


@pytest.mark.parametrize(
    ("heading", "schema"),
    [
        ("Predictions", SCHEMA),
        ("Masks of sentences", SENTENCES),
        ("Score rows", score_schema(STANDARD.metrics)),
        ("`episodes.parquet`", episodes_schema(STANDARD.metrics)),
        ("`gallery.parquet`", gallery_schema(STANDARD.metrics)),
    ],
)
def test_the_page_of_the_formats_has_the_columns_of_other_tables(heading, schema):
    assert tables_below(heading)[2:] == columns(schema)
