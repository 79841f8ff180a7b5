"""An operator steers a running lab train from the console, in a real browser, by a link that a terminal made."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.house.running import TIMES, Running, eventually, setting
from tests.pages.browser import opened

from wavetrain.agent.update import Step
from wavetrain.cli.lab_house import LabHouse
from wavetrain.model.rollout import Status

pytestmark = pytest.mark.lab

LONG_MS = 60_000.0
SLOW = TIMES.__class__(
    drain_spread_ms=150, drain_timeout_s=3.0, probe_timeout_s=5.0, invite_spread_ms=150, stop_grace_s=0.4
)
"""Sites that stay put hold each node for three seconds, so that a person has time to read."""


def test_an_operator_pauses_and_resumes_a_running_train_and_sees_it(browser: Browser, tmp_path: Path) -> None:
    with LabHouse(tmp_path, setting(nodes=4, sites=4, stubborn=8, times=SLOW)) as house:
        running = Running(house)
        link = house.desk["operator"].post("/v1/logins", {"next": ""})["path"]
        with opened(browser, house.url + link, is_lax=False) as page:
            page.click("main button")
            page.wait_for_url("**/console")
            expect(page.locator("#now")).to_contain_text("Nothing is under way")
            rollout = house.submit("2.0.0")
            page.click(f"text={'gateway 2.0.0'}", timeout=LONG_MS)
            page.wait_for_url(f"**/console/rollouts/{rollout}")
            eventually("a node is on its way", lambda: running.nodes_in(Step.DRAIN, Step.SWITCH, Step.VERIFY))
            page.click("#deeds >> text=Pause")
            expect(page.locator("main li").first).to_contain_text("come to their end")
            page.fill("#reason", "looked at from the console")
            page.click("main button")
            page.wait_for_url(f"**/console/rollouts/{rollout}")
            expect(page.locator("#now .state")).to_have_text("paused")
            assert running.rollout(rollout)["status"] == Status.PAUSED
            eventually("what was on its way is done", lambda: not running.nodes_in(*Step))
            page.click("#deeds >> text=Resume")
            page.fill("#reason", "it was nothing")
            page.click("main button")
            page.wait_for_url(f"**/console/rollouts/{rollout}")
            expect(page.locator("#now .state")).to_have_text("completed", timeout=LONG_MS)
            expect(page.locator("#deeds")).to_contain_text("It is over")
        said = [(line["who"], line["text"]) for line in running.journal(rollout, "rollout")]
        assert ("lab-operator", "rolling -> paused: looked at from the console") in said
        assert ("lab-operator", "paused -> rolling: it was nothing") in said
        running.assert_nothing_was_cut()
