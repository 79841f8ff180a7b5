"""The driver of HAProxy against a real one."""

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.agent.haproxy import House, haproxy, house
from tests.agent.waiting import until
from tests.ports import free_port

from wavetrain.agent.haproxy_socket import HaproxySocket, Server
from wavetrain.agent.traffic_haproxy import HaproxyTraffic, givers
from wavetrain.errors import RefusedError, UnreachableError

__all__ = ["house"]


def seen(house: House, name: str = "n1") -> Server:
    return house.socket().servers("pop")[name]


def test_a_drained_server_is_asked_to_let_its_sessions_go_and_they_are_on_the_other_one(house: House) -> None:
    traffic = house.traffic()
    assert traffic.sessions() == 3
    traffic.drain(250)
    assert house.nodes["n1"].asked == ["POST /move-away?spread_ms=250&from=n1"]
    until(lambda: traffic.sessions() == 0)
    until(lambda: seen(house, "n2").sessions == 6)


def test_an_empty_server_goes_into_maintenance_and_comes_back_up_at_once(house: House) -> None:
    traffic = house.traffic()
    traffic.drain(0)
    until(lambda: traffic.sessions() == 0)
    for _ in range(2):
        traffic.settle()
        assert seen(house).status == "MAINT"
    traffic.drain(0)
    assert seen(house).status == "MAINT", "a drain begun again must not lead it out of maintenance"
    traffic.undrain()
    assert seen(house).is_up
    assert house.nodes["n1"].asked[-1] == "POST /stay"


def test_invited_sessions_come_back_up_to_the_share_and_no_further(house: House) -> None:
    traffic = house.traffic()
    traffic.drain(0)
    until(lambda: seen(house, "n2").sessions == 6)
    traffic.undrain()
    traffic.invite()
    until(lambda: (seen(house).sessions, seen(house, "n2").sessions) == (3, 3))
    assert house.nodes["n2"].asked == ["POST /move-away?count=3"]
    traffic.invite()
    assert house.nodes["n2"].asked == ["POST /move-away?count=3"], "it has its share"


@pytest.mark.parametrize(("left", "after"), [("stay", ("DRAIN", 3)), ("cut", ("MAINT", 0))])
def test_sessions_that_do_not_move_stay_on_the_program_or_are_cut_when_the_time_is_over(
    house: House, left: str, after: tuple[str, int]
) -> None:
    house.nodes["n1"].is_stubborn = True
    traffic = house.traffic(left="cut" if left == "cut" else "stay")
    traffic.drain(0)
    assert traffic.sessions() == 3, "a drain alone cuts nothing"
    traffic.settle()
    until(lambda: (seen(house).status, seen(house).sessions) == after, what=lambda: seen(house))


def test_a_drain_holds_over_a_restart_of_haproxy(house: House) -> None:
    traffic = house.traffic()
    traffic.drain(0)
    house.kill()
    assert traffic.sessions() is None
    with pytest.raises(UnreachableError, match=r"does not answer .* see that it runs"):
        traffic.settle()
    house.start()
    assert not seen(house).drains, "HAProxy keeps no state over a restart"
    traffic.sessions()
    assert seen(house).drains


def test_after_the_drain_is_over_a_restart_of_haproxy_brings_none_back(house: House) -> None:
    traffic = house.traffic()
    traffic.drain(0)
    traffic.undrain()
    house.kill()
    house.start()
    traffic.sessions()
    assert not seen(house).drains


def test_settling_drains_again_what_a_restart_of_haproxy_forgot(house: House) -> None:
    house.nodes["n1"].is_stubborn = True
    traffic = house.traffic()
    traffic.settle()
    assert (seen(house).drains, seen(house).sessions) == (True, 3)


def test_a_server_that_does_not_come_up_is_not_called_ready(house: House) -> None:
    traffic = house.traffic(ready_timeout_s=0.2)
    traffic.drain(0)
    house.nodes["n1"].is_healthy = False
    until(lambda: seen(house).status == "DOWN")
    assert seen(house).drains, "the status of a drained server that is down does not say so"
    with pytest.raises(
        UnreachableError, match=r"finds pop/n1 DOWN 0\.2 s after it was set ready: Layer7 wrong status"
    ):
        traffic.undrain()
    traffic.invite()
    assert house.nodes["n2"].asked == [], "nobody is invited to a server that is down"


def test_a_program_that_is_away_can_be_drained_and_one_that_does_not_know_the_url_is_told_of(
    house: House,
) -> None:
    house.nodes["n1"].refuses = True
    with pytest.raises(UnreachableError, match=r"with 404: no such path; correct the url in \[traffic\]"):
        house.traffic().drain(0)
    nobody = HaproxyTraffic(
        house.socket(), "pop", "n1", node="n1", goaway_url=f"http://127.0.0.1:{free_port()}/away"
    )
    nobody.drain(0)
    assert seen(house).drains


@pytest.mark.parametrize(
    ("server", "backend", "message"),
    [
        ("n7", "pop", r"has no server n7 in pop, only n1, n2; set `server` in \[traffic\]"),
        ("n1", "edge", r"has no backend edge; set `backend` in \[traffic\]"),
    ],
)
def test_what_haproxy_does_not_have_is_refused_at_the_start_and_said_at_each_act(
    house: House, server: str, backend: str, message: str
) -> None:
    traffic = house.traffic(server, backend)
    with pytest.raises(RefusedError, match=message):
        traffic.check()
    with pytest.raises(UnreachableError, match=message):
        traffic.drain(0)
    assert traffic.sessions() is None


def test_a_good_place_passes_the_check_and_an_invited_stranger_does_not(house: House) -> None:
    house.traffic().check()
    stranger = HaproxyTraffic(house.socket(), "pop", "n1", node="n1", invite_urls={"n9": "http://127.0.0.1/"})
    with pytest.raises(RefusedError, match=r"names n9; pop has n1, n2"):
        stranger.check()


def test_a_socket_that_may_only_look_is_refused_at_the_start_and_said_at_each_act() -> None:
    with House(haproxy(), level="operator", sessions=0) as house:
        traffic = house.traffic()
        with pytest.raises(RefusedError, match="allows the level operator"):
            traffic.check()
        with pytest.raises(
            UnreachableError, match=r"Permission denied; give its stats socket the level admin"
        ):
            traffic.drain(0)


def test_the_runtime_api_answers_on_the_loopback_as_well(house: House) -> None:
    assert set(house.socket(house.address).servers("pop")) == {"n1", "n2"}


def test_a_command_that_haproxy_does_not_know_is_an_error_with_its_first_line(house: House) -> None:
    with pytest.raises(UnreachableError) as raised:
        house.socket().act("set nonsense")
    assert "Unknown command" in str(raised.value) or "'set' only supports" in str(raised.value)
    assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match="more than one command"):
        house.socket().ask("show stat; set server pop/n1 state maint")


HALF = b"# pxname,svname,scur,status\npop,n1,0,UP\n"


@pytest.fixture(params=[b"", HALF, b"garbage\n\n", b"# pxname,svname\npop,n1\n\n", b"1\n# be_name\n\n"])
def liar(request: pytest.FixtureRequest) -> Iterator[HaproxySocket]:
    """Something that answers on HAProxy's socket, and not as HAProxy does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    asking, _ = listener.accept()
                except OSError:
                    return
                with asking:
                    asking.recv(4096)
                    asking.sendall(request.param)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield HaproxySocket(f"127.0.0.1:{listener.getsockname()[1]}", 2.0)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_an_answer_that_is_cut_off_or_no_table_is_not_believed(liar: HaproxySocket) -> None:
    traffic = HaproxyTraffic(liar, "pop", "n1", node="n1")
    assert traffic.sessions() is None
    with pytest.raises(UnreachableError):
        traffic.drain(0)


def test_a_socket_that_takes_the_question_and_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = HaproxySocket(f"127.0.0.1:{listener.getsockname()[1]}", 0.1)
        with pytest.raises(UnreachableError, match=r"within 0\.1 s"):
            silent.servers("pop")


def server(name: str, sessions: int, status: str = "UP", admin: int = 0) -> Server:
    return Server(name, sessions, status, admin, "")


@pytest.mark.parametrize(
    ("servers", "chosen"),
    [
        ([server("a", 0), server("b", 30), server("c", 30)], {"b": 10, "c": 10}),
        ([server("a", 0), server("b", 40), server("c", 20)], {"b": 20}),
        ([server("a", 20), server("b", 20)], {}),
        ([server("a", 25), server("b", 20)], {}),
        ([server("a", 0), server("b", 9, "DOWN"), server("c", 10)], {"c": 5}),
        ([server("a", 0), server("b", 9, "DRAIN", 8), server("c", 10)], {"c": 5}),
        ([server("a", 0), server("b", 9, "UP", 1)], {}),
        ([server("a", 0)], {}),
        ([server("b", 5)], {}),
    ],
)
def test_the_fullest_give_first_and_nobody_below_the_share(
    servers: list[Server], chosen: dict[str, int]
) -> None:
    assert givers({item.name: item for item in servers}, "a") == chosen
