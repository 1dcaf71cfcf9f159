"""What waits for one browser: bounded, the newest, and shared while it keeps up."""

import asyncio

import pytest

from dashboard.live import outbox
from dashboard.live.outbox import BEAT, READ_ANEW, WINDOW, Batch, Fragment, Outbox, Viewer

VIEWER = Viewer(1, "key", "callengine.view_call")


def batch(*keys: str, text: str = "") -> Batch:
    return Batch([Fragment(key, f"{key}{text}") for key in keys])


async def waits(box: Outbox) -> bool:
    """Tell whether nothing may be sent now."""
    taking = asyncio.ensure_future(box.take())
    for _ in range(3):
        await asyncio.sleep(0)
    if taking.done():
        return False
    taking.cancel()
    return True


async def test_browsers_that_keep_up_are_given_the_very_same_text() -> None:
    boxes = [Outbox(VIEWER) for _ in range(3)]
    shared = batch("a", "b")
    for box in boxes:
        box.put(shared)
    texts = [await box.take() for box in boxes]
    assert all(text is shared.text for text in texts)


async def test_no_more_than_a_window_is_under_way() -> None:
    box = Outbox(VIEWER)
    for number in range(WINDOW + 3):
        box.put(batch(f"k{number}"))
        if number < WINDOW:
            assert await box.take() == f"k{number}"
    assert await waits(box)
    box.acknowledge()
    assert await box.take() == "\n".join(f"k{n}" for n in range(WINDOW, WINDOW + 3))
    assert await waits(box)


async def test_a_browser_that_is_behind_gets_the_newest_of_each_alone() -> None:
    box = Outbox(VIEWER)
    for number in range(1000):
        box.put(batch("legs", "quality", text=f"-{number}"))
    assert await box.take() == "legs-999\nquality-999"


async def test_what_fills_another_comes_after_it_however_often_it_was_replaced() -> None:
    box = Outbox(VIEWER)
    for keys in (["quality"], ["legs", "quality"]):
        box.put(batch(*keys))
    assert await box.take() == "legs\nquality"


async def test_rows_come_before_everything_else() -> None:
    box = Outbox(VIEWER)
    box.put(Batch([Fragment("pill", "<div>")]))
    box.put(Batch([Fragment("row", "<tr>", row=True)]))
    assert await box.take() == "<tr>\n<div>"


async def test_what_waits_never_grows_beyond_its_bound() -> None:
    box = Outbox(VIEWER)
    for number in range(10 * outbox.MOST_WAITING):
        box.put(batch(f"event-{number}"))
        assert len(box._waiting) <= outbox.MOST_WAITING
    assert await box.take() == READ_ANEW
    assert await waits(box), "it reads everything anew: nothing of what waited is sent"
    box.put(batch("event"))
    assert await box.take() == "event"


async def test_acknowledging_what_was_never_sent_opens_no_wider_window() -> None:
    box = Outbox(VIEWER)
    for _ in range(100):
        box.acknowledge()
    for number in range(WINDOW):
        box.put(batch(f"k{number}"))
        await box.take()
    box.put(batch("more"))
    assert await waits(box)


async def test_a_close_goes_before_what_waits_and_the_first_code_counts() -> None:
    box = Outbox(VIEWER)
    box.put(batch("secret"))
    box.close(4401)
    box.close(1013)
    box.put(batch("secret"))
    assert await box.take() is None
    assert box.close_code == 4401


async def test_only_a_browser_that_owes_an_answer_is_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "PATIENCE_S", -1.0)
    box = Outbox(VIEWER)
    assert not box.is_stuck()
    box.put(batch("a"))
    await box.take()
    assert box.is_stuck()
    box.acknowledge()
    assert not box.is_stuck()


async def test_whoever_was_sent_nothing_for_a_while_is_sent_a_beat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box = Outbox(VIEWER)
    box.beat()
    assert await waits(box), "it is here since just now"
    monkeypatch.setattr(outbox, "BEAT_S", -1.0)
    box.beat()
    assert await box.take() == BEAT
    assert await waits(box), "one beat is sent once"
    box.put(batch("news"))
    box.beat()
    assert await box.take() == "news"
    assert await waits(box), "what it is sent is a sign of life, too"


async def test_a_beat_comes_through_however_much_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "BEAT_S", -1.0)
    box = Outbox(VIEWER)
    for number in range(WINDOW + 1):
        box.put(batch(f"k{number}"))
        if number < WINDOW:
            await box.take()
    box.beat()
    assert await box.take() == BEAT
    box.acknowledge()
    assert await waits(box), "a beat that was shown makes no room for anything else"
    box.acknowledge()
    assert await box.take() == f"k{WINDOW}"
