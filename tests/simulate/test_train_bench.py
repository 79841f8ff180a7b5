from tests.decide.big_fleet import big_fleet, rules
from tests.decide.planned import DEPARTS

from wavetrain.cli.bench_timetable_command import Figures, rows
from wavetrain.decide.improvement import Improved, Problem
from wavetrain.model.policy import Pace
from wavetrain.simulate.train_bench import measure, sunday


class Content:
    """A solver that finds nothing better."""

    def improve(self, problem: Problem, seconds: float) -> Improved:
        """As it is."""
        return Improved(places=tuple(mover.now for mover in problem.movers), proven=False, seconds=seconds)


def test_the_bench_counts_what_it_plans_and_finds_no_rule_broken() -> None:
    found = measure(big_fleet(80, 800, regions=6), rules(Pace.COMPACT), DEPARTS, Content(), 0.0)
    assert (found.pops, found.hard_broken, found.replan_hard_broken) == (80, 0, 0)
    assert found.soft_unmet == found.soft_unmet_optimized
    assert found.lower_bound <= found.windows <= found.lower_bound + 2
    assert found.replan_moved >= found.replan_forced > 0


def test_without_a_solver_its_figures_are_left_out() -> None:
    found = measure(big_fleet(40, 200, regions=6), rules(Pace.COMPACT), DEPARTS, None, 0.0)
    assert (found.soft_unmet_optimized, found.optimize_seconds, found.optimum_proven) == (None, None, None)
    shown = rows(
        Figures(
            pops=found.pops,
            pairs=found.pairs,
            seconds=found.seconds,
            windows=found.windows,
            lower_bound=found.lower_bound,
            hard_broken=found.hard_broken,
            soft_unmet=found.soft_unmet,
            soft_unmet_optimized=None,
            replan_seconds=found.replan_seconds,
            replan_moved=found.replan_moved,
            replan_forced=found.replan_forced,
            demand_seconds=found.demand_seconds,
            beside=found.beside,
            tail=found.tail,
            optimize_seconds=None,
            optimum_90_seconds=None,
            optimum_90_proven=None,
            yardstick_seconds=0.25,
        )
    )
    assert shown[-1][1] == "0.250 s of the processor"
    assert ["the same with --optimize", "no OR-Tools here", ""] in shown


def test_a_bench_leaves_on_a_sunday_of_the_grid() -> None:
    assert sunday(DEPARTS.date()) == DEPARTS
