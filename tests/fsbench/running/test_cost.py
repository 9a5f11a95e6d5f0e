from datetime import date

from fsbench.running.cost import read_timing
from fsbench.running.cost import total_cost
from fsbench.running.cost import UnitTiming


def write(folder, *units, tail=""):
    (folder / "timing.jsonl").write_text("".join(unit.model_dump_json() + "\n" for unit in units) + tail)


def timing(unit, draws, seconds):
    return UnitTiming(unit=unit, draws=draws, seconds=seconds, frames=10 * len(draws), peak_bytes=1)


def test_draws_that_were_added_later_cost_what_all_of_them_took(tmp_path):
    write(tmp_path, timing(0, (0,), 1.0), timing(1, (0,), 2.0), timing(0, (1, 2), 4.0))
    assert sum(unit.seconds for unit in read_timing(tmp_path)) == 7.0
    assert total_cost(read_timing(tmp_path)).seconds_per_frame == 7.0 / 40


def test_what_was_done_again_costs_what_it_took_last(tmp_path):
    write(tmp_path, timing(0, (0,), 1.0), timing(0, (1,), 2.0), timing(1, (0,), 8.0), timing(0, (0, 1), 4.0))
    assert sorted(unit.seconds for unit in read_timing(tmp_path)) == [4.0, 8.0]


def test_a_line_of_an_old_file_stands_for_all_draws(tmp_path):
    old = '{"unit": 0, "seconds": 3.0, "frames": 20, "peak_bytes": 1}'
    (tmp_path / "timing.jsonl").write_text(f"{old}\n{old}\n")
    (unit,) = read_timing(tmp_path)
    assert (unit.draws, unit.seconds) == ((), 3.0)


def test_the_peak_on_a_device_is_the_largest_of_those_that_tell(tmp_path):
    peaks = [None, 3, 2]
    write(tmp_path, *(timing(n, (0,), 1.0).model_copy(update={"peak_device_bytes": p}) for n, p in enumerate(peaks)))
    assert total_cost(read_timing(tmp_path)).peak_device_memory_bytes == 3
    assert total_cost([timing(0, (0,), 1.0)]).peak_device_memory_bytes is None


def test_a_run_was_evaluated_on_the_day_of_its_last_unit_if_any_tells(tmp_path):
    days = [date(2026, 3, 1), date(2026, 3, 2), None]
    units = [timing(n, (0,), 1.0).model_copy(update={"finished": day}) for n, day in enumerate(days)]
    write(tmp_path, *units)
    assert total_cost(read_timing(tmp_path)).evaluated == date(2026, 3, 2)
    assert total_cost(units[2:]).evaluated is None


def test_a_line_that_was_cut_is_passed_over(tmp_path):
    write(tmp_path, timing(0, (0,), 1.0), tail='{"unit": 1, "sec')
    assert [unit.unit for unit in read_timing(tmp_path)] == [0]
