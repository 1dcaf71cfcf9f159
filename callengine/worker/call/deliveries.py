"""What the engine hands over for a call: sockets, sounds and words, each for one of its legs.

A descriptor that is for nobody here any more, as of an earlier call, is closed.
"""

import os
from collections.abc import Mapping

from callengine.core.control.agents import AgentSocket, ChangeAgent, TransferRefused
from callengine.core.control.browsers import BrowserSocket, ListenerSocket
from callengine.core.control.music import MusicReady
from callengine.core.control.speech import SpeechReady
from callengine.worker.browser.listening import Listening
from callengine.worker.call.holding import Holding
from callengine.worker.legs.party import AgentParty, BrowserParty, Party, SpeakingParty

ForAgent = AgentSocket | ChangeAgent | TransferRefused
Delivery = ForAgent | SpeechReady | MusicReady | BrowserSocket | ListenerSocket


class Deliveries:
    """Of one call; `legs` are the call's, by name."""

    def __init__(
        self, call: str, legs: Mapping[str, Party], *, holding: Holding, listening: Listening
    ) -> None:
        self._call = call
        self._legs = legs
        self._holding = holding
        self._listening = listening

    def take(self, message: Delivery, descriptor: int | None) -> None:
        """Give it to whom it is for, who owns the descriptor from then on; else close that."""
        if message.call != self._call or not self._is_taken(message, descriptor):
            refuse(descriptor)

    def _is_taken(self, message: Delivery, descriptor: int | None) -> bool:
        match message:
            case AgentSocket() | ChangeAgent() | TransferRefused():
                return self._for_agent(message, descriptor)
            case SpeechReady():
                party = self._legs.get(message.leg)
                if not isinstance(party, SpeakingParty):
                    return False
                party.speech(descriptor, message.lack)
                return True
            case _:
                return descriptor is not None and self._is_sound_taken(message, descriptor)

    def _is_sound_taken(
        self, message: MusicReady | BrowserSocket | ListenerSocket, descriptor: int
    ) -> bool:
        match message:
            case MusicReady():
                self._holding.take(message, descriptor)
            case ListenerSocket():
                self._listening.add(descriptor, message.by)
            case BrowserSocket():
                party = self._legs.get(message.leg)
                if not isinstance(party, BrowserParty):
                    return False
                party.attached(descriptor)
        return True

    def _for_agent(self, message: ForAgent, descriptor: int | None) -> bool:
        party = self._legs.get(message.leg)
        if not isinstance(party, AgentParty):
            return False
        match message:
            case AgentSocket():
                error = message.error or "its socket got lost"
                party.connected(descriptor, message.address, error)
            case ChangeAgent():
                party.change(message.settings, message.by)
            case TransferRefused():
                party.transfer_failed(message.key, message.code, message.why)
        return True


def refuse(descriptor: int | None) -> None:
    """Close what nobody here takes."""
    if descriptor is not None:
        os.close(descriptor)
