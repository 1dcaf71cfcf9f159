"""Serve, with demo phones that play the six worked examples and call the built-in voice agent.

`python -m demo`, from bin/run.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from demo import configuration
from voipnumber.private import keep_private

ROOT = Path(__file__).resolve().parent.parent
STOP_S = 40.0
GATEWAY_PORT = 15090
AGENT_PORT = 8070

WATCH = """
The demo is running: seven calls in turn, for as long as you let it. Log in and watch them at
    {pages}calls/
Open a call while it is up. Look for: the four lists and the line that matched, the codec of each
leg, "transcoding" in examples 1 and 4, and example 3, which is declined with its reason because the
callee forces codecs that the caller lacks. The seventh goes to a voice agent, the built-in one: its
formats, its states with their times, and what was said. Ctrl-C stops everything.
"""


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """Start a program of ours in a session of its own: Ctrl-C is passed on in order, by us."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def until_ready(server: asyncio.subprocess.Process) -> str | None:
    """Pass on what a server says until it is ready; return the address of its pages, if any."""
    assert server.stdout is not None
    pages = None
    async for line in server.stdout:
        text = line.decode(errors="replace").rstrip()
        if text == "ready":
            return pages
        print(text, flush=True)  # noqa: T201
        if text.startswith("Pages on "):
            pages = text.removeprefix("Pages on ")
    return None


async def pass_on(process: asyncio.subprocess.Process) -> None:
    """Print what a program says until it ends."""
    assert process.stdout is not None
    async for line in process.stdout:
        print(line.decode(errors="replace").rstrip(), flush=True)  # noqa: T201
    await process.wait()


async def stop(process: asyncio.subprocess.Process | None) -> None:
    """End a program, gently first; what it still says is read by its own task."""
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()


def free_place(port: int, kind: socket.SocketKind) -> str:
    """Return an address on loopback, with this port if it is free."""
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        host, port = probe.getsockname()
    return f"{host}:{port}"


def sip_address() -> str:
    """Return where demo phones reach the server over UDP on this machine."""
    listen = os.environ.get("VOIPNUMBER_SIP_LISTEN", "udp:0.0.0.0:5060")
    for item in listen.split(","):
        transport, _, address = item.strip().partition(":")
        host, _, port = address.rpartition(":")
        if transport == "udp":
            return f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    raise SystemExit("The demo phones speak UDP: VOIPNUMBER_SIP_LISTEN has no udp address.")


async def demonstrate(*, tell_examples: bool) -> int:
    """Run server and phones until stopped; return the exit status."""
    keep_private()
    carrier = free_place(GATEWAY_PORT, socket.SOCK_DGRAM)
    # By this setting the pages know which agent is the built-in one.
    place = os.environ.setdefault(
        "VOIPNUMBER_BUILTIN_AGENT", free_place(AGENT_PORT, socket.SOCK_STREAM)
    )
    file = Path(os.environ.get("VOIPNUMBER_DATA", ROOT / "data")) / "demo-phones.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    configuration.write(file, carrier, f"ws://{place}/v1/ws")
    server = agent = phones = None
    try:
        # The server checks the settings; what they are warned of is said once.
        provision = await start("manage.py", "provision", "--skip-checks", str(file))
        output, _ = await provision.communicate()
        if provision.returncode:
            print(output.decode(errors="replace"))  # noqa: T201
            return 1
        agent = await start("manage.py", "builtin_agent")
        server = await start("manage.py", "serve", "--ensure-admin")
        pages = await until_ready(server)
        if pages is None:
            return await server.wait() or 1
        await until_ready(agent)
        print(WATCH.format(pages=pages), flush=True)  # noqa: T201
        phones = await start(
            *("-m", "demo.phones", "--sip", sip_address()),
            *("--config", str(file), "--gateway", carrier, "--agent"),
            *(() if tell_examples else ("--quiet",)),
        )
        talking = [asyncio.create_task(pass_on(process)) for process in (server, phones)]
        await asyncio.wait(talking, return_when=asyncio.FIRST_COMPLETED)
        return (phones.returncode or server.returncode) or 0
    finally:
        for process in (phones, server, agent):
            await stop(process)


async def main() -> int:
    """Run until the demo ends or somebody stops it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", action="store_true", help="tell each example as it is played")
    tell_examples = parser.parse_args().examples
    demonstration = asyncio.create_task(demonstrate(tell_examples=tell_examples))
    for number in (signal.SIGINT, signal.SIGTERM):
        # Once: a second Ctrl-C must not interrupt the stopping.
        asyncio.get_running_loop().add_signal_handler(number, _cancel_once(demonstration))
    try:
        return await demonstration
    except asyncio.CancelledError:
        print("Stopped.", flush=True)  # noqa: T201
        return 0


def _cancel_once(task: "asyncio.Task[int]") -> Callable[[], None]:
    def cancel() -> None:
        if not task.cancelling():
            task.cancel()

    return cancel


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
