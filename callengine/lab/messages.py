"""What a page of the codec lab and the engines say to each other over the channel layer.

The page asks every engine; each answers with an offer or says why not. The page takes the first
offer and has that engine alone place the call, so however many hear, one does it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from channels.layers import get_channel_layer

from callengine.core.lab import LabCase
from callengine.lab.labcall import LabOrder
from callengine.notices import groups

ASK = "lab-ask"
PLACE = "lab-place"
OFFER_WITHIN_S = 3.0
OTHERS_WITHIN_S = 0.7
"How long other engines may take to offer once one has said no."
PLACED_WITHIN_S = 30.0
TALK_S = (3.0, 60.0)
"The shortest and the longest lab call."
NOBODY = (
    "No engine answered. Start it with manage.py serve (or manage.py callengine beside a web "
    "server of its own); with several processes they need the same REDIS_URL."
)


class NotPlacedError(Exception):
    """No lab call came of it; the text says why and what to do."""


async def place_lab_call(order: LabOrder) -> str:
    """Have one engine place a lab call; return the call's id once it is on the record.

    Raises NotPlacedError.
    """
    layer = get_channel_layer()
    assert layer is not None
    reply = await layer.new_channel()
    ask = {"type": "engine.command", "command": ASK, "reply": reply}
    await layer.group_send(groups.ENGINES, ask)
    engine = await _first_offer(layer, reply)
    await layer.send(engine, {**ask, "command": PLACE, "order": _data(order)})
    try:
        async with asyncio.timeout(PLACED_WITHIN_S):
            answer = await layer.receive(reply)
            while answer["type"] in ("lab.offer", "lab.busy"):  # of engines that came second
                answer = await layer.receive(reply)
    except TimeoutError:
        raise NotPlacedError(
            f"The engine did not place the call within {PLACED_WITHIN_S:g} s. Look into its log."
        ) from None
    if answer["type"] != "lab.placed":
        raise NotPlacedError(str(answer["text"]))
    return str(answer["call"])


async def _first_offer(layer: Any, reply: str) -> str:
    refusals: list[str] = []
    try:
        async with asyncio.timeout(OFFER_WITHIN_S) as patience:
            while True:
                answer = await layer.receive(reply)
                if answer["type"] == "lab.offer":
                    return str(answer["engine"])
                refusals.append(str(answer["text"]))
                patience.reschedule(asyncio.get_running_loop().time() + OTHERS_WITHIN_S)
    except TimeoutError:
        raise NotPlacedError(refusals[0] if refusals else NOBODY) from None


def offer(engine: str) -> dict[str, Any]:
    """Return an engine's offer; it hears the order on the channel `engine`."""
    return {"type": "lab.offer", "engine": engine}


def busy(text: str) -> dict[str, Any]:
    """Return why an engine offers nothing."""
    return {"type": "lab.busy", "text": text}


def refused(text: str) -> dict[str, Any]:
    """Return why an engine did not place what it was told to."""
    return {"type": "lab.refused", "text": text}


def placed(call: str) -> dict[str, Any]:
    """Return the word that the call is on the record."""
    return {"type": "lab.placed", "call": call}


def _data(order: LabOrder) -> dict[str, Any]:
    return {
        "case": order.case.to_dict(),
        "predicted": order.predicted,
        "by": order.by,
        "talk_s": order.talk_s,
    }


def order_of(message: Mapping[str, Any]) -> LabOrder:
    """Return the order in a message; raises ValueError if it cannot be read."""
    try:
        data = message["order"]
        shortest, longest = TALK_S
        return LabOrder(
            case=LabCase.from_dict(data["case"]),
            predicted=dict(data["predicted"]),
            by=str(data["by"]),
            talk_s=min(max(float(data["talk_s"]), shortest), longest),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("the page and the engine are of different versions") from error
