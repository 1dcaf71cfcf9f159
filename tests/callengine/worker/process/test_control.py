import tracemalloc

from callengine.core.control import calls
from callengine.core.control.language import MAX_MESSAGE_BYTES, encode
from callengine.worker.process.control import Control, socket_pair


def test_an_end_that_is_told_more_than_a_packet_holds_sends_several() -> None:
    ours, theirs = socket_pair()
    with ours, theirs:
        control = Control(ours)
        said = [calls.TimelineNote("x", "", str(n) * 1000, 1.0) for n in range(100, 200)]
        for message in said:
            control.send(message)
        control.flush()
        heard: list[object] = []
        while len(heard) < len(said):
            heard += calls.FROM_CALL_PROCESS.decode_all(theirs.recv(MAX_MESSAGE_BYTES))
        assert heard == said


def test_an_end_that_was_told_nothing_makes_no_room_for_a_message() -> None:
    ours, theirs = socket_pair()
    with ours, theirs:
        control = Control(ours)
        tracemalloc.start()
        try:
            assert control.receive() == []
            most = tracemalloc.get_traced_memory()[1]
            theirs.send(encode(calls.Stop()))
            (received,) = control.receive()
            for_one = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert received.message == calls.Stop()
        assert most < MAX_MESSAGE_BYTES <= for_one
