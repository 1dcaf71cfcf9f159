"""A voice agent called from the browser, and one that is listened to, in a real Chromium."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from callengine.core.sounds import PCM
from callengine.engine.moves.transfers import REST_S
from tests.browser.phoning import (
    browser,
    call,
    hang_up,
    known,
    measured,
    open_page,
    phone_page,
    ready,
    record_of,
    state_is,
    talking,
    up,
)
from tests.browser.scene import MARKS, Open, insist_on_clean
from tests.browser.sounding import MICROPHONE_HZ, insist_on_tone
from tests.peers.dialogs import IncomingCall
from tests.peers.engine import Engine
from tests.peers.programs import Program
from tests.peers.voiceagent import sounds
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.wire.agents import (
    FORMATS,
    KEY,
    agent,
    carrier,
    conversation_of,
    digits_of,
    eventually,
    peer,
)
from tests.wire.conversation import CALLEE_HZ, CALLER_HZ, caller, registered
from tests.wire.directory import configuration, connection, trunk
from tests.wire.operator import Operator

__all__ = ["browser", "carrier", "known", "open_page", "peer"]

pytestmark = MARKS
AGENT_HZ = 740
PERSON_HZ = 950
WITHIN_HZ = 6
RINGBACK_HZ = 425
NUMBER = "+12025550177"


@pytest.fixture(scope="module")
def engine(peer: VoiceAgentPeer, carrier: Program) -> Iterator[Engine]:
    speaks = peer.url(tone=AGENT_HZ)
    agents = [agent(f"says {one[6:]}", speaks, one, one) for one in FORMATS]
    agents += [
        {"name": "carrier", "dialect": "twilio", "url": carrier.url("/ws")},
        agent("support", peer.url(), "audio/pcmu", "audio/pcm"),
        agent("lost", "ws://127.0.0.1:9/", "audio/pcm", "audio/pcm", fallback="connection:bob"),
    ]
    made = configuration(
        connection("bob", inbound=["G722"]),
        trunks=[trunk("carrier", gateway="sip:127.0.0.1:9")],
        numbers={NUMBER: "agent:support"},
        routes={"+44": ["carrier"]},
    )
    with Engine({**made, "agents": agents}) as running:
        yield running


async def reaches(peer: VoiceAgentPeer, name: str, hz: float, encoding: str) -> None:
    """Insist that the newest words of an agent's caller are a tone, sooner or later."""

    def is_heard() -> bool:
        conversation = conversation_of(peer, name)
        last = b"".join(audio for _, audio in peer.heard(conversation["call"])[-25:])
        return len(last) >= sounds.size_of(encoding, 480) and (
            abs(sounds.pitch(encoding, last)[0] - hz) <= WITHIN_HZ
        )

    await eventually(is_heard, f"the agent does not hear {hz} Hz")


async def insist_on_silence(page: Page) -> None:
    await page.wait_for_function("() => window.played(0).db < -70", polling=100)


@pytest.mark.parametrize("encoding", FORMATS)
async def test_an_agent_is_talked_to_in_the_browser(
    engine: Engine, peer: VoiceAgentPeer, open_page: Open, encoding: str
) -> None:
    name = f"says {encoding[6:]}"
    page = await phone_page(open_page)
    await call(page, name)
    await state_is(page, "Talking")
    await expect(page.locator("#phone-who")).to_have_text(f"{name} (voice agent)")
    await insist_on_tone(page, AGENT_HZ)
    await reaches(peer, name, MICROPHONE_HZ, encoding)
    record = await hang_up(engine, page)
    assert (record["source"], record["destination"]) == ("browser:admin", f"agent:{name}")
    assert record["termination"]["reason"] == "caller-hung-up"
    leg = record["legs"][0]
    assert (leg["codec"], leg["remote"], leg["call_id"]) == (None, PCM, "")
    await eventually(lambda: conversation_of(peer, name)["is_ended"], "it hears of no end")
    log = await asyncio.to_thread(conversation_of, peer, name)
    assert log["violations"] == []


async def test_its_page_leads_to_it_and_the_calls_page_shows_all(
    engine: Engine, peer: VoiceAgentPeer, open_page: Open
) -> None:
    page = await open_page("/agents/")
    await page.get_by_role("link", name="support", exact=True).first.click()
    await page.get_by_role("link", name="Call it from this browser").click()
    await measured(page)
    await expect(page.get_by_role("combobox", name="To", exact=True)).to_have_value(
        "support (voice agent)"
    )
    await ready(page)
    await page.get_by_role("button", name="Call", exact=True).click()
    await state_is(page, "Talking")
    link = await page.locator("#phone-link").get_attribute("href")
    told = await open_page(link)
    await expect(told.locator("#call-legs")).to_contain_text("A browser: PCM 16 kHz")
    agents = told.locator("#agent-B")
    await expect(agents).to_contain_text("resampled 16 → 8 kHz")
    await expect(agents).to_contain_text("resampled 24 → 16 kHz")
    await asyncio.to_thread(peer.do, "say", hz=AGENT_HZ, ms=60_000)
    await insist_on_tone(page, AGENT_HZ)
    await asyncio.to_thread(peer.do, "interrupt")
    await insist_on_silence(page)
    await asyncio.to_thread(peer.do, "user", text="where is my parcel")
    await told.locator("#conversation-tab").click()
    await expect(told.locator("#conversation")).to_contain_text("where is my parcel")
    await asyncio.to_thread(peer.do, "tool", name="end_call", arguments="{}")
    await state_is(page, "Ended")
    record = await record_of(engine, page)
    assert record["termination"]["reason"] == "agent-ended"
    await expect(page.locator("#phone-said")).to_contain_text("hung up")
    await insist_on_clean(told, 1280)


async def test_keys_reach_an_agent_and_its_own_end_is_the_calls(
    engine: Engine, carrier: Program, open_page: Open
) -> None:
    page = await phone_page(open_page)
    await call(page, "agent:carrier")
    await state_is(page, "Talking")
    await insist_on_tone(page, MICROPHONE_HZ)  # it says again what it hears
    await page.locator("#phone-keys summary").click()
    await page.get_by_role("button", name="2", exact=True).click()
    await page.keyboard.press("3")
    await page.keyboard.press("#")
    assert await digits_of(carrier, 3) == "23#"
    await page.keyboard.press("5")  # it closes
    await state_is(page, "Ended")
    record = await record_of(engine, page)
    assert record["termination"]["by"] == "callee"


async def talks_to_bob(page: Page, incoming: IncomingCall) -> None:
    """Insist that bob's phone and the page hear each other."""
    for _ in range(8):
        heard = await incoming.audio(send_hz=PERSON_HZ, codec="G722", seconds=1.6)
        if heard.near(MICROPHONE_HZ):
            break
    assert heard.near(MICROPHONE_HZ), heard
    async with incoming.sounding(send_hz=PERSON_HZ, codec="G722"):
        await insist_on_tone(page, PERSON_HZ)


async def test_the_fallback_of_an_agent_that_cannot_be_had_takes_the_call(
    engine: Engine, open_page: Open
) -> None:
    page = await phone_page(open_page)
    async with registered(engine, "bob") as bob:
        incoming = await talking(page, "agent:lost", bob, "G722")
        await talks_to_bob(page, incoming)
        await hang_up(engine, page)
        await asyncio.wait_for(incoming.ended.wait(), 15)


async def test_the_fallback_of_an_agent_that_is_lost_in_mid_call_rings_and_takes_the_browser(
    engine: Engine, open_page: Open
) -> None:
    page = await phone_page(open_page)
    async with registered(engine, "bob") as bob:
        with VoiceAgentPeer(KEY) as mortal:
            speaks = mortal.url(tone=AGENT_HZ)
            gone = agent("gone", speaks, "audio/pcm", "audio/pcm", fallback="connection:bob")
            await asyncio.to_thread(engine.provision, {"agents": [gone]})
            await call(page, "gone")
            await state_is(page, "Talking")
            await insist_on_tone(page, AGENT_HZ)
        # Three more websockets are tried meanwhile, after 1, 2 and 4 s.
        incoming = await bob.wait_call(60)
        await incoming.ring()
        await state_is(page, "It rings")
        await incoming.answer_in("G722")
        await state_is(page, "Talking")
        await talks_to_bob(page, incoming)
        record = await hang_up(engine, page)
        await asyncio.wait_for(incoming.ended.wait(), 15)
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]
    assert record["taken_by"] == "connection:bob"
    (note,) = [one["text"] for one in engine.events(record["id"]) if one["kind"] == "fallback"]
    assert "The connection to the agent gone was lost and could not be made anew" in note


async def test_an_agent_hands_a_browser_on_to_a_person_and_none_outside(
    engine: Engine, peer: VoiceAgentPeer, open_page: Open
) -> None:
    page = await phone_page(open_page)
    async with registered(engine, "bob") as bob:
        await call(page, NUMBER)
        await state_is(page, "Talking")
        outside = '{"target": "+442079460018"}'
        await asyncio.to_thread(peer.do, "tool", name="transfer_call", arguments=outside)

        def is_refused() -> bool:
            results = conversation_of(peer, "support")["results"]
            return any("calls inside only" in str(one) for one in results)

        await eventually(is_refused, "the agent is told nothing")
        await asyncio.sleep(REST_S)
        inside = '{"target": "bob"}'
        await asyncio.to_thread(peer.do, "tool", name="transfer_call", arguments=inside)
        incoming = await bob.wait_call()
        await incoming.ring()
        await insist_on_tone(page, RINGBACK_HZ)  # of the agent, which says nothing
        await incoming.answer_in("G722")
        await talks_to_bob(page, incoming)
        record = await hang_up(engine, page)
        await asyncio.wait_for(incoming.ended.wait(), 15)
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]


async def test_a_browser_that_talks_to_a_person_is_handed_to_an_agent(
    engine: Engine, peer: VoiceAgentPeer, open_page: Open
) -> None:
    page = await phone_page(open_page)
    operator = await asyncio.to_thread(Operator, engine)
    async with registered(engine, "bob") as bob:
        incoming = await talking(page, "bob", bob, "G722")
        await talks_to_bob(page, incoming)
        await operator.transfer(NUMBER)
        await asyncio.wait_for(incoming.ended.wait(), 30)
    await asyncio.to_thread(peer.do, "say", hz=AGENT_HZ, ms=60_000)
    await insist_on_tone(page, AGENT_HZ)
    await reaches(peer, "support", MICROPHONE_HZ, "audio/pcmu")
    record = await hang_up(engine, page)
    assert "bridge-failed" not in {event["kind"] for event in engine.events(record["id"])}


async def test_somebody_listens_to_an_agent_and_then_to_whom_it_hands_on(
    engine: Engine, peer: VoiceAgentPeer, open_page: Open
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        a = await phone.invite(NUMBER, phone.sdp(["PCMU"]))
        await a.answered()
        (key,) = await up(engine)
        page = await open_page(f"/calls/{key}/")
        await measured(page)
        async with a.sounding(send_hz=CALLER_HZ, codec="PCMU"):
            await asyncio.to_thread(peer.do, "say", hz=AGENT_HZ, ms=60_000)
            await page.get_by_role("button", name="Listen").click()
            await insist_on_tone(page, CALLER_HZ, ear=0)
            await insist_on_tone(page, AGENT_HZ, ear=1)
            told = page.locator("#listeners")
            await expect(told).to_have_text("admin is listening in the browser.")
            inside = '{"target": "bob"}'
            await asyncio.to_thread(peer.do, "tool", name="transfer_call", arguments=inside)
            b = await bob.wait_call()
            await b.answer_in("G722")
            async with b.sounding(send_hz=CALLEE_HZ, codec="G722"):
                await insist_on_tone(page, CALLER_HZ, ear=0)
                await insist_on_tone(page, CALLEE_HZ, ear=1)
            await page.get_by_role("button", name="Stop listening").click()
            await expect(told).to_have_text("")
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)


async def test_who_calls_an_agent_in_the_browser_is_listened_to(
    engine: Engine, peer: VoiceAgentPeer, open_page: Open
) -> None:
    page = await phone_page(open_page)
    await call(page, "agent:says pcm")
    await state_is(page, "Talking")
    link = await page.locator("#phone-link").get_attribute("href")
    listener = await open_page(link)
    await measured(listener)
    await listener.get_by_role("button", name="Listen").click()
    await insist_on_tone(listener, MICROPHONE_HZ, ear=0)
    await insist_on_tone(listener, AGENT_HZ, ear=1)
    await insist_on_tone(page, AGENT_HZ)
    await hang_up(engine, page)
    await expect(listener.locator("#listen-said")).to_have_text("The call is over.")
