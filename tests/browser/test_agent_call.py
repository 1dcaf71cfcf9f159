"""A call to a voice agent in a real Chromium: it comes to life while somebody looks on."""

import re

from playwright.sync_api import expect

from tests.browser.chromium import LiveServer
from tests.browser.windows import NewPage, browser, cookies, server, visit
from tests.dashboard.live import agentcalls, demo

__all__ = ["browser", "cookies", "server", "visit"]


def test_figures_and_words_come_as_they_are_told(server: LiveServer, visit: NewPage) -> None:
    call = server.do("agent call")
    page = visit(f"/calls/{call['id']}/")
    figures = page.locator("#agent-B .agent-figures")
    expect(figures).to_contain_text("1240 ms")
    server.do("agents", call=call["id"], agents=[agentcalls.session(queue_ms=20, barge_ins=3)])
    expect(figures).to_contain_text("20 ms")
    expect(figures).to_contain_text("3")
    expect(page.locator("#agent-change-summary")).to_be_visible()
    page.locator("#conversation-tab").click()
    grows = agentcalls.line(7, "caller", "Thank", is_final=False)
    server.do("spoken", call=call["id"], lines=[grows])
    last = page.locator("#spoken-7")
    expect(last).to_contain_text("Thank …")
    server.do("spoken", call=call["id"], lines=[{**grows, "text": "Thanks!", "is_final": True}])
    expect(last).to_contain_text("Thanks!")
    expect(last).not_to_have_class(re.compile("spoken-open"))
    expect(page.locator("#conversation li")).to_have_count(7)


def test_a_call_that_is_transferred_to_an_agent_shows_it(
    server: LiveServer, visit: NewPage
) -> None:
    plain = demo.call()
    server.do("store", call=plain)
    page = visit(f"/calls/{plain['id']}/")
    for place in ("#conversation-tab", "#agent-change-summary"):
        expect(page.locator(place)).to_be_hidden()
    agent = {**agentcalls.legs()[1], "name": "B2"}
    with_agent = {
        **plain,
        "destination": "agent:support",
        "legs": [*plain["legs"], agent],
        "agents": [agentcalls.session(leg="B2")],
    }
    server.do("publish", call=with_agent)
    expect(page.locator("#agent-B2")).to_contain_text("Ready")
    for place in ("#conversation-tab", "#agent-change-summary"):
        expect(page.locator(place)).to_be_visible()


def test_settings_are_changed_in_place_and_refused_in_place(
    server: LiveServer, visit: NewPage
) -> None:
    call = server.do("agent call")
    page = visit(f"/calls/{call['id']}/")
    page.locator("#agent-change-summary").click()
    page.locator("#agent-change-button").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    page.get_by_label("Volume").fill("40")
    page.locator("#agent-change-button").click()
    expect(page.locator("#agent-change [role=status]")).to_contain_text("The agent is told: volume")
    told_all = server.do("commands")
    sent = [told for told in told_all if told["call"] == call["id"] and "settings" in told]
    assert [(told["leg"], told["settings"]) for told in sent] == [("B", '{"volume": 40}')]
