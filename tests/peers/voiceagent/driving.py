"""Start the server for a test, and ask it."""

import base64

from tests.peers.programs import Program


class VoiceAgentPeer(Program):
    """The strict server as a process of its own; its URL tells it how to behave."""

    def __init__(self, key: str = "") -> None:
        super().__init__("tests.peers.voiceagent", "--key", key)

    def url(self, path: str = "/v1/ws", **query: str | int) -> str:
        """Return the URL of an agent that behaves as its query says."""
        return super().url(path, **query)

    def heard(self, call: int = -1) -> list[tuple[float, bytes]]:
        """Return the caller's audio, message by message, with its seconds since ready."""
        frames = self.ask("/frames", call=call)
        return [(at, base64.b64decode(audio)) for at, audio in frames]

    def do(self, what: str, **values: str | int) -> None:
        """Have something happen in the newest conversation, or in that of number `call`."""
        self.ask(f"/do/{what}", **values)

    def violations(self) -> list[str]:
        """Return all that clients did wrong."""
        return [text for conversation in self.log() for text in conversation["violations"]]
