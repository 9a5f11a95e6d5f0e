import pytest

from fsbench.protocol import STANDARD
from fsbench.scores.results import require_names
from fsbench.scores.results import Score
from fsbench.scores.results import Summary

GOOD = Score({"J": 0.5, "F": 0.7, "J&F": 0.6})


@pytest.mark.parametrize("place", ["mean", "sd_draws"])
@pytest.mark.parametrize(
    "values", [{"J": 0.5, "F": 0.7}, {"J": 0.5, "F": 0.7, "K": 0.6}, {"J&F": 0.6, "F": 0.7, "J": 0.5}]
)
def test_a_score_has_what_its_protocol_reports_the_headline_last(place, values):
    require_names(Summary(mean=GOOD, sd_draws=None), STANDARD.signature)
    with pytest.raises(ValueError, match="the protocol reports J, F, J&F"):
        require_names(Summary(**{"mean": GOOD, "sd_draws": GOOD, place: Score(values)}), STANDARD.signature)
