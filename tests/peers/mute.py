"""Phones that die at the wrong moment: they hear, and say nothing any more."""

from typing import Any

import sipmessage

from tests.peers.phone import Phone


class MutePhone(Phone):
    """A phone that can stop answering requests, and stop acknowledging answers.

    `mute` may name the methods that are not answered; True stands for all of them.
    """

    mute: bool | frozenset[str] = False

    async def _received(self, request: sipmessage.Request) -> None:
        deaf = self.mute if isinstance(self.mute, bool) else request.method in self.mute
        if not deaf:
            await super()._received(request)

    def never_acknowledge(self) -> None:
        """Send no ACK for a 2xx from now on."""

        async def nothing(_: Any) -> None:
            return

        self.transactions.send_ack = nothing  # type: ignore[method-assign]
