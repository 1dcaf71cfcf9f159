"""Packets of calls, recorded: what tshark reads of the files, what bounds them, who sees it."""

import asyncio
import json
import os
import re
import signal
import urllib.error
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callengine.engine.captures.recording import STOPPING_S
from tests.callengine.engine.forked import owner_of
from tests.peers.engine import WITH_EXTENSION, Engine
from tests.peers.phone import Phone
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection
from tests.wire.operator import Operator
from tests.wire.recorded import begin, fields, files, grows, settled, shows, tshark
from tests.wire.relayed import Talk, is_passed, talking

CONFIGURATION = configuration(
    connection("alice", inbound=["PCMU"]),
    connection("bob", inbound=["PCMU"]),
    connection("gina", inbound=["G722"]),
)
ENVIRONMENT = WITH_EXTENSION
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
IS_ON = re.compile(r'id="call-recording"')


async def ask_for_the_next_call_of(admin: Operator, name: str, *, by: str) -> None:
    page = await asyncio.to_thread(admin.get, "/connections/")
    match = re.search(rf'href="/connections/(\d+)/[^"]*"[^>]*>\s*(?:<[^>]*>\s*)*{name}', page)
    assert match, page
    code, page = await asyncio.to_thread(
        admin.post, f"/connections/{match[1]}/capture/", minutes="5", megabytes="5"
    )
    assert code == 200
    assert f"Packets of the next call are recorded (without payload), as {by} has asked" in page


async def test_a_call_from_its_first_message_on_as_tshark_reads_it(engine: Engine) -> None:
    admin = Operator(engine, role="ADMIN", user="ada")
    await ask_for_the_next_call_of(admin, "Alice", by="ada")
    async with registered(engine, "alice") as alice, caller(engine, "bob") as phone:
        phone.rtp.loses_every = 10
        offer = phone.sdp(["PCMU"]) + f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
        talk = await converse(engine, phone, alice, offer=offer)
        path = await admin.live_call()
        await shows(admin, path, "ada records its packets</span>")
        await admin.reads(path, "ada records packets of this call (RTP without audio)")
        await talk.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=2.0)
        await talk.end()
    assert "The call ended." in await settled(admin, path)
    (file,) = files(engine)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    dialogs_are_complete(file, engine)
    for secret in (KEY, PASSWORD):
        assert secret.encode() not in file.read_bytes()
    streams_are_there_without_what_is_said(file, caller=phone, callee=alice)
    percent = loss_of(phone, file)
    page = json.loads(await asyncio.to_thread(admin.get, f"{path}quality/"))
    assert abs(page["A"]["summary"]["loss_percent"]["average"] - percent) < 4
    assert fields(file, "rtcp", "rtcp.pt")

    code, _ = await asyncio.to_thread(admin.post, f"/captures/{file.stem}/delete/")
    assert code == 200
    assert not files(engine)


def dialogs_are_complete(file: Path, engine: Engine) -> None:
    """Insist on all of SIP on both legs, with true addresses and directions."""
    steps: dict[str, list[str]] = {}
    for leg, direction, method, status, source in fields(
        file, "sip", "frame.comment", "frame.packet_flags_direction", "sip.Method",
        "sip.Status-Code", "udp.srcport",
    ):  # fmt: skip
        way = {"1": ">", "2": "<"}[direction[-1]]
        steps.setdefault(leg.partition(",")[0], []).append(f"{way} {method or status}")
        assert (source == str(engine.port)) == (way == "<")
    assert steps["leg A"] == [
        "> INVITE", "< 401", "> ACK", "> INVITE", "< 100", "< 180", "< 200", "> ACK",
        "> BYE", "< 200",
    ]  # fmt: skip
    assert [s for s in steps["leg B"] if s != "> 100"] == [
        "< INVITE", "> 180", "> 200", "< ACK", "< BYE", "> 200",
    ]  # fmt: skip


def streams_are_there_without_what_is_said(file: Path, *, caller: Phone, callee: Phone) -> None:
    """Insist on four streams of RTP, each packet with its header alone and its true length."""
    ports = {caller.rtp.port: "A", callee.rtp.port: "B"}
    streams = Counter[tuple[str, str]]()
    for source, target, length, kept in fields(
        file, "rtp", "udp.srcport", "udp.dstport", "udp.length", "frame.cap_len"
    ):
        leg = ports.get(int(source)) or ports[int(target)]
        streams[leg, "in" if int(source) in ports else "out"] += 1
        assert (int(length), int(kept)) == (8 + 12 + 160, 20 + 8 + 12)
    assert set(streams) == {("A", "in"), ("A", "out"), ("B", "in"), ("B", "out")}
    assert min(streams.values()) > 60


def loss_of(phone: Phone, file: Path) -> float:
    """Return how many percent a phone lost on the way, as tshark finds it, which must be true."""
    told = "\n".join(line for (line,) in tshark(file, "-q", "-z", "rtp,streams"))
    heard = re.search(rf" {phone.rtp.port} .*? (\d+) +(\d+) \(", told)
    assert heard, told
    # One that is lost last is missed by nobody.
    assert phone.rtp.lost - 1 <= int(heard[2]) <= phone.rtp.lost
    return 100 * int(heard[2]) / (int(heard[1]) + int(heard[2]))


async def test_two_at_once_one_with_what_is_said(engine: Engine) -> None:
    admin = Operator(engine, role="ADMIN", user="aya")
    viewer = Operator(engine, role="OPERATOR", user="otto")
    async with (
        registered(engine, "alice") as alice,
        registered(engine, "bob") as bob,
        caller(engine) as one,
        caller(engine) as two,
    ):
        first = await converse(engine, one, alice, offer=["PCMU"])
        path_one = await admin.live_call()
        code, _ = await asyncio.to_thread(viewer.post, f"{path_one}captures/", minutes="1")
        assert code == 403
        second = await converse(engine, two, bob, offer=["PCMU"])
        path_two = await page_of(engine, second)
        assert path_two != path_one
        await begin(admin, path_one)
        plain = await grows(engine)
        await begin(admin, path_two, whole="on")
        await until(lambda: len(files(engine)) == 2, "there is no second file")
        (whole,) = set(files(engine)) - {plain}
        await grows(engine, whole)
        await asyncio.gather(
            first.hears_both_ways(codec_a="PCMU", codec_b="PCMU"),
            second.hears_both_ways(codec_a="PCMU", codec_b="PCMU"),
        )
        await shows(viewer, path_two, "aya records its packets, with what is said</span>")
        with stood_still(first):
            code, _ = await asyncio.to_thread(admin.post, f"/captures/{plain.stem}/stop/")
            assert code == 200
            # Longer than a process may take at least to say how much it has recorded.
            await asyncio.sleep(2 * STOPPING_S)
        card = await settled(admin, path_one)
        assert "It was stopped." in card
        assert f"{len(tshark(plain))} packets<" in card
        assert not IS_ON.search(await asyncio.to_thread(viewer.get, path_one))
        await asyncio.gather(first.end(), second.end())
    await settled(admin, path_two)
    assert set(payloads(plain, one)) == {"<MISSING>"}
    heard = payloads(whole, two)
    assert {len(payload) for payload in heard} == {2 * 160}
    assert len(set(heard)) > 3
    assert not fields(plain, f"udp.port == {two.rtp.port}", "udp.port")
    assert [may_have(person, whole) for person in (viewer, admin)] == [False, True]
    for file in files(engine):
        await asyncio.to_thread(admin.post, f"/captures/{file.stem}/delete/")


async def test_packets_that_are_passed_on_undecoded_are_there_too(engine: Engine) -> None:
    admin = Operator(engine, role="ADMIN", user="abe")
    async with registered(engine, "gina") as gina, caller(engine) as phone:
        call = await converse(engine, phone, gina, offer=["G722"])
        path = await admin.live_call()
        await begin(admin, path, whole="on")
        file = await grows(engine)
        a, b = Talk(call.a, 9), Talk(call.b, 9)
        async with talking(a, b):
            await a.is_heard(gina.rtp.packets, passed=True)
        heard = [packet.payload.hex() for packet in gina.rtp.packets if is_passed(packet)]
        await call.end()
    await settled(admin, path)
    sent = [p for (p,) in fields(file, f"rtp && udp.dstport == {gina.rtp.port}", "rtp.payload")]
    assert heard
    assert set(heard) <= set(sent)
    assert len([payload for payload in sent if payload in heard]) >= len(heard)
    await asyncio.to_thread(admin.post, f"/captures/{file.stem}/delete/")


async def test_a_killed_process_leaves_one_that_can_be_read(
    engine: Engine,
) -> None:
    admin = Operator(engine, role="ADMIN", user="amy")
    async with registered(engine, "alice") as alice, caller(engine) as phone:
        talk = await converse(engine, phone, alice, offer=["PCMU"])
        path = await admin.live_call()
        await begin(admin, path, whole="on")
        file = await grows(engine)
        asked = re.search(r"at most ([^<]*)</span>", await asyncio.to_thread(admin.get, path))
        assert asked
        assert asked[1] == "5 min, 5 MB"
        talking = asyncio.create_task(talk.a.audio(send_hz=600, codec="PCMU", seconds=1.0))
        await grows(engine, file, beyond=30_000)
        os.kill(owner_of(talk.a.rtp_target[1]), signal.SIGKILL)
        await asyncio.wait_for(talk.b.ended.wait(), 20)
        await asyncio.gather(talking, return_exceptions=True)
        await engine.record(talk.a.call_id)
    assert "The call ended." in await settled(admin, path)
    assert len(fields(file, "rtp", "rtp.seq")) > 40
    # The edge, which said BYE in its place, has written that.
    assert ["BYE"] in fields(file, "sip.Method", "sip.Method")
    assert not tshark(file, "-Y", "_ws.malformed && !rtp")
    await asyncio.to_thread(admin.post, f"/captures/{file.stem}/delete/")


async def page_of(engine: Engine, call: Conversation) -> str:
    """Return the path of a call's page once the call is on the record."""
    async with asyncio.timeout(30):
        while True:
            for record in await asyncio.to_thread(engine.calls):
                if record["legs"] and record["legs"][0]["call_id"] == call.a.call_id:
                    return f"/calls/{record['id']}/"
            await asyncio.sleep(0.1)


@contextmanager
def stood_still(call: Conversation) -> Iterator[None]:
    """Keep a call's process from running, as a busy machine does."""
    process = owner_of(call.a.rtp_target[1])
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def payloads(file: Path, phone: Phone) -> list[str]:
    """Return the payload of each packet of RTP that a phone sent, in hexadecimal digits."""
    return [
        one for (one,) in fields(file, f"rtp && udp.srcport == {phone.rtp.port}", "rtp.payload")
    ]


def may_have(person: Operator, file: Path) -> bool:
    """Tell whether somebody is given a file; what is given must be the file."""
    try:
        return person.bytes(f"/captures/{file.stem}/file/") == file.read_bytes()
    except urllib.error.HTTPError:
        return False
