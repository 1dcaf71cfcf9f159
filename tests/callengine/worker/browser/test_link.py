"""The socket between a page's server and a call process: its last words arrive, and none later."""

import asyncio
import json
import os
import socket
from contextlib import ExitStack, suppress

from callengine.core.sounds import FRAME_BYTES, FrameKind
from callengine.worker.browser.link import BrowserLink
from dashboard.phone.sound import PageSound

WITHIN_S = 20.0


async def test_a_page_that_goes_on_sending_sound_and_reads_late_hears_why_its_call_is_over() -> (
    None
):
    """As on a busy machine: what was said and not yet read was lost with the connection."""
    said: list[str] = []
    begun, goes_on, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def heard(kind: FrameKind, content: bytes) -> None:
        said.append(json.loads(content)["state"])
        begun.set()
        await goes_on.wait()

    async def ended() -> None:
        over.set()

    lost: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        page = await PageSound.connect(*server.getsockname(), token="t")
        accepted = (await asyncio.to_thread(server.accept))[0]
    assert accepted.recv(1) == b"t"
    link = BrowserLink(accepted.detach(), heard=lambda *_: None, lost=lost.append)
    link.start()
    page.follow(heard, ended)
    link.tell("calling")
    async with asyncio.timeout(WITHIN_S):
        await begun.wait()
        link.tell("ended", code=486)
        link.tell("why", text="It is busy.")
        link.close()
        for _ in range(20):
            page.send(FrameKind.SOUND, bytes(FRAME_BYTES))
            await asyncio.sleep(0.01)
        goes_on.set()
        await over.wait()
    await asyncio.to_thread(link.stop)
    assert said == ["calling", "ended", "why"]
    assert lost == []


def test_what_the_bridge_still_says_goes_into_nobody_elses_descriptor() -> None:
    """The bridge's thread may be about to speak while the call's lets go of the link."""
    ours, theirs = socket.socketpair()
    link = BrowserLink(ours.detach(), heard=lambda kind, content: None, lost=lambda why: None)
    link.start()
    link.stop()
    with theirs, ExitStack() as stack:
        # They take the numbers that the link had.
        others = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(8)]
        for other in others:
            stack.callback(os.close, other)
        link.sound(bytes(FRAME_BYTES))
        link.tell("ended")
        link.close()
        for other in others:
            with suppress(BlockingIOError):
                raise AssertionError(f"{os.eventfd_read(other)} was written to another's")
        assert theirs.recv(1) == b""
