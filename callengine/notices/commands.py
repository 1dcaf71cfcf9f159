"""What pages ask of engines. Every engine hears each; the one that holds the call does it."""

from dataclasses import dataclass

from callengine.notices.wire import command


@command("hangup")
@dataclass(frozen=True, slots=True)
class HangUpCall:
    """End a call; nothing happens if it has ended meanwhile."""

    call: str
    "UUID with hyphens."
    by: str
    "User name that will stand in the record."


@command("transfer")
@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect a call's caller with somebody else."""

    call: str
    "UUID with hyphens."
    to: str
    "A number or a SIP user, as it was typed."
    by: str


@command("agent-change")
@dataclass(frozen=True, slots=True)
class ChangeAgentSettings:
    """Change settings of a voice agent's session while it lasts."""

    call: str
    "UUID with hyphens."
    leg: str
    settings: str
    "JSON: a mapping of the settings that change, as `Dialect.change` takes them."
    by: str


@command("agent-hangup")
@dataclass(frozen=True, slots=True)
class EndByAgent:
    """End a call because the voice agent it has talked to says so elsewhere than on its socket.

    Nothing happens if another has the call by now.
    """

    call: str
    "UUID with hyphens."
    agent: str
    "The agent's name, whose secret came with the request."


@command("watch-levels")
@dataclass(frozen=True, slots=True)
class WatchLevels:
    """Tell pages for a while how loud a call's parties are; who still looks says it again."""

    call: str
    "UUID with hyphens."


@command("lift")
@dataclass(frozen=True, slots=True)
class LiftBan:
    """Let in again whoever was banned; without it engines read it in a moment."""

    source: str
    user: str
    "Empty: the whole source."
