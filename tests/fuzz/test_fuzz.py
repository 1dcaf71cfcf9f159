"""Odd requests, responses and descriptions against a whole engine, call processes and all.

VOIPNUMBER_FUZZ_SECONDS sets how long (60), VOIPNUMBER_FUZZ_SEED repeats a run: it is printed, and
each of the lines of traffic beside one another has its own from it.
"""

import asyncio
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from callengine.edge.messages.received import Received
from tests.callengine.edge.fakes import SDP, reply_as
from tests.fuzz.actors import BUSY, Actor, Dialog, asked_dialog, good_user, new_dialog
from tests.fuzz.loop import LoopWatch
from tests.fuzz.mutations import CRYPTO, KEY, answerable, mutated, noisy
from tests.peers.engine import Engine
from tests.wire.directory import Entry, configuration, trunk

SECONDS = float(os.environ.get("VOIPNUMBER_FUZZ_SECONDS", "60"))
SEED = os.environ.get("VOIPNUMBER_FUZZ_SEED", "fae08c89")
"""The same in every run, so that what is refused for it was made by what changed; `new` is one
that nobody has tried."""
if SEED == "new":
    SEED = secrets.token_hex(4)
LINES = range(1, 4)
"Callers and callees beside one another, each with addresses of its own."
REQUEST_S = 20.0
"Within which a request other than INVITE is answered; timer F is 32 s."
INVITE_S = 20.0
CALLEE_S = 1.5
"How long a caller's INVITE may take to the callee; then it was refused, or is."
LONGEST_S = 0.15
"Beside other tests; bench.standing holds 50 ms where nothing else runs."

METHODS_IN_DIALOG = (
    "INFO", "UPDATE", "INVITE", "PRACK", "OPTIONS", "BYE", "REFER", "REFER", "NOTIFY",
)  # fmt: skip
SECURE = SDP.replace("RTP/AVP", "RTP/SAVP") + f"{CRYPTO}\r\n"
WIDE = SDP.replace("RTP/AVP 8 0", "RTP/AVP 97 98 96 9 8 0") + (
    "a=rtpmap:97 AMR-WB/16000\r\na=rtpmap:98 AMR/8000\r\na=rtpmap:96 opus/48000/2\r\n"
)
CODECS = ("AMR-WB", "AMR", "OPUS", "G722", "PCMA", "PCMU")
DESCRIPTIONS = {
    1: ("off", (SDP, WIDE)),
    2: ("allowed", (SDP, f"{SDP}{CRYPTO}\r\n", SECURE)),
    3: ("required", (SECURE,)),
}
"What is asked of the audio of a line, and what both of its ends describe."


def _trunk(name: str, line: int, **more: Any) -> Entry:
    srtp = DESCRIPTIONS[line][0]
    codecs = CODECS if line == 1 else CODECS[-2:]
    return trunk(f"{name}{line}", codecs=codecs, srtp=srtp, refer="act", **more)


CONFIGURATION = configuration(
    trunks=[
        *(_trunk("in", n, allowed=[f"127.33.{n}.1"]) for n in LINES),
        *(_trunk("out", n, gateway=f"sip:127.33.{n}.2:5060") for n in LINES),
    ],
    routes={f"+{n}": [f"out{n}"] for n in LINES},
    external_sip=False,
)


@dataclass
class Told:
    """What a run found, and what of the record can be checked."""

    complaints: list[str] = field(default_factory=list)
    blamed: dict[str, set[str]] = field(default_factory=dict)
    "Whom the record may name as having ended a call, by its Call-ID."
    counts: Counter[str] = field(default_factory=Counter)
    stories: dict[str, list[str]] = field(default_factory=dict)
    "What was sent in the scene of a call, by its Call-ID."


class Line:
    """One caller and one callee, one call after another."""

    def __init__(self, number: int, caller: Actor, callee: Actor, watch: LoopWatch, told: Told):
        self.rng = random.Random(f"{SEED}/{number}")
        self.number, self.caller, self.callee = number, caller, callee
        self.watch, self.told = watch, told
        host, port = caller.server
        self.story: list[str] = []
        self.uri = f"sip:+{number}5550100@{host}:{port}"
        self.busy = f"sip:+{number}{BUSY}@{host}:{port}"

    async def run(self, until: float) -> None:
        scenes = (self.odd_caller, self.odd_caller, self.odd_callee, self.odd_callee, self.alone)
        while time.monotonic() < until:
            self.story = []
            for actor in (self.caller, self.callee):
                actor.body = self.rng.choice(DESCRIPTIONS[self.number][1])
            await self.rng.choice(scenes)()

    def complain(self, what: str) -> None:
        """Keep a complaint with everything that its scene sent."""
        story = "\n    ".join(self.story)
        self.told.complaints.append(f"line {self.number}: {what}\n    {story}")

    def send(self, actor: Actor, text: str, *, odd: bool) -> bytes:
        data = mutated(self.rng, text) if odd else text.encode("utf-8", "surrogateescape")
        # A gateway that asks for a while without calls would be rung no more.
        while data.startswith(b"SIP/2.0 503") and b"retry-after" in data.lower():
            data = mutated(self.rng, text)
        self.watch.lately = [*self.watch.lately[-20:], repr(data)]
        who = "caller" if actor is self.caller else "callee"
        self.story.append(f"{'odd' if odd else 'good'} {who}: {data[:1000]!r}")
        self.told.counts["odd" if odd else "good"] += 1
        actor.send(data)
        return data

    async def ask(
        self, dialog: Dialog, method: str, *extra: str, odd: bool, body: str = ""
    ) -> Received | None:
        """Send a request in a dialog and see that it is answered; an INVITE's ACK follows."""
        text, branch, via = dialog.request(method, *extra, body=body)
        data = self.send(dialog.actor, text, odd=odd)
        if method == "BYE" and not answerable(data, via):
            dialog.actor.gone.add(dialog.call_id)
        final = await dialog.actor.final(branch, REQUEST_S if answerable(data, via) else 0.3)
        if final is None and answerable(data, via):
            self.complain("no final answer to the last")
        if final is not None and method == "INVITE":
            self.acknowledge(dialog, final, branch, odd=False)
        return final

    def acknowledge(self, dialog: Dialog, final: Received, branch: str, *, odd: bool) -> None:
        text, own, _ = dialog.request("ACK")
        if final.code >= 300:
            text = text.replace(own, branch).replace(
                f"To: {dialog.remote}", f"To: {final.get('to')}"
            )
        self.send(dialog.actor, text, odd=odd)

    async def alone(self) -> None:
        """Requests outside any dialog, and bytes that are none."""
        for _ in range(self.rng.randint(1, 8)):
            dialog = new_dialog(self.caller, self.uri)
            method = self.rng.choice(("OPTIONS", "REGISTER", "BYE", "CANCEL", "INFO", "MESSAGE"))
            await self.ask(dialog, method, odd=True)
            text, _, _ = dialog.request("INVITE", body=self.caller.body)
            self.caller.send(
                noisy(self.rng, noisy(self.rng, text.encode()[: self.rng.randint(1, 400)]))
            )
            self.caller.send(self.rng.randbytes(self.rng.randint(1, 300)))

    async def odd_caller(self) -> None:
        """The caller is odd at one or two places, the callee is good."""
        dialog = new_dialog(self.caller, self.uri)
        blamed = self.told.blamed.setdefault(dialog.call_id, {"caller"})
        self.told.stories[dialog.call_id] = self.story
        text, branch, via = dialog.request("INVITE", body=self.caller.body)
        data = self.send(self.caller, text, odd=self.rng.random() < 0.6)
        answering = asyncio.create_task(self.good_callee(blamed))
        final = await self.caller.final(branch, INVITE_S if answerable(data, via) else CALLEE_S)
        if final is None and answerable(data, via):
            self.complain("no final answer to the last")
        if final is None:
            # Whatever it became, its caller gives it up.
            cancel = text.replace("INVITE sip:", "CANCEL sip:", 1).replace(
                " INVITE\r\n", " CANCEL\r\n"
            )
            head = cancel.partition("\r\nContent-Type")[0]
            self.send(self.caller, f"{head}\r\nContent-Length: 0\r\n\r\n", odd=False)
        elif final.code >= 300:
            self.acknowledge(dialog, final, branch, odd=False)
        else:
            await self.talk(dialog, final, branch)
        if final is not None and final.code >= 300 and not answering.done():
            answering.cancel()
        await asyncio.wait([answering])
        invite = None if answering.cancelled() else answering.result()
        if invite is not None and final is not None and final.code < 300:
            await self.must_end(self.callee, invite.call_id, "the callee")

    async def talk(self, dialog: Dialog, final: Received, branch: str) -> None:
        # As the INVITE turned out, and is echoed. An odd Call-ID may have been another call's.
        self.caller.ended.discard(final.call_id)
        dialog.call_id, dialog.local, dialog.remote = (
            final.call_id,
            final.get("from"),
            final.get("to"),
        )
        dialog.target = final.get("contact").strip("<>") or dialog.target
        if self.rng.random() < 0.4:
            self.acknowledge(dialog, final, branch, odd=True)
        self.acknowledge(dialog, final, branch, odd=False)
        await self.in_dialog(dialog)
        if dialog.call_id not in self.caller.ended:
            await self.ask(dialog, "BYE", odd=False)

    async def in_dialog(self, dialog: Dialog) -> None:
        for _ in range(self.rng.randint(0, 4)):
            method = self.rng.choice(METHODS_IN_DIALOG)
            body = dialog.actor.body if method in ("UPDATE", "INVITE") else ""
            extra = ("RAck: 1 1 INVITE",) if method == "PRACK" else ()
            if method == "REFER":
                extra = self.refer(dialog)
            await self.ask(dialog, method, *extra, odd=True, body=body)

    def refer(self, dialog: Dialog) -> tuple[str, ...]:
        """Ask for a transfer that comes to nothing, or to be joined with the call itself."""
        theirs, ours = (party.partition("tag=")[2] for party in (dialog.remote, dialog.local))
        replaces = quote(f"{dialog.call_id};to-tag={theirs};from-tag={ours}", safe="")
        to = self.rng.choice((self.busy, f"{dialog.target}?Replaces={replaces}"))
        return f"Refer-To: <{to}>", f"Referred-By: {dialog.local.partition(';')[0]}"

    async def good_callee(self, blamed: set[str]) -> Received | None:
        invite = await self.callee.rings(CALLEE_S)
        if invite is None:
            return None
        if self.rng.random() < 0.5:
            self.send(self.callee, reply_as(invite, 180, "Ringing", tag="bt"), odd=False)
        if self.rng.random() < 0.15:
            blamed.add("callee")
            self.send(self.callee, reply_as(invite, 486, "Busy Here", tag="bt"), odd=False)
            return None
        contact = f"Contact: {self.callee.contact}"
        body = self.callee.body
        self.send(self.callee, reply_as(invite, 200, "OK", contact, tag="bt", body=body), odd=False)
        return invite

    async def odd_callee(self) -> None:
        """The callee is odd at one or two places, the caller is good."""
        user = good_user()
        dialog = new_dialog(self.caller, self.uri, user)
        blamed = self.told.blamed.setdefault(dialog.call_id, {"callee"})
        self.told.stories[dialog.call_id] = self.story
        text, branch, _ = dialog.request("INVITE", body=self.caller.body)
        self.send(self.caller, text, odd=False)
        answering = asyncio.create_task(self.odd_answer(user))
        final = await self.caller.final(branch, INVITE_S)
        await answering
        if final is None:
            self.complain("no final answer to a good INVITE")
            return
        if final.code >= 300:
            self.acknowledge(dialog, final, branch, odd=False)
            return
        dialog.remote, dialog.target = final.get("to"), final.get("contact").strip("<>")
        self.acknowledge(dialog, final, branch, odd=False)
        if answering.result() is not None and self.rng.random() < 0.7:
            invite = answering.result()
            await self.in_dialog(asked_dialog(self.callee, invite))
        if dialog.call_id not in self.caller.ended:
            blamed.add("caller")
            await self.ask(dialog, "BYE", odd=False)
        if answering.result() is not None:
            await self.must_end(self.callee, answering.result().call_id, "the callee")

    async def odd_answer(self, user: str) -> Received | None:
        invite = await self.callee.rings(INVITE_S, user)
        if invite is None:
            self.complain("a good INVITE never came to its callee")
            return None
        contact = f"Contact: {self.callee.contact}"
        for _ in range(self.rng.randint(0, 3)):
            extra = self.rng.choice(((), ("Require: 100rel", "RSeq: 1"), (contact,)))
            code = self.rng.choice((180, 183))
            body = self.callee.body if code == 183 else ""
            self.send(
                self.callee, reply_as(invite, code, "P", *extra, tag="bt", body=body), odd=True
            )
            await asyncio.sleep(self.rng.random() * 0.05)
        code = self.rng.choice((200, 200, 200, 486, 302, 401, 422, 503))
        body = self.callee.body if code == 200 else ""
        text = reply_as(invite, code, "Final", contact, tag="bt", body=body)
        self.send(self.callee, text, odd=True)
        for _ in range(4):
            if await self.callee.until(self.callee.acknowledged, invite.call_id, 0.3):
                break
            self.send(self.callee, text, odd=False)
        return invite

    async def must_end(self, actor: Actor, call_id: str, who: str) -> None:
        if not await actor.until(actor.ended, call_id, REQUEST_S) and call_id not in actor.gone:
            self.complain(f"{who} was never told the end")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    environment = {"VOIPNUMBER_RING_TIMEOUT_S": "10"}
    with Engine(CONFIGURATION, environment=environment) as running:
        yield running


@pytest.fixture
async def told(engine: Engine) -> AsyncIterator[tuple[Told, LoopWatch]]:
    """Run the traffic and let what is left of it end."""
    found = Told()
    watch = LoopWatch(engine.processes["serve"].pid, engine.server)
    watching = asyncio.create_task(watch.run())
    until = time.monotonic() + SECONDS
    print(f"VOIPNUMBER_FUZZ_SEED={SEED}")
    async with AsyncExitStack() as stack:
        actors = []
        for n in LINES:
            pair = [await Actor.open(f"127.33.{n}.{end}", 5060, engine.server) for end in (1, 2)]
            for actor in pair:
                stack.push_async_callback(actor.close)
            actors.append(pair)
        lines = [Line(n, *pair, watch, found) for n, pair in zip(LINES, actors, strict=True)]
        await asyncio.gather(*(line.run(until) for line in lines))
        watching.cancel()
        found.complaints += [fault for pair in actors for actor in pair for fault in actor.faults]
        yield found, watch


async def test_whatever_is_sent_every_request_and_every_call_has_a_true_end(
    engine: Engine, told: tuple[Told, LoopWatch]
) -> None:
    found, watch = told
    complaints = [*found.complaints]
    calls = engine.calls()
    deadline = time.monotonic() + 40
    while any(not call["termination"] for call in calls) and time.monotonic() < deadline:
        await asyncio.sleep(2)
        calls = engine.calls()
    ends = Counter()
    for call in calls:
        end, call_id = call["termination"], call["legs"][0]["call_id"]
        if not end:
            complaints.append(f"the call {call_id} never ended")
            continue
        ends[f"{end['by']} {end['reason']} {end['code']}"] += 1
        allowed = found.blamed.get(call_id, {"caller", "callee"})
        # What an odd caller offers may be declined before anybody is rung.
        declined = end["by"] == "engine" and end["code"] == 488 and "caller" in allowed
        # A call that came too late for its scene found the callee busy, and that is true; so did
        # one whose caller referred its callee there and left.
        busy = end["reason"] in ("callee-busy", "transfer-failed")
        if end["by"] not in allowed and not declined and not busy:
            story = "\n    ".join(found.stories.get(call_id, []))
            complaints.append(f"{call_id} was ended by {sorted(allowed)}, not {end}\n    {story}")
    print(found.counts, ends, watch.pings, watch.worked_s, watch.slept_s, watch.lost)
    log = engine.dump()
    complaints += ["a traceback is in the log"] if "Traceback" in log else []
    stored = [path for path in engine.folder.rglob("*") if path.is_file()]
    complaints += [f"a key is in {path}" for path in stored if KEY.encode() in path.read_bytes()]
    if max(watch.worked_s, watch.slept_s) > LONGEST_S:
        complaints.append(
            f"the loop worked {watch.worked_s:.3f} s, slept {watch.slept_s:.3f} s: {watch.during}"
        )
    assert not watch.lost
    assert not complaints, f"{log[-3000:]}\nVOIPNUMBER_FUZZ_SEED={SEED}\n" + "\n".join(
        complaints[:40]
    )
