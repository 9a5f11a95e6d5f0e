import re

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies

from fsbench.leaderboard.site.slugs import slug


def test_plain_names_stay():
    assert slug("colour-prototype") == "colour-prototype"
    assert slug("mini-ref-shapes.standard.462edb8c") == "mini-ref-shapes.standard.462edb8c"


def test_names_that_differ_in_case_or_signs_alone_get_files_of_their_own():
    names = ["CMA", "cma", "c/m/a", "c m a", "cma (self)", "cma-self", "", "..", "../x", "con\0"]
    assert len({slug(name) for name in names}) == len(names)


@settings(max_examples=30)
@given(strategies.text(max_size=80))
def test_every_text_gives_a_safe_file_name(text):
    name = slug(text)
    assert re.fullmatch(r"[a-z0-9_-][a-z0-9._-]*", name)
    assert len(name) <= 70
