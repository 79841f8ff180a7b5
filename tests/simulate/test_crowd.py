"""The crowd obeys as an agent does: the same steps and words, no matter how many nodes there are."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from wavetrain.agent.update import BEFORE_SWITCH, Event, Step
from wavetrain.model.fleet import Desired, Generation, NodeId, Phase, PopId
from wavetrain.simulate.crowd import Crowd
from wavetrain.simulate.errand import begun, course
from wavetrain.simulate.mishaps import CALM, Chances, Mishaps
from wavetrain.simulate.nature import Nature
from wavetrain.simulate.nodes import SimNode
from wavetrain.wire.agent_messages import Permission, Told

POP, NODE = PopId("a"), NodeId("a-1")


def order(counter: int, release: str, *, at: float = 0.0, permitted_s: float = 300.0) -> Desired:
    return Desired(
        node=NODE,
        pop=POP,
        generation=Generation(1, counter),
        release=release,
        permitted_s=permitted_s,
        permitted_at=at,
    )


def crowd(chances: Chances = CALM) -> Crowd:
    return Crowd(Mishaps(1, chances), "1.0.0", {POP: "http://127.0.0.1/a"})


def said(of: Crowd, until: float) -> list[tuple[Phase, str, int]]:
    """What the node reports, asked every five seconds."""
    heard = []
    for now in range(0, int(until), 5):
        of.live(float(now))
        heard += [(one.phase, one.release, one.generation.counter) for _, one in of.reports(float(now))]
    return heard


def test_an_update_is_told_step_by_step_and_ends_on_the_release() -> None:
    of = crowd()
    of.tell([order(1, "2.0.0")], 0.0)
    heard = said(of, 400)
    phases = [phase for phase, _, _ in heard]
    assert phases[0] is Phase.STAGING
    assert phases[1] is Phase.DRAINING
    assert heard[-1] == (Phase.STEADY, "2.0.0", 1)
    assert of.runs == {NODE: "2.0.0"}
    assert of.serves(NODE, 400.0)


def test_a_node_that_runs_the_release_only_takes_up_the_generation() -> None:
    of = crowd()
    of.tell([order(3, "1.0.0", permitted_s=0.0)], 0.0)
    assert said(of, 60) == [(Phase.STEADY, "1.0.0", 3)]


def test_without_a_permission_nothing_is_disturbed() -> None:
    of = crowd()
    of.tell([order(1, "2.0.0", permitted_s=0.0)], 0.0)
    assert said(of, 60) == []


def test_a_release_that_crashes_is_taken_back_by_the_node() -> None:
    of = crowd()
    of.crashing = True
    of.tell([order(1, "2.0.0")], 0.0)
    assert said(of, 500)[-1] == (Phase.REVERTED, "1.0.0", 1)
    assert of.runs == {}


def test_a_node_that_is_told_to_go_back_turns_round_before_its_switch() -> None:
    of = crowd()
    of.tell([order(1, "2.0.0")], 0.0)
    of.live(12.0)
    of.tell([order(2, "1.0.0")], 12.0)
    heard = said(of, 500)
    assert "2.0.0" not in [release for _, release, _ in heard]
    assert heard[-1] == (Phase.STEADY, "1.0.0", 2)


def test_a_node_that_has_switched_comes_up_first_and_then_goes_back() -> None:
    of = crowd()
    of.tell([order(1, "2.0.0")], 0.0)
    now = 0.0
    while of.runs.get(NODE) != "2.0.0":
        now += 1.0
        of.live(now)
    of.tell([order(2, "1.0.0", at=now)], now)
    heard = said(of, now + 500)
    assert (Phase.RETURNING, "2.0.0", 1) in heard
    assert heard[-1] == (Phase.STEADY, "1.0.0", 2)


def test_a_node_that_is_gone_says_nothing_until_it_is_rebuilt() -> None:
    of = crowd(Chances(node_dead=1.0))
    of.down[NODE] = (0.0, float("inf"))
    of.tell([order(1, "2.0.0")], 0.0)
    assert said(of, 400) == []
    assert of.is_gone(NODE)
    of.rebuild(NODE, POP, 400.0)
    assert [one.generation for _, one in of.reports(400.0)] == [Generation(0, 0)]


def test_a_pop_that_is_cut_off_hears_and_says_nothing_meanwhile() -> None:
    of = crowd()
    of.cut(POP, 100.0)
    of.tell([order(1, "2.0.0", permitted_s=1_000.0)], 0.0)
    assert said(of, 100) == []
    assert said(of, 600)[-1] == (Phase.STEADY, "2.0.0", 1)


def test_lost_reports_are_said_again_and_late_ones_are_put_right() -> None:
    of = crowd(Chances(report_lost=0.5, report_late=0.5, report_doubled=0.5))
    of.tell([order(1, "2.0.0")], 0.0)
    heard = said(of, 2_000)
    assert heard[-1] == (Phase.STEADY, "2.0.0", 1)
    assert len(heard) > len(set(heard))


@given(st.sampled_from([*Step]), st.sampled_from([Event.DONE, Event.REFUSED, Event.LAPSED, Event.RECALLED]))
def test_every_course_ends_and_runs_the_old_release_unless_it_ended_well(step: Step, event: Event) -> None:
    if step in (Step.LEAVE, Step.RECHECK, Step.BACK, Step.RETURN) or (
        event in (Event.LAPSED, Event.RECALLED) and step not in BEFORE_SWITCH
    ):
        return
    strides = course(step, event, "for a reason")
    assert strides[-1].step is None
    assert strides[-1].is_new == (event is Event.DONE)


@given(st.booleans(), st.floats(1.0, 200.0), st.floats(2.0, 300.0))
def test_a_played_errand_ends_as_the_agents_own_update_would(
    sick: bool, drain_s: float, permitted_s: float
) -> None:
    """The agent's rules with the same step lengths: whoever has drained in time switches, the others stay."""
    errand = begun(
        NODE,
        POP,
        Generation(1, 1),
        "1.0.0",
        "2.0.0",
        at=0.0,
        until=permitted_s,
        drain_s=drain_s,
        slowness=1.0,
        is_sick=sick,
    )
    errand.advance(1e9)
    in_time = 10.0 + drain_s < permitted_s
    if sick:
        assert (errand.stride.phase, errand.runs) == (Phase.REVERTED, "1.0.0")
    else:
        wanted = (Phase.STEADY, "2.0.0") if in_time else (Phase.LAPSED, "1.0.0")
        assert (errand.stride.phase, errand.runs) == wanted
    assert errand.begins == sorted(errand.begins)


def test_the_words_of_an_errand_are_those_of_the_practice_node() -> None:
    nature = Nature(Random(1))
    node = SimNode(NODE, POP, "1.0.0", nature)
    permission = Permission(
        node=NODE, generation=Generation(1, 1), digest="", plan="", lifetime_s=1_000.0, signature=""
    )
    node.read(
        Told(generation=Generation(1, 1), release="2.0.0", digest="", size=0, permission=permission), 0.0
    )
    theirs: list[tuple[Phase, str]] = []
    for tenth in range(1_000):
        node.live(tenth / 10)
        spoken = (node.spoken().phase, node.spoken().release)
        if node.memory.generation.counter and (not theirs or theirs[-1] != spoken):
            theirs.append(spoken)
    errand = begun(
        NODE,
        POP,
        Generation(1, 1),
        "1.0.0",
        "2.0.0",
        at=0.0,
        until=1_000.0,
        drain_s=8.0,
        slowness=1.0,
        is_sick=False,
    )
    mine = []
    for stride in range(len(errand.strides)):
        errand.at = stride
        mine.append((errand.stride.phase, errand.runs))
    assert mine == theirs
