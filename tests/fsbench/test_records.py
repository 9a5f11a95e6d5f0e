import pytest
from pydantic import ValidationError

from fsbench.records import all_problems
from fsbench.records import first_problem
from fsbench.scores.results import Interval


def test_every_problem_of_a_record_names_its_field():
    with pytest.raises(ValidationError) as found:
        Interval.model_validate({"low": {"J": 0.1, "F": "much", "J&F": 0.2}, "height": 1})
    assert all_problems(found.value) == [
        "low.F: Input should be a valid number, unable to parse string as a number",
        "high: Field required",
        "height: Extra inputs are not permitted",
    ]
    assert first_problem(found.value) == all_problems(found.value)[0]


def test_what_is_no_json_at_all_has_no_field():
    with pytest.raises(ValidationError) as found:
        Interval.model_validate_json(b"{")
    assert first_problem(found.value).startswith("Invalid JSON: EOF")
