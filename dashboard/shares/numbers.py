"""A record with telephone numbers masked: of each, no more than its last two digits stay. Pure.

What is a number is known from the call: who called, who was called, and whoever a SIP message names
by digits. Each is masked wherever it stands, in addresses, tags and sentences alike.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from callengine.core.snapshot import CallSnapshot, MessageSnapshot

SHOWN = 2
LEAST_DIGITS = 4
"An extension of fewer is nobody's telephone number."
_IN_A_URI = re.compile(r"(?:\bsips?|\btel):\+?((?:[0-9]|%2[0-9A-F]|[-.()])+)", re.IGNORECASE)
_WRITTEN = re.compile(r"(?<![\w.:])\+[0-9](?:[ ()/-]{0,2}[0-9]){5,14}(?![0-9])")
"`+1 (202) 555-0100`"
_BETWEEN = "[ ()/-]{0,2}"
"What people write between the digits of one number."
_KEPT = frozenset((
    "id", "at", "started", "answered", "ended", "began", "since", "last_packet", "peer", "remote",
    "target", "state", "kind", "direction", "reason", "codec", "codecs", "offered",
    "allowed",
))  # fmt: skip
"Fields that hold no telephone number: times, addresses, words of ours."
_DIGITS = re.compile(r"[0-9]+")


class NumberMask:
    """Masks the numbers of one call."""

    def __init__(self, call: CallSnapshot, messages: Iterable[MessageSnapshot]) -> None:
        texts = [call["from"], call["from_name"], call["to"], call["source"], call["destination"]]
        known = {digits for text in texts for digits in _numbers(text)}
        for message in messages:
            for user in _IN_A_URI.findall(f"{message['summary']}\n{message['text']}"):
                known |= {digits for digits in _numbers(user) if "." not in user}
        longest_first = sorted(known, key=lambda digits: (-len(digits), digits))
        self._known = (
            re.compile(rf"(?<![0-9])(?:{'|'.join(map(_BETWEEN.join, longest_first))})(?![0-9])")
            if longest_first
            else None
        )

    def text(self, text: str) -> str:
        """Return a text without its numbers."""
        if "+" in text:
            text = _WRITTEN.sub(lambda found: _covered(found.group()), text)
        if self._known is not None:
            text = self._known.sub(lambda found: _covered(found.group()), text)
        return text

    def whole(self, value: Any) -> Any:
        """Return plain data without its numbers; what is no text stays."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                name: item if name in _KEPT else self.whole(item) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.whole(item) for item in value]
        return value


def _numbers(text: str) -> list[str]:
    """Return the digits of what may be a number; an IP address is none."""
    if re.search(r"[0-9]+\.[0-9]+\.[0-9]+", text) or re.search(r"[0-9a-f]*:[0-9a-f:]*:", text):
        return []
    joined = re.sub(r"(?<=[0-9])[ ().-]+(?=[0-9])", "", text)
    return [digits for digits in _DIGITS.findall(joined) if len(digits) >= LEAST_DIGITS]


def _covered(number: str) -> str:
    """Return a number of the same look with its digits covered, save for the last."""
    left = sum(char.isdigit() for char in number) - SHOWN
    told = []
    for char in number:
        told.append("*" if char.isdigit() and left > 0 else char)
        left -= char.isdigit()
    return "".join(told)
