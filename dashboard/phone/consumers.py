"""The websocket of the browser phone: who may, what the page asks for, and its sound.

Text is JSON, from the page `{"do": ...}`, to it `{"is": ...}`; binary is 20 ms of sound, of which
the page says `heard` now and then. Sound goes on to the call's process and touches neither the
channel layer nor the database.
"""

import asyncio
import contextlib
import json
import logging
import time
import uuid

from asgiref.sync import sync_to_async

from callengine.core.sounds import DIGITS, FRAME_BYTES, FrameKind
from callengine.lab.messages import NOBODY
from callengine.models import Call
from callengine.notices import groups
from callengine.notices.phone import (
    SAYS_EVERY_S,
    AskForPhone,
    PhoneGone,
    PhoneOffer,
    PhonePlaced,
    PhoneRefused,
    PhoneRings,
    PhoneThere,
    PlacePhoneCall,
)
from callengine.notices.wire import to_message
from dashboard.live.consumers import SAYS_TOO_MUCH
from dashboard.parts.named import NotNamedError, called, connection_named
from dashboard.phone.pages import PageSocket, Told
from dashboard.phone.sound import NoSoundError, PageSound

logger = logging.getLogger(__name__)

OFFER_WITHIN_S = 3.0
PLACED_WITHIN_S = 15.0
MOST_ASKED = 60
"What a page may ask for in ASKED_S: keys are pressed fast, but not for long."
ASKED_S = 10.0
WHY_WITHIN_S, WHY_EVERY_S = 5.0, 0.25
"How long, and how often, the record of a call is asked why it is over."
MOST_TEXT = 500
MOST_SOUND = 150
"Pieces of sound a second; a page sends 50."


class PhoneConsumer(PageSocket):
    """One page of the browser phone, with one call at most."""

    def __init__(self) -> None:
        super().__init__()
        self.page = uuid.uuid4().hex
        self.sound: PageSound | None = None
        self.placing: dict[str, str] | None = None
        "What is being placed, until an engine has said yes or no."
        self.is_about_to_ring = False
        self.call = ""
        "UUID of the call that it placed, until it was told why that is over."
        self.takes_for = ""
        self.asked, self.asked_since = 0, 0.0
        self.heard, self.heard_since = 0, 0.0

    async def told(self, told: Told) -> None:
        match told:
            case PhoneOffer():
                await self._offered(told)
            case PhoneRefused():
                await self._was_refused(told)
            case PhonePlaced():
                await self._placed(told)
            case PhoneRings():
                await self._rings(told)

    async def left(self) -> None:
        """End the call of a page that is gone, and have it ring no more."""
        await super().left()
        self._hang_up()
        took_for, self.takes_for = self.takes_for, ""
        if took_for:
            await groups.tell(groups.ENGINES, PhoneGone(self.page))

    # What the page says

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take sound, or what the page asks for, as long as it may."""
        if self.outbox.close_code is not None:
            return
        if bytes_data is not None:
            self._take_sound(bytes_data)
            return
        if self.has_heard(text_data):
            return
        if self._is_too_much(len(text_data or "")):
            self.outbox.close(SAYS_TOO_MUCH)
            return
        try:
            asked = json.loads(text_data or "")
        except (ValueError, RecursionError):
            asked = None
        if isinstance(asked, dict) and all(isinstance(value, str) for value in asked.values()):
            await self._do(asked)

    def _take_sound(self, data: bytes) -> None:
        now = time.monotonic()
        if now - self.heard_since >= 1:
            self.heard, self.heard_since = 0, now
        self.heard += 1
        if self.heard > MOST_SOUND or len(data) != FRAME_BYTES:
            self.outbox.close(SAYS_TOO_MUCH)
        elif self.sound is not None:
            self.sound.send(FrameKind.SOUND, data)

    def _is_too_much(self, length: int) -> bool:
        now = time.monotonic()
        if now - self.asked_since >= ASKED_S:
            self.asked, self.asked_since = 0, now
        self.asked += 1
        return length > MOST_TEXT or self.asked > MOST_ASKED

    async def _do(self, asked: dict[str, str]) -> None:
        match asked:
            case {"do": "call", "to": to, "as": calls_as}:
                await self._call(to, calls_as)
            case {"do": "take", "as": takes_for}:
                await self._take(takes_for)
            case {"do": "answer"} if self.sound is not None:
                self.sound.send(FrameKind.ANSWER)
            case {"do": "hang-up"}:
                await self._end()
            case {"do": "digit", "digit": digit} if self.sound is not None and digit in DIGITS:
                self.sound.send(FrameKind.DIGIT, digit.encode())

    # Calling

    async def _call(self, to: str, calls_as: str) -> None:
        try:
            whom = await sync_to_async(called)(to)
            caller = await sync_to_async(connection_named)(calls_as)
        except NotNamedError as error:
            await self.say("refused", text=str(error), call="")
            return
        if self._has_call:  # asked last: one may have come meanwhile
            text = "This page has a call already. Hang up first."
            await self.say("refused", text=text, call="")
            return
        order = uuid.uuid4().hex
        connection = caller.key if caller else ""
        self.placing = {
            "to": whom.dialled,
            "words": whom.words,
            "connection": connection,
            "refusal": "",
            "order": order,
        }
        what = f"called {whom.words} from the browser" + (f" as {caller.words}" if caller else "")
        await self.note(what, whom.words)
        self.start("placing", self._give_up(OFFER_WITHIN_S, NOBODY))
        await groups.tell(groups.ENGINES, AskForPhone(self.channel))

    async def _give_up(self, after_s: float, why: str) -> None:
        await asyncio.sleep(after_s)
        if self.placing is not None:
            await self._refused(self.placing["refusal"] or why)

    async def _offered(self, told: PhoneOffer) -> None:
        """Give the first engine that offers the order."""
        if self.placing is None or "engine" in self.placing:
            return
        self.placing["engine"] = told.engine
        to, connection = self.placing["to"], self.placing["connection"]
        user = self.scope["user"].get_username()
        order = PlacePhoneCall(self.channel, to, connection, user, self.placing["order"])
        await self.layer.send(told.engine, to_message(order))
        late = f"The engine did not place the call within {PLACED_WITHIN_S:g} s: see its log."
        self.start("placing", self._give_up(PLACED_WITHIN_S, late))

    async def _was_refused(self, told: PhoneRefused) -> None:
        """Tell the page that its call was not placed, unless another engine may yet say yes."""
        if self.placing is not None and told.is_offer:
            self.placing["refusal"] = told.text
        elif self.placing is not None and told.order in ("", self.placing["order"]):
            await self._refused(told.text, told.call)

    async def _refused(self, text: str, call: str = "") -> None:
        self.placing = None
        self.stop("placing")
        await self.say("refused", text=text, call=call)

    async def _placed(self, told: PhonePlaced) -> None:
        """Connect the page's sound with its call, or end that if it was given up meanwhile."""
        placing = self.placing
        if placing is None or told.order != placing["order"]:
            self._decline(told)
            return
        self.stop("placing")
        try:
            sound = await PageSound.connect(told.host, told.port, told.token)
        except NoSoundError as error:
            if self.placing is placing:
                await self._refused(str(error))
            return
        if self.placing is not placing:
            _end(sound)
            return
        self.placing, self.call = None, told.call
        self._follow(sound)
        await self.say("placed", call=told.call, name=placing["words"])

    def _follow(self, sound: PageSound) -> None:
        self.sound = sound
        sound.follow(self._heard, self._over)

    async def _heard(self, kind: FrameKind, content: bytes) -> None:
        if kind is FrameKind.SOUND:
            await self.sound_to_page(content)
        elif kind is FrameKind.STATE:
            told = json.loads(content)
            if told["state"] == "why":
                self.call = ""
            await self.say("state", **told)

    async def _over(self) -> None:
        """Tell the page that its call is over; and why, if the call process could not.

        A call may end before the page's sound has reached its process, and a process may die.
        """
        self.sound, call, self.call = None, self.call, ""
        await self.say("over")
        if call:
            self.start("why", self._tell_why(call))

    async def _tell_why(self, call: str) -> None:
        until = time.monotonic() + WHY_WITHIN_S
        while time.monotonic() < until:
            if end := await sync_to_async(_end_of)(call):
                await self.say("state", state="why", code=end.code or 0, text=end.advice, call=call)
                return
            await asyncio.sleep(WHY_EVERY_S)

    async def _end(self) -> None:
        if self.placing is not None:
            await self._refused("Hung up.")
        elif self.sound is not None:
            self.call = ""  # its page knows why
            self.sound.send(FrameKind.HANG_UP)

    def _hang_up(self) -> None:
        """End the call of a page that is gone."""
        sound, self.sound = self.sound, None
        if sound is not None:
            _end(sound)

    # Being called

    async def _take(self, takes_for: str) -> None:
        try:
            party = await sync_to_async(connection_named)(takes_for)
        except NotNamedError as error:
            await self.say("taking", connection="", name="", text=str(error))
            return
        connection, words = (party.key, party.words) if party else ("", "")
        before, self.takes_for = self.takes_for, connection
        self.stop("there")
        if connection:
            await self.note(f"takes calls for {words} in the browser", words)
            self.start("there", self._stay())
        elif before:
            await groups.tell(groups.ENGINES, PhoneGone(self.page))
        await self.say("taking", connection=connection, name=words, text="")

    async def _stay(self) -> None:
        user = self.scope["user"].get_username()
        there = PhoneThere(self.page, self.channel, self.takes_for, user)
        while True:
            try:
                await groups.tell(groups.ENGINES, there)
            except Exception:
                logger.warning("engines are not told that a browser is there", exc_info=True)
            await asyncio.sleep(SAYS_EVERY_S)

    async def _rings(self, told: PhoneRings) -> None:
        """Have the page ring; one that has a call is busy."""
        if self._has_call:
            self._decline(told)
            return
        self.is_about_to_ring = True
        try:
            sound = await PageSound.connect(told.host, told.port, told.token)
        except NoSoundError as error:
            await self._refused(str(error))
            return
        finally:
            self.is_about_to_ring = False
        self._follow(sound)
        await self.say("rings", call=told.call, caller=told.caller, name=told.caller_name)

    @property
    def _has_call(self) -> bool:
        return self.sound is not None or self.placing is not None or self.is_about_to_ring

    def _decline(self, told: PhoneRings | PhonePlaced) -> None:
        """End a call that this page does not take, at once: somebody may be rung."""
        self.start(f"declining {told.call}", _decline(told))


async def _decline(told: PhoneRings | PhonePlaced) -> None:
    with contextlib.suppress(NoSoundError):  # then its leg gives up by itself
        _end(await PageSound.connect(told.host, told.port, told.token))


def _end_of(call: str) -> Call | None:
    return Call.objects.filter(pk=call, ended__isnull=False).only("code", "advice").first()


def _end(sound: PageSound) -> None:
    sound.send(FrameKind.HANG_UP)
    sound.close()
