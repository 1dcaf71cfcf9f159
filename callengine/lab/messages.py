"""The page's side of what the codec lab does: find an engine for it, and wait for its word.

The page asks every engine and takes the first offer; see `callengine.notices.lab`.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from channels.layers import get_channel_layer

from callengine.core.audition import Audition
from callengine.core.lab import LabCase
from callengine.core.trials import TrunkTrialStep
from callengine.lab.labcall import LabOrder
from callengine.notices import groups
from callengine.notices.auditions import AskForAuditions, MadeHeard, MakeHeard
from callengine.notices.lab import (
    AskForLab,
    LabBusy,
    LabOffer,
    LabPlaced,
    LabRefused,
    PlaceLabCall,
)
from callengine.notices.trials import TrialTold, TryTrunk
from callengine.notices.wire import Reader, to_message

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
Told = TypeVar("Told")
Answer = LabOffer | LabBusy | LabRefused | LabPlaced
ANSWERS: Reader[Answer] = Reader(LabOffer, LabBusy, LabRefused, LabPlaced)


TRIALS: Reader[TrialTold] = Reader(TrialTold)
TRIED_WITHIN_S = 180.0
AUDITIONS: Reader[Answer | MadeHeard] = Reader(LabOffer, LabBusy, LabRefused, MadeHeard)
HEARD_WITHIN_S = 60.0
"Others may wait for theirs before."


class NotPlacedError(Exception):
    """No lab call came of it; the text says why and what to do."""


async def place_lab_call(order: LabOrder) -> str:
    """Have one engine place a lab call; return the call's key once it is on the record.

    Raises NotPlacedError.
    """
    layer, reply, engine = await _engine(AskForLab)
    await layer.send(engine, to_message(_request(order, reply)))
    placed = await _within(PLACED_WITHIN_S, "place the call", _outcome(layer, reply))
    return placed.call


async def try_trunk(*, trial: str, trunk: str, number: str, by: str) -> tuple[Any, str]:
    """Have one engine test a trunk; return the channel layer and the channel it answers on.

    Raises NotPlacedError.
    """
    layer, reply, engine = await _engine(AskForLab)
    asked = TryTrunk(reply=reply, trial=trial, trunk=trunk, number=number, by=by)
    await layer.send(engine, to_message(asked))
    return layer, reply


async def whole_trial(layer: Any, reply: str) -> list[TrunkTrialStep]:
    """Return the steps of a test once it is over. Raises NotPlacedError."""
    return await _within(TRIED_WITHIN_S, "end the test", _last_steps(layer, reply))


async def _last_steps(layer: Any, reply: str) -> list[TrunkTrialStep]:
    while True:
        for told in TRIALS.read(await layer.receive(reply)):
            if told.is_over:
                return told.steps


async def make_heard(audition: Audition) -> MadeHeard:
    """Have one engine make a sound; return it with what was measured.

    Raises NotPlacedError.
    """
    layer, reply, engine = await _engine(AskForAuditions)
    codecs = list(audition.codecs)
    asked = MakeHeard(reply, audition.sound, codecs, audition.loss_percent)
    await layer.send(engine, to_message(asked))
    return await _within(HEARD_WITHIN_S, "make it", _made(layer, reply))


async def _within(seconds: float, what: str, coming: Awaitable[Told | LabRefused]) -> Told:
    """Return what an engine says of its doing; raises NotPlacedError if it does not, or says no."""
    try:
        async with asyncio.timeout(seconds):
            told = await coming
    except TimeoutError:
        raise NotPlacedError(
            f"The engine did not {what} within {seconds:g} s. Look into its log."
        ) from None
    if isinstance(told, LabRefused):
        raise NotPlacedError(told.text)
    return told


async def _made(layer: Any, reply: str) -> MadeHeard | LabRefused:
    while True:
        for told in AUDITIONS.read(await layer.receive(reply)):
            if isinstance(told, MadeHeard | LabRefused):  # not offers that came second
                return told


async def _engine(question: type[AskForLab | AskForAuditions]) -> tuple[Any, str, str]:
    """Return the channel layer, a channel for answers, and that of an engine which offers."""
    layer = get_channel_layer()
    assert layer is not None
    reply = await layer.new_channel(groups.CHANNELS)
    await groups.tell(groups.ENGINES, question(reply))
    return layer, reply, await _first_offer(layer, reply)


async def _outcome(layer: Any, reply: str) -> LabPlaced | LabRefused:
    while True:
        for answer in ANSWERS.read(await layer.receive(reply)):
            if isinstance(answer, LabPlaced | LabRefused):  # not of engines that came second
                return answer


async def _first_offer(layer: Any, reply: str) -> str:
    refusals: list[str] = []
    try:
        async with asyncio.timeout(OFFER_WITHIN_S) as patience:
            while True:
                for answer in ANSWERS.read(await layer.receive(reply)):
                    if isinstance(answer, LabOffer):
                        return answer.engine
                    if isinstance(answer, LabBusy):
                        refusals.append(answer.text)
                now = asyncio.get_running_loop().time()
                if refusals:
                    patience.reschedule(now + OTHERS_WITHIN_S)
    except TimeoutError:
        raise NotPlacedError(refusals[0] if refusals else NOBODY) from None


def _request(order: LabOrder, reply: str) -> PlaceLabCall:
    return PlaceLabCall(
        reply=reply,
        case=order.case.to_dict(),
        predicted=order.predicted,
        by=order.by,
        talk_s=order.talk_s,
    )


def order_of(request: PlaceLabCall) -> LabOrder:
    """Return what a page asks for; raises ValueError if the case cannot be read."""
    shortest, longest = TALK_S
    return LabOrder(
        case=LabCase.from_dict(request.case),
        predicted=request.predicted,
        by=request.by,
        talk_s=min(max(request.talk_s, shortest), longest),
    )
