"""A browser's sound from one thread to another: in order, bounded, and ended at any moment."""

import select
import threading

from callengine.worker.legs.soundline import MOST_WAITING, SoundLine

FRAMES = 3000


def nobody(_: bytes) -> None:
    """Play nothing."""


def test_what_nobody_takes_is_bounded_and_the_newest_stays() -> None:
    line = SoundLine(nobody)
    for number in range(MOST_WAITING + 10):
        line.put(bytes([number]))
    assert line.take() == [bytes([number]) for number in range(10, MOST_WAITING + 10)]
    assert line.take() == []
    line.close()


def test_each_frame_arrives_once_and_in_order_on_another_thread() -> None:
    line, took = SoundLine(nobody), list[bytes]()
    goes_on = threading.Semaphore(MOST_WAITING)

    def take() -> None:
        while len(took) < FRAMES:
            assert select.select([descriptor], [], [], 20)[0], "nothing tells of a frame"
            for frame in line.take():
                took.append(frame)
                goes_on.release()

    descriptor = line.descriptor()
    taker = threading.Thread(target=take)
    taker.start()
    for number in range(FRAMES):
        goes_on.acquire()
        line.put(number.to_bytes(2, "big"))
    taker.join(20)
    assert took == [number.to_bytes(2, "big") for number in range(FRAMES)]
    line.close()


def test_who_still_speaks_while_it_is_closed_writes_into_nobody_elses_descriptor() -> None:
    line = SoundLine(nobody)
    line.close()
    line.put(b"late")
    line.close()
    assert line.take() == []
