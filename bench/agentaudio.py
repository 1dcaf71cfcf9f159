"""What 20 ms of a call to an agent cost in its process: audio both ways, RTP, the queue.

    python -m bench.agentaudio [FRAMES]

CPU of this process in microseconds a frame, and as a share of a core; no websocket, no dialect.
"""

import socket
import sys
import time
from collections.abc import Callable

from agents.formats import AudioFormat, Encoding
from callengine.core.playout import Playout
from callengine.worker.audio.callercodecs import CallerCodec
from callengine.worker.audio.callerstream import CallerStream
from callengine.worker.audio.paths import Paths, open_paths
from callengine.worker.pjsua.library import keep_g722_levels
from callengine.worker.rtp.packets import RtpPacket, build
from callengine.worker.rtp.session import RtpSession
from tests.callengine.worker.plugins.driver import endpoint, tone

CODECS = ("PCMU", "PCMA", "G722", "OPUS", "AMR-WB")
FRAMES = 1000
FRAME_S = 0.02


def microseconds(work: Callable[[int], object], frames: int) -> float:
    began = time.process_time()
    for number in range(frames):
        work(number)
    return (time.process_time() - began) / frames * 1e6


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def whole_frame(
    caller: CallerCodec, paths: Paths, audio: bytes, payload: bytes
) -> Callable[[int], None]:
    """Return a frame both ways as the agent's loop does it, from socket to bytes and back."""
    phone, ours = bound(), bound()
    at = ours.getsockname()
    remote = phone.getsockname()
    session = RtpSession(ours.detach(), None, caller.stream(), remote=remote, now=0.0)
    playout = Playout(paths.to_caller.audio)
    stream = CallerStream(paths.to_agent, 0.0)
    ticks = caller.clock_hz // 50

    def work(number: int) -> None:
        packet = RtpPacket(96, number % 65536, number * ticks % 2**32, 7, payload)
        phone.sendto(build(packet), at)
        now = number * FRAME_S
        for item in session.receive(now):
            for heard in stream.heard(item, now):
                playout.add(audio if heard else b"")
        stream.tick(now)
        session.tick(now)
        frame = playout.take()
        playout.marks()
        sent = paths.to_caller.payload(frame) if frame else paths.to_caller.silence()
        session.send(sent, now)
        phone.recv(2000)

    return work


def figures(name: str, encoding: Encoding, frames: int) -> str:
    audio, caller = AudioFormat(encoding), CallerCodec(name, 96)
    paths = open_paths(caller, input_format=audio, output_format=audio)
    frame = tone(audio.sample_rate_hz, 440, FRAME_S).tobytes()[: audio.frame_bytes]
    payload = paths.to_caller.payload(frame)
    there = microseconds(lambda _: paths.to_agent.sound(payload), frames)
    back = microseconds(lambda _: paths.to_caller.payload(frame), frames)
    both = microseconds(whole_frame(caller, paths, frame, payload), frames)
    paths.close()
    share = both / (FRAME_S * 1e6)
    return f"{name:8}{encoding:12}{there:10.1f}{back:10.1f}{both:8.1f}  {share:.2%}"


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    print(f"{'caller':8}{'agent':12}{'to agent':>10}{'to caller':>10}{'all':>8}  us; of a core")
    with endpoint(16_000):
        keep_g722_levels()
        for name in CODECS:
            for encoding in Encoding:
                print(figures(name, encoding, frames), flush=True)


if __name__ == "__main__":
    main()
