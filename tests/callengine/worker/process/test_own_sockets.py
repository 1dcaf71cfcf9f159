"""A callee that is no SIP call, in a real call process: rung, answered, heard, gone."""

import asyncio
import socket

import numpy as np
from numpy.typing import NDArray

from callengine.core.control.calls import (
    CallEnded,
    Idle,
    LegFacts,
    ProcessReady,
    StateReached,
    TakeCall,
)
from callengine.core.states import CallState
from tests.callengine.worker.loopback import call_process
from tests.callengine.worker.tonal import TONE_HZ

MODULE = "tests.callengine.worker.tonal"
RTP_HEADER_BYTES = 12


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


async def test_a_callee_with_a_socket_of_its_own_is_heard_by_a_sip_caller() -> None:
    loop = asyncio.get_running_loop()
    with bound() as controller, bound() as rtp:
        port = str(controller.getsockname()[1])
        async with call_process(port, module=MODULE) as (talk, edge):
            ready = await talk.hears(ProcessReady)
            talk.tell(TakeCall(edge.order()))
            edge.invite(ready.sip_port, rtp_port=rtp.getsockname()[1])
            async with asyncio.timeout(30):
                said, callee = await loop.sock_recvfrom(controller, 100)
                assert said == b"B dial"
                controller.sendto(b"ring", callee)
                await edge.hears("SIP/2.0 180")
                controller.sendto(b"answer", callee)
                await edge.hears("SIP/2.0 200")
            reached = await talk.hears(StateReached, which=_is_answered)
            assert reached.state is CallState.ANSWERED
            heard = await _heard(rtp)
            assert abs(_strongest_hz(heard) - TONE_HZ) < 20
            controller.sendto(b"leave", callee)
            await edge.hears("BYE")
            end = (await talk.hears(CallEnded)).termination
            assert (end.by, end.reason) == ("callee", "callee-hung-up")
            facts = [one for one in talk.said if isinstance(one, LegFacts) and one.name == "B"]
            assert facts[-1].codec == "PCMU"
            assert (await talk.hears(Idle)).recycle is False


def _is_answered(reached: StateReached) -> bool:
    return reached.state is CallState.ANSWERED


async def _heard(rtp: socket.socket) -> NDArray[np.float64]:
    """Return half a second of what arrives, after the first 0.2 s."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(30):
        packets = [await loop.sock_recv(rtp, 2000) for _ in range(35)]
    return _linear(b"".join(packet[RTP_HEADER_BYTES:] for packet in packets[10:]))


def _linear(payload: bytes) -> NDArray[np.float64]:
    """Decode mu-law (ITU-T G.711)."""
    octets = ~np.frombuffer(payload, dtype=np.uint8)
    exponent, mantissa = (octets >> 4) & 7, octets & 15
    size = ((mantissa.astype(np.int32) << 3) + 132 << exponent.astype(np.int32)) - 132
    return np.where(octets & 128, -size, size).astype(np.float64)


def _strongest_hz(samples: NDArray[np.float64]) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    return float(np.fft.rfftfreq(len(samples), 1 / 8000)[int(power.argmax())])
