from callengine.core.control import calls
from callengine.core.control.language import MAX_MESSAGE_BYTES
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
