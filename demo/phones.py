"""Play the six worked examples as real calls, in turn, until stopped: `python -m demo.phones`.

With `--agent`, a call to the voice agent comes after them; the agent must be running.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from callengine.lab.phones import Phone, PhoneError, PhoneSettings, start_phone
from demo import configuration
from demo.examples import AGENT_CALL, EXAMPLES, GATEWAY, STRANGER, AgentCall, Example

TALK_S = 6.0
AGENT_TALK_S = 12.0
"The agent has greeted by then, and answered a tone."
BETWEEN_S = 1.0
TONES_HZ = {
    STRANGER: 440,
    "demo-alice": 494,
    "demo-carol": 523,
    "demo-bob": 659,
    "demo-dora": 784,
    GATEWAY: 880,
}


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


async def start(user: str, password: str, arguments: argparse.Namespace) -> Phone:
    """Start one phone as its own process and wait until it is there."""
    port = arguments.gateway.rpartition(":")[2] if user == GATEWAY else "0"
    try:
        return await start_phone(
            PhoneSettings(
                user,
                arguments.sip,
                password,
                register=bool(password),
                port=int(port),
                hz=TONES_HZ[user],
                agent=f"demo phone {user}",
            )
        )
    except PhoneError as error:
        busy = f" Is port {port} taken? Choose another with --gateway." if port != "0" else ""
        raise DemoError(f"{error}{busy}") from None


async def play(example: Example, phones: dict[str, Phone], server: str, talk_s: float) -> str:
    """Place one call and return what was seen."""
    caller, callee = phones[example.caller], phones[example.callee]
    caller.forget()
    callee.forget()
    caller.tell(do="call", uri=f"sip:{example.dialled}@{server}", codecs=list(example.offer))
    at_caller = await caller.hears("talking")
    if at_caller["is"] != "talking":
        return f"declined with {at_caller['code']}"
    at_callee = await callee.hears("talking")
    await asyncio.sleep(talk_s)
    caller.tell(do="hang-up")
    await callee.hears("ended")
    return f"A {at_caller['codec']}, B {at_callee.get('codec')}"


async def play_agent(call: AgentCall, phones: dict[str, Phone], server: str, talk_s: float) -> str:
    """Place the call to the voice agent and return what was seen."""
    caller = phones[call.caller]
    caller.forget()
    caller.tell(do="call", uri=f"sip:{call.dialled}@{server}", codecs=list(call.offer))
    at_caller = await caller.hears("talking")
    if at_caller["is"] != "talking":
        return f"declined with {at_caller['code']}"
    await asyncio.sleep(talk_s)
    caller.tell(do="hang-up")
    await caller.hears("ended")
    return f"A {at_caller['codec']}"


async def conduct(arguments: argparse.Namespace) -> bool:
    """Play the examples in turn; return whether everything seen was as expected."""
    passwords = configuration.passwords(arguments.config)
    phones: dict[str, Phone] = {}
    right = True
    try:
        for user in TONES_HZ:
            phones[user] = await start(user, passwords.get(user, ""), arguments)
        rounds = 0
        while rounds < arguments.rounds or not arguments.rounds:
            for call in (*EXAMPLES, *((AGENT_CALL,) if arguments.agent else ())):
                right &= await _show(call, phones, arguments)
                await asyncio.sleep(BETWEEN_S)
            rounds += 1
    finally:
        await _stop(phones)
    return right


async def _show(
    call: Example | AgentCall, phones: dict[str, Phone], arguments: argparse.Namespace
) -> bool:
    try:
        if isinstance(call, AgentCall):
            seen = await play_agent(call, phones, arguments.sip, arguments.agent_talk_s)
        else:
            seen = await play(call, phones, arguments.sip, arguments.talk_s)
    except TimeoutError:
        seen = "no answer"
        phones[call.caller].tell(do="hang-up")
    right = seen == call.expected
    if not (right and arguments.quiet):
        print(  # noqa: T201
            f"{call.label}: expected {call.expected}; seen {seen}{'' if right else '  <- differs'}",
            flush=True,
        )
    return right


async def _stop(phones: dict[str, Phone]) -> None:
    await asyncio.gather(*(phone.stop() for phone in phones.values()))


async def _main(arguments: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return 0 if await conduct(arguments) else 1
    except asyncio.CancelledError:
        return 0
    except DemoError as error:
        print(f"Demo phones: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return 2


def main() -> int:
    """Run the demo phones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sip", default="127.0.0.1:5060", metavar="HOST:PORT")
    parser.add_argument(
        "--config", type=Path, required=True, help="what `python -m demo.configuration` wrote"
    )
    parser.add_argument("--gateway", default=configuration.GATEWAY, metavar="HOST:PORT")
    parser.add_argument("--talk-s", type=float, default=TALK_S, help="seconds of each call")
    parser.add_argument("--agent", action="store_true", help="call the voice agent too")
    parser.add_argument("--agent-talk-s", type=float, default=AGENT_TALK_S)
    parser.add_argument("--quiet", action="store_true", help="say only what differs")
    parser.add_argument("--rounds", type=int, default=0, help="0: until stopped")
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
