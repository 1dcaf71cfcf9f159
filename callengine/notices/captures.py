"""What pages ask of engines about packets that are recorded. Every engine hears each."""

from dataclasses import dataclass

from callengine.notices.wire import command


@command("capture")
@dataclass(frozen=True, slots=True)
class CaptureAsked:
    """There is a new row: whose call it names, or who has its party's next call, records it."""

    key: str
    "UUID with hyphens."


@command("capture-stop")
@dataclass(frozen=True, slots=True)
class StopCapture:
    """Record no more, or do not wait any more."""

    key: str


@command("capture-drop")
@dataclass(frozen=True, slots=True)
class DropCapture:
    """Its row is gone: delete the file, if it lies here."""

    key: str
