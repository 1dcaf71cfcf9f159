"""A call's ladder: both legs' messages in order, with their codecs, and no secret in them."""

import asyncio
import dataclasses
import json
import socket
from typing import Any

from playwright.async_api import async_playwright, expect

from tests.browser.chromium import ARGUMENTS
from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    connection("alice", inbound=["G722", "PCMU"]),
    connection("bob", outbound=["OPUS", "PCMU"]),
    connection("strict", inbound=["G722"], force=True),
)
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
MARKUP = "<script>document.title='owned'</script><img src=x onerror='alert(1)'>"
SUPERUSER = f"""
from django.contrib.auth.models import User
User.objects.create_superuser("watcher", password={PASSWORD!r})
"""
READ = """
import json
from callengine.record import reading
from callengine.models import Call
call = Call.objects.get(pk={call!r})
for message in reading.ladder(call):
    print(json.dumps(message))
print(json.dumps({{"columns": [call.codec_a, call.codec_b, call.talk_s],
                  "histories": reading.histories(call)}}))
"""
Message = dict[str, Any]


async def ladder(
    engine: Engine, call: str, *, last: str, times: int = 1
) -> tuple[list[Message], Message]:
    """Return what is stored once so many messages of leg A, sent anew or not, are `last`.

    Messages are written in batches: the last a moment after the call's own end.
    """
    deadline = asyncio.get_running_loop().time() + 30.0
    script = READ.format(call=call)
    while True:
        text = await asyncio.to_thread(engine.shell, script)
        *messages, facts = (json.loads(line) for line in text.splitlines() if line[:1] == "{")
        if steps(messages, "A").count(last) >= times:
            return messages, facts
        assert asyncio.get_running_loop().time() < deadline, steps(messages, "A")
        await asyncio.sleep(0.1)


def steps(messages: list[Message], leg: str) -> list[str]:
    """Return `> INVITE` for a message to us, `< 100` for one from us, repeats left out."""
    return [
        f"{'>' if message['direction'] == 'in' else '<'} {message['summary'].split(' ')[0]}"
        for message in messages
        if message["leg"] == leg and not message["retransmission"]
    ]


async def test_a_ladder_holds_both_legs_in_order_with_codecs_and_without_secrets(
    engine: Engine,
) -> None:
    async with registered(engine, "alice") as alice, registered(engine, "bob") as bob:
        crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
        offer = bob.sdp(["PCMA", "PCMU", "OPUS"]) + crypto
        talk = await converse(engine, bob, alice, offer=offer)
        await talk.hears_both_ways(codec_a="OPUS", codec_b="G722")
        record = await talk.end()
    messages, facts = await ladder(engine, record["id"], last="< 200", times=2)
    assert [m["number"] for m in messages] == list(range(1, len(messages) + 1))
    assert [m["at"] for m in messages] == sorted(m["at"] for m in messages)
    assert steps(messages, "A") == [
        "> INVITE", "< 401", "> ACK", "> INVITE", "< 100", "< 180", "< 200", "> ACK",
        "> BYE", "< 200",
    ]  # fmt: skip
    b = [step for step in steps(messages, "B") if step != "> 100"]
    assert b == ["< INVITE", "> 180", "> 200", "< ACK", "< BYE", "> 200"]
    invite, offered = messages[0], next(m for m in messages if m["leg"] == "B")
    assert invite["codecs"] == ["PCMA", "PCMU", "OPUS"]
    assert invite["peer"].startswith("udp:127.0.0.1:")
    assert offered["codecs"] == ["G722", "PCMU"]
    assert messages.index(offered) > steps(messages, "A").index("< 100")
    text = json.dumps(messages)
    assert "Digest username=" in text
    assert "realm=" in text
    assert KEY not in text
    assert PASSWORD not in text
    for secret in ("nonce", "response", "opaque", "cnonce"):
        assert f"{secret}=***" in text or f"{secret}=" not in text
    assert facts["columns"][:2] == ["OPUS", "G722"]
    assert facts["columns"][2] >= 1
    assert set(facts["histories"]) == {"A", "B"}
    for history in facts["histories"].values():
        assert 1 <= len(history["t"]) == len(history["mos"]) == len(history["jitter_ms"])
        assert history["summary"]["mos"]["worst"] <= history["summary"]["mos"]["best"]


async def test_a_declined_call_shows_why_on_its_ladder(engine: Engine) -> None:
    async with registered(engine, "strict"), caller(engine) as phone:
        call = await phone.invite("strict", phone.sdp(["OPUS"]))
        assert (await call.wait_final()).code == 488
        record = await engine.record(call.call_id)
    messages, facts = await ladder(engine, record["id"], last="< 488")
    assert steps(messages, "A")[:3] == ["> INVITE", "< 100", "< 488"]
    assert not steps(messages, "B")
    assert facts["columns"] == ["", "", None]


async def test_what_is_sent_again_is_known_for_it(engine: Engine) -> None:
    async with registered(engine, "alice") as alice, caller(engine) as phone:
        call = await phone.invite("alice", phone.sdp(["PCMU"]))
        rung = await alice.wait_call()
        await rung.ring()
        await call.wait_provisional(180)
        invite = next(data for _, data in phone.transport.log if data.startswith(b"INVITE"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.sendto(invite, engine.server)
        await until(
            lambda: sum(" 180 " in text for text in phone.received()) >= 2,
            "the 180 did not come again",
        )
        await call.cancel()
        await call.wait_final()
        record = await engine.record(call.call_id)
    messages, _ = await ladder(engine, record["id"], last="< 487")
    again = [m["summary"].split(" ")[0] for m in messages if m["retransmission"]]
    assert again[:2] == ["INVITE", "180"]


async def test_markup_over_the_wire_is_text_on_the_live_ladder(engine: Engine) -> None:
    await asyncio.to_thread(engine.shell, SUPERUSER)
    async with (
        registered(engine, "alice") as alice,
        caller(engine) as phone,
        async_playwright() as playwright,
    ):
        phone.user_agent = MARKUP
        call = await phone.invite("alice", phone.sdp(["PCMU"]), headers={"Subject": MARKUP})
        call.local = dataclasses.replace(call.local, name=MARKUP)
        rung = await alice.wait_call()
        await rung.ring()
        await call.wait_provisional(180)
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=ARGUMENTS
        )
        page = await browser.new_page(base_url=f"http://{engine.host}:{engine.http_port}")
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        await page.goto("/calls/")
        await page.get_by_label("User name").fill("watcher")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.locator("#live-calls a").first.click()
        await page.locator("#live-state[data-state=open]").wait_for()
        await page.get_by_role("link", name="SIP ladder").click()
        arrows = page.locator("#ladder > li")
        await expect(arrows.filter(has_text="caller to us: INVITE")).to_have_count(1)

        await rung.answer_in("PCMU")
        await call.answered()
        await expect(arrows.filter(has_text="callee B to us: 200 OK, with PCMU")).to_have_count(1)
        await page.locator("#message-1 summary").click()
        await expect(page.locator("#message-1 pre")).to_contain_text(f"Subject: {MARKUP}")
        await call.hang_up()
        await expect(page.locator("#call-end")).to_contain_text("Ended by the caller")
        await expect(arrows.filter(has_text="caller to us: BYE")).to_have_count(1)
        await expect(page.locator("#message-1 pre")).to_contain_text(f'From: "{MARKUP}" <sip:')

        await page.goto(page.url)
        assert await page.locator("#main :is(script, img)").count() == 0
        await expect(page.locator("#message-1 pre")).to_contain_text(MARKUP)
        assert await page.title() != "owned"
        assert dialogs == []
        await browser.close()
