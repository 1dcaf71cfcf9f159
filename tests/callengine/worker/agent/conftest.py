"""The strict agent as a process of its own, once for all calls of a module."""

from collections.abc import Iterator

import pytest

from tests.peers.voiceagent.driving import VoiceAgentPeer


@pytest.fixture(scope="module")
def agent() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer("key") as running:
        yield running
