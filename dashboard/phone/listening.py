"""The websocket of somebody who listens to a call: the caller in one ear, the callee in the other.

Binary is one byte, 0 for left and 1 for right, and 20 ms of sound; text is as the phone's.
"""

import asyncio
import uuid

from asgiref.sync import sync_to_async

from callengine.core.sounds import FrameKind
from callengine.models import Call
from callengine.notices import groups
from callengine.notices.phone import ListenToCall, PhonePlaced, PhoneRefused
from dashboard.phone.pages import PageSocket, Told
from dashboard.phone.sound import NoSoundError, PageSound

ANSWERED_WITHIN_S = 5.0
OVER = "The call is over."
SILENT = "The engine that carries the call does not answer. See the pill at the top."
EARS = {FrameKind.LEFT: b"\0", FrameKind.RIGHT: b"\1"}


class ListenConsumer(PageSocket):
    """One page on which somebody listens to one call."""

    def __init__(self) -> None:
        super().__init__()
        self.sound: PageSound | None = None
        self.call: Call | None = None

    async def accepted(self) -> None:
        """Ask the engine that has the call."""
        await super().accepted()
        key: uuid.UUID = self.scope["url_route"]["kwargs"]["call_uuid"]
        self.call = await sync_to_async(_live)(key)
        if self.call is None:
            await self.say("refused", text=OVER)
            return
        by = self.scope["user"].get_username()
        await groups.tell(groups.ENGINES, ListenToCall(str(key), self.channel, by))
        self.start("asking", self._give_up())

    async def _give_up(self) -> None:
        await asyncio.sleep(ANSWERED_WITHIN_S)
        # The engine lets a call go a moment before its record says so, and then says nothing of it.
        call, self.call = self.call, None  # an answer from now on comes too late
        is_up = call is not None and await sync_to_async(_live)(call.pk) is not None
        await self.say("refused", text=SILENT if is_up else OVER)

    async def told(self, told: Told) -> None:
        """Hear the call, or tell why not."""
        if self.call is None:
            return
        self.stop("asking")
        if isinstance(told, PhoneRefused):
            await self.say("refused", text=told.text)
        elif isinstance(told, PhonePlaced) and self.sound is None:
            parties = f"{self.call.from_user} to {self.call.to_user}"
            await self.note("listened in the browser", parties, row=self.call)
            try:
                self.sound = await PageSound.connect(told.host, told.port, told.token)
            except NoSoundError as error:
                await self.say("refused", text=str(error))
                return
            self.sound.follow(self._heard, self._over)

    async def _heard(self, kind: FrameKind, content: bytes) -> None:
        if kind in EARS:
            await self.sound_to_page(EARS[kind] + content)
        elif kind is FrameKind.STATE and b"listening" in content:
            await self.say("listening")

    async def _over(self) -> None:
        self.sound = None
        await self.say("over")

    async def left(self) -> None:
        """Listen no more."""
        await super().left()
        sound, self.sound = self.sound, None
        if sound is not None:
            sound.send(FrameKind.HANG_UP)
            sound.close()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take that it hears, and nothing else: who has heard enough closes the websocket."""
        self.has_heard(text_data)


def _live(key: uuid.UUID) -> Call | None:
    return Call.objects.filter(pk=key, ended__isnull=True).first()
