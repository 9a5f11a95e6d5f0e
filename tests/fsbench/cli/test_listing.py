import json
import subprocess
import sys

import pytest


def test_lists_name_what_can_be_named(fsbench, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    methods = fsbench("list", "methods").stdout
    (plain,) = [line for line in methods.splitlines() if line.startswith("colour-prototype ")]
    (weighty,) = [line for line in methods.splitlines() if line.startswith("referformer ")]
    assert plain.endswith(" yes")
    assert "no, without weights: --checkpoint" in weighty
    assert "mini-ref-sail-vos" in fsbench("list", "datasets").stdout
    assert "tolerance=0.010" in fsbench("list", "protocols").stdout


def test_attributes_are_listed_with_what_their_slices_are_called(fsbench):
    found = {record["name"]: record for record in json.loads(fsbench("list", "attributes", "--json").stdout)}
    assert found["words"]["slices"] == ["up to 4", "5 to 7", "8 to 10", "11 or more"]
    assert found["class_word"]["summary"] == "What it has of its class: its name, a synonym, or none."
    assert "20 % or more" in fsbench("list", "attributes").stdout


def test_classes_and_episodes_need_no_data(fsbench):
    classes = fsbench("list", "classes", "--dataset", "mini-ref-shapes", "--fold", "1,2").stdout.splitlines()
    assert classes[0].split() == ["fold", "class", "videos", "queried", "episodes"]
    assert {line.split()[0] for line in classes[2:]} == {"1", "2"}
    (first,) = [line for line in classes if " nimig " in line]
    episodes = fsbench("list", "episodes", "--dataset", "mini-ref-shapes", "--class", "nimig").stdout.splitlines()[2:]
    assert len(episodes) == int(first.split()[-1])
    assert all(line.startswith("f1/nimig/d") for line in episodes)


def test_an_earlier_version_is_named_with_its_set(fsbench):
    earlier = ("list", "episodes", "--dataset", "mini-ref-shapes@v2", "--class", "dax")
    assert all(line.startswith("f1/dax/d") for line in fsbench(*earlier).stdout.splitlines()[2:])
    wrong = fsbench("list", "episodes", "--dataset", "mini-ref-shapes@v1", code=3)
    assert "no mini-ref-shapes@v1. Did you mean" in wrong.stderr


def test_a_manifest_of_one_s_own_is_listed_as_json(fsbench, data):
    fsbench("build-splits", "mini-ref-davis", "--out", "mine", "--draws", 1)
    manifest = ("--splits", "mine/mini-ref-davis/pack-v1")
    classes = json.loads(fsbench("list", "classes", *manifest, "--json").stdout)
    assert [record["class"] for record in classes] == ["cat", "dog"]
    episodes = json.loads(fsbench("list", "episodes", "--splits", "mine", "--json").stdout)
    assert len(episodes) == sum(record["episodes"] for record in classes)
    assert episodes == json.loads(fsbench("list", "episodes", *manifest, "--json").stdout)


@pytest.mark.parametrize("command", [("list", "methods"), ("list", "datasets"), ("describe", "cma")])
def test_tables_are_no_wider_than_the_terminal(fsbench, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, fsbench(*command).stdout.splitlines())) <= 80


def test_methods_are_listed_and_described_as_json(fsbench):
    methods = {record["name"]: record for record in json.loads(fsbench("list", "methods", "--json").stdout)}
    assert methods["referformer"]["missing"] == ["weights: --checkpoint"]
    assert methods["colour-prototype"]["options"] == ["working_size", "iterations"]
    described = json.loads(fsbench("describe", "colour-prototype", "--json").stdout)
    assert described["summary"] == methods["colour-prototype"]["summary"]
    takes = {name: "predict" in fsbench("describe", name).stdout for name in ("full-frame", "oracle-class")}
    assert takes == {"full-frame": True, "oracle-class": False}
    named = [json.loads(fsbench("list", what, "--json").stdout) for what in ("datasets", "protocols")]
    assert all("name" in record for records in named for record in records)


def test_listing_and_describing_methods_need_no_heavy_package():
    code = (
        "import sys; from fsbench.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "heavy = {'torch', 'transformers', 'pandas', 'scipy', 'pyarrow', 'pydantic'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    for command in (["list", "methods"], ["describe", "cma"], ["describe", "sam3"]):
        done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
        assert done.stdout.endswith("\n[]\n")
