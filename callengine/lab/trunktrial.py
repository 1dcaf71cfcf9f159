"""The test of a trunk: OPTIONS to each gateway, then a real call; each step told as it happens."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from channels.layers import get_channel_layer

from audiocodecs.catalogue import PLATFORM_CODECS
from callengine.core.directory import TrunkEntry
from callengine.core.outcomes import Rejection, Termination
from callengine.core.planner import Declined
from callengine.core.reasons import Reason
from callengine.core.snapshot import CallSnapshot
from callengine.core.states import CallState
from callengine.core.trials import (
    StepWords,
    TrunkTrialStep,
    options_answered,
    silent,
    unreachable,
    unresolved,
)
from callengine.edge.flow import Flow
from callengine.edge.outside import AsksOptions, OptionsAnswer
from callengine.lab.phones import Phone, PhoneError, PhoneSettings, start_phone
from callengine.lab.trialcall import TrialCall
from callengine.lab.trialwatch import CallWatch
from callengine.loop.tasks import BackgroundTasks
from callengine.notices import groups
from callengine.notices.trials import TrialTold, TryTrunk
from callengine.notices.wire import to_message

logger = logging.getLogger(__name__)

AT_ONCE = 3
OPTIONS_WITHIN_S = 5.0
RESOLVED_WITHIN_S = 5.0
DECIDED_WITHIN_S = 10.0
RINGS_FOR_S = 60.0
TALKS_FOR_S = 5.0
"How long the call goes on once it is answered."
TOLD_EVERY_S = 1.0
TOLD_AFTER_S = 3
"Rounds for which a test that is over is told of unasked: who waits for its end may miss one."
MOST_KNOWN = 100
"Tests whose pages may come late, or back, and ask for what they came to."
LOOKED_AT_EVERY_S = 0.1
MOST_GATEWAYS = 10
MOST_ADDRESSES = 4
"Of one gateway."
PHONE_LIVES_S = 120.0
TONE_HZ = 1004


class TrialSources(Protocol):
    """Where callers that stand in no table are announced."""

    def add(self, call: TrialCall) -> None:
        """Let the caller of this call in, once."""

    def remove(self, call: TrialCall) -> None:
        """Forget a call that is over."""


class TrialHost(AsksOptions, Protocol):
    """What is asked of the engine."""

    @property
    def node(self) -> str:
        """Its name."""

    @property
    def codecs(self) -> tuple[str, ...]:
        """What it can do now."""

    def phone_server(self) -> str:
        """Return where built-in phones reach the edge; raises PhoneError if nowhere."""

    async def resolve(self, uri: str) -> tuple[Flow, ...]:
        """Return the flows of a SIP URI; raises OSError or ValueError saying why not."""

    def snapshot_of(self, key: str) -> CallSnapshot | None:
        """Return a call in progress, which is kept up; None if it is over."""

    def end_call(self, key: str, termination: Termination) -> None:
        """End a call by its key of 32 digits, if it is still up."""


class TrunkTrials:
    """The tests of one engine."""

    def __init__(
        self,
        host: TrialHost,
        sources: TrialSources,
        find: Callable[[str], Awaitable[TrunkEntry | None]],
    ) -> None:
        """`find` looks a trunk up by its name, with its password."""
        self._host = host
        self._sources = sources
        self._find = find
        self._tasks = BackgroundTasks("tests of trunks")
        self._known: dict[str, TrunkTrial] = {}
        "The last of them, by the page's key."
        self._telling = BackgroundTasks("tests of trunks, as they are told")

    def begin(self, asked: TryTrunk) -> None:
        """Test a trunk."""
        trial = TrunkTrial(asked, self._host, self._sources, self._find)
        if len(self._tasks) >= AT_ONCE:
            text = f"{AT_ONCE} tests are running on the engine {self._host.node} already."
            trial.refuse(text, "Try again in a moment.")
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[asked.trial] = trial
        self._tasks.start(trial.run())

    def tell(self, key: str) -> None:
        """Tell of a test that somebody looks at, if it is one of ours."""
        if (trial := self._known.get(key)) is not None and len(self._telling) < MOST_KNOWN:
            self._telling.start(trial.tell())

    async def stop(self) -> None:
        """End every test."""
        await self._tasks.stop()
        await self._telling.stop()


class TrunkTrial:
    """One test."""

    def __init__(
        self,
        asked: TryTrunk,
        host: TrialHost,
        sources: TrialSources,
        find: Callable[[str], Awaitable[TrunkEntry | None]],
    ) -> None:
        self._asked, self._host, self._sources, self._find = asked, host, sources, find
        self._began = time.monotonic()
        self._steps: list[TrunkTrialStep] = []
        self._is_over = False
        self._changed = asyncio.Event()

    def refuse(self, what: str, advice: str) -> None:
        """Have `run` say that nothing is tried."""
        self._step("bad", what, advice)
        self._is_over = True

    async def run(self) -> None:
        """Test, and tell of it until everybody has heard."""
        telling = asyncio.create_task(self._tell())
        try:
            if not self._is_over:
                await self._test()
        except Exception:
            logger.exception("the test of a trunk failed")
            self._step("bad", "The engine failed; its log says why.")
        except asyncio.CancelledError:
            self._step("bad", "The engine is shutting down.", "Try again when it is back.")
            telling.cancel()
            raise
        self._is_over = True
        self._changed.set()
        await telling

    # Telling

    def _step(self, state: str, what: str, advice: str = "", *, call: str = "") -> None:
        after_ms = round((time.monotonic() - self._began) * 1000)
        step = {"state": state, "what": what, "advice": advice, "after_ms": after_ms, "call": call}
        self._steps.append(step)  # type: ignore[arg-type]
        self._changed.set()

    def _say(self, words: StepWords, before: str = "") -> None:
        self._step(words.state, f"{before}{words.what}", words.advice)

    async def _tell(self) -> None:
        rounds_left = TOLD_AFTER_S
        while rounds_left > 0:
            rounds_left -= self._is_over
            self._changed.clear()
            await self.tell()
            if self._is_over and (layer := get_channel_layer()) is not None:
                with contextlib.suppress(Exception):  # it is told again
                    await layer.send(self._asked.reply, to_message(self._told()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TOLD_EVERY_S):
                    await self._changed.wait()

    async def tell(self) -> None:
        """Tell of it once, as far as it has come."""
        with contextlib.suppress(Exception):  # Redis is away: it is told again
            await groups.tell(groups.trial_group(self._asked.trial), self._told())

    def _told(self) -> TrialTold:
        return TrialTold(self._asked.trial, list(self._steps), self._is_over)

    # Testing

    async def _test(self) -> None:
        trunk = await self._find(self._asked.trunk)
        if trunk is None:
            self._step("bad", "The trunk has just been deleted.")
            return
        if not trunk.gateways:
            self._step("bad", "It has no gateway.", "Add one on the OUT side.")
            return
        for gateway in trunk.gateways[:MOST_GATEWAYS]:
            await self._ask(gateway.uri, trunk)
        if self._asked.number:
            await self._call(trunk)

    async def _ask(self, uri: str, trunk: TrunkEntry) -> None:
        """Find a gateway and ask it for its OPTIONS."""
        self._step("doing", f"{uri}: looking up its address.")
        try:
            async with asyncio.timeout(RESOLVED_WITHIN_S):
                flows = await self._host.resolve(uri)
        except (OSError, ValueError, TimeoutError) as error:
            self._say(unresolved(str(error) or "the name was not resolved in time"), f"{uri}: ")
            return
        for flow in flows[:MOST_ADDRESSES]:
            await self._ask_at(uri, flow, trunk)

    async def _ask_at(self, uri: str, flow: Flow, trunk: TrunkEntry) -> None:
        self._step("doing", f"{uri}: at {flow}. Asking it for its OPTIONS.")
        began = time.monotonic()
        answer = await self._options(uri, flow, trunk)
        took_ms = round((time.monotonic() - began) * 1000)
        if answer is None:
            words = silent(str(flow), OPTIONS_WITHIN_S)
        elif not answer.is_theirs:
            is_cut = answer.code == 503
            words = (
                unreachable(str(flow), answer.why) if is_cut else silent(str(flow), took_ms / 1000)
            )
        else:
            words = options_answered(
                answer.code,
                answer.phrase[:100],
                server=answer.server[:100],
                took_ms=took_ms,
                presented=answer.was_proved,
                has_password=bool(trunk.out_password),
            )
        self._say(words, f"{uri}: ")

    async def _options(self, uri: str, flow: Flow, trunk: TrunkEntry) -> OptionsAnswer | None:
        """Return what it answers; None: nothing in time."""
        asks = f"{uri}: it asks for a password; presenting ours."
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPTIONS_WITHIN_S):
                return await self._host.options(
                    uri,
                    flow,
                    username=trunk.out_username,
                    password=trunk.out_password,
                    on_challenge=lambda: self._step("doing", asks),
                )
        return None

    # The call

    async def _call(self, trunk: TrunkEntry) -> None:
        call = TrialCall(trunk, self._asked.number, self._asked.by)
        self._step("doing", f"Calling {call.number} over {trunk.name}.")
        self._sources.add(call)
        phone: Phone | None = None
        try:
            server = self._host.phone_server()
            phone = await start_phone(self._phone(call, server))
            uri = f"sip:{call.user}@{server}"
            phone.tell(do="call", uri=uri, codecs=self._codecs())
            async with asyncio.timeout(DECIDED_WITHIN_S):
                decision = await asyncio.shield(call.decided)
            if isinstance(decision, Rejection):
                self._step("bad", f"Not called: {decision.rule}.", decision.advice)
            elif isinstance(decision, Declined):
                end, key = decision.termination, decision.plan.call
                self._step("bad", f"Not called: {end.reason}.", end.advice, call=key)
            else:
                await self._watch(decision.call)
        except (PhoneError, TimeoutError) as error:
            why = str(error) or "the engine did not take the call in time"
            self._step("bad", f"Not called: {why}.", "Look into the engine's log.")
        finally:
            self._sources.remove(call)
            if phone is not None:
                await asyncio.shield(phone.stop())

    def _codecs(self) -> list[str]:
        return [name for name in PLATFORM_CODECS if name in self._host.codecs]

    def _phone(self, call: TrialCall, server: str) -> PhoneSettings:
        return PhoneSettings(
            user=call.user,
            server=server,
            password=call.password,
            host=call.host,
            hz=TONE_HZ,
            codecs=tuple(self._codecs()),
            life_s=PHONE_LIVES_S,
        )

    async def _watch(self, key: str) -> None:
        """Tell of the call until it ends; hang it up once it has been heard for a while."""
        snapshot = await self._appeared(key)
        if snapshot is None:
            self._step(
                "bad", "The call ended before it was seen.", "Its record says how.", call=key
            )
            return
        watch = CallWatch(lambda state, what, advice="": self._step(state, what, advice, call=key))
        hang_up_at = time.monotonic() + RINGS_FOR_S + TALKS_FOR_S
        while snapshot["state"] != CallState.ENDED:
            now = time.monotonic()
            watch.look(snapshot, now)
            hang_up_at = min(hang_up_at, watch.answered_at + TALKS_FOR_S)
            if now >= hang_up_at:
                self._end(key)
                break
            await asyncio.sleep(LOOKED_AT_EVERY_S)
        await self._closed(snapshot)
        watch.look(snapshot, time.monotonic())
        watch.ended(snapshot, TALKS_FOR_S)

    async def _appeared(self, key: str) -> CallSnapshot | None:
        for _ in range(round(DECIDED_WITHIN_S / LOOKED_AT_EVERY_S)):
            if (snapshot := self._host.snapshot_of(key)) is not None:
                return snapshot
            await asyncio.sleep(LOOKED_AT_EVERY_S)
        return None

    async def _closed(self, snapshot: CallSnapshot) -> None:
        """Wait until a call's end is known."""
        for _ in range(round(DECIDED_WITHIN_S / LOOKED_AT_EVERY_S)):
            if snapshot["termination"] is not None:
                return
            await asyncio.sleep(LOOKED_AT_EVERY_S)

    def _end(self, key: str) -> None:
        advice = "The test of the trunk is over: a normal end."
        self._host.end_call(key, Termination("engine", Reason.LAB_CALL_OVER, 200, advice))
