"""A record with telephone numbers masked: of each, no more than its last two digits stay. Pure.

What is a number is known from the call: who called, who was called, and whoever a SIP message names
by digits. Each is masked wherever it stands, in addresses, tags and sentences alike.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from callengine.core.snapshot import CallSnapshot, MessageSnapshot

SHOWN = 2
LEAST_DIGITS = 4
"An extension of fewer is nobody's telephone number."
LONG_DIGITS = 7
"No figure has so many: dots within them are those of a number."
MOST_DIGITS = 32
"Twice as many as a number has (ITU-T E.164): before it a carrier's prefix may stand."
MOST_USER = 80
"Characters of a URI's user part that are looked at; a longer one is nobody's number."
_OF_A_URI = re.compile(
    rf'\bsips?:([^@\s<>"]{{1,{MOST_USER}}})@|\btel:([^\s<>",]{{1,{MOST_USER}}})', re.IGNORECASE
)
_BEFORE_A_URI = re.compile(r'[":,][ \t]*([-+()*#.0-9][-+()*#.0-9 ]{3,39})"?[ \t]*<')
"A name that is shown."
_BY_DIGITS = re.compile(r"[-+()*#.0-9 ]+")
"A number, before which a prefix may stand that its carrier asks for."
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = re.compile(rf"(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\w|\.[0-9])")
_WRITTEN = re.compile(r"(?<![\w.])\+[0-9](?:[ ()./-]{0,2}[0-9]){5,14}(?![0-9])")
"`+1 (202) 555-0100`"
_LONG = re.compile(rf"(?<![0-9])[0-9]{{{LONG_DIGITS},{MOST_DIGITS}}}(?![0-9])")
_OURS = re.compile(rf"(?<![\w.@-])[0-9]{{{LONG_DIGITS},}}(?![\w.@-]*[\w@])")
"A number in a sentence of ours, which nobody may have sent yet."
_RUN = re.compile(r"[0-9]+(?:[ ()./-]{1,2}[0-9]+)*")
"Digits, and what people write between those of one number."
_KEPT = frozenset((
    "id", "at", "started", "answered", "ended", "began", "since", "last_packet", "peer", "remote",
    "target", "state", "kind", "direction", "reason", "codec", "codecs", "offered",
    "allowed",
))  # fmt: skip
"Fields that hold no telephone number: times, addresses, words of ours."
_SENTENCES = frozenset(("text", "advice", "said", "label", "destination", "source", "taken_by"))
"Fields of a call that hold no long figure that is not a number."
_DIGITS = re.compile(r"[0-9]+")


class NumberMask:
    """Masks the numbers of one call."""

    def __init__(self, call: CallSnapshot, messages: Iterable[MessageSnapshot]) -> None:
        texts = [call["from"], call["from_name"], call["to"], call["source"], call["destination"]]
        for message in messages:
            texts += _named_in(f"{message['summary']}\n{message['text']}")
        self._known = {digits for text in texts for digits in _numbers(text)}
        self._starts = {digits[:LEAST_DIGITS] for digits in self._known}
        self._ends = {digits[-LONG_DIGITS:] for digits in self._known if len(digits) >= LONG_DIGITS}
        "What the national and the international form of one number have alike."

    def text(self, text: str) -> str:
        """Return a text without its numbers."""
        if "+" in text:
            text = _WRITTEN.sub(lambda match: _covered(match.group()), text)
        return _LONG.sub(self._other_form, _RUN.sub(self._masked, text)) if self._known else text

    def call(self, told: CallSnapshot) -> Any:
        """Return a call without its numbers, those included that were dialled and not sent."""
        return self._whole(told, with_ours=True)

    def _other_form(self, run: re.Match[str]) -> str:
        digits = run.group()
        return _covered(digits) if digits[-LONG_DIGITS:] in self._ends else digits

    def _masked(self, run: re.Match[str]) -> str:
        """Return digits and what is between them without the numbers they hold.

        A caller may name as many as its messages hold: each is looked for by its place alone.
        """
        text, told, at = run.group(), [], 0
        groups = [group.span() for group in _DIGITS.finditer(text)]
        for index, (begin, _) in enumerate(groups):
            if begin >= at and (end := self._end(text, groups[index : index + MOST_DIGITS])):
                number = text[begin:end]
                told += [text[at:begin], number if _IPV4.fullmatch(number) else _covered(number)]
                at = end
        return "".join((*told, text[at:]))

    def _end(self, text: str, groups: list[tuple[int, int]]) -> int:
        """Return where the longest number ends that begins with these groups; 0: none does."""
        digits, longest = "", 0
        for begin, end in groups:
            digits += text[begin:end]
            if len(digits) >= LEAST_DIGITS and digits[:LEAST_DIGITS] not in self._starts:
                break
            is_dotted = "." in text[groups[0][0] : end]
            if digits in self._known and (len(digits) >= LONG_DIGITS or not is_dotted):
                longest = end
        return longest

    def whole(self, value: Any) -> Any:
        """Return plain data without its numbers; what is no text stays."""
        return self._whole(value)

    def _whole(self, value: Any, *, with_ours: bool = False, name: str = "") -> Any:
        if isinstance(value, str):
            text = self.text(value)
            is_ours = with_ours and name in _SENTENCES
            return _OURS.sub(lambda match: _covered(match.group()), text) if is_ours else text
        if isinstance(value, Mapping):
            return {
                name: item if name in _KEPT else self._whole(item, with_ours=with_ours, name=name)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._whole(item, with_ours=with_ours, name=name) for item in value]
        return value


def _named_in(text: str) -> Iterator[str]:
    """Yield what stands for somebody in a message and holds digits alone."""
    for user, number in _OF_A_URI.findall(text):
        named = (user or number).partition(";")[0].partition(":")[0]
        if _BY_DIGITS.fullmatch(unquote(named)):
            yield from {named, unquote(named)}
    yield from _BEFORE_A_URI.findall(text)


def _numbers(text: str) -> list[str]:
    """Return the digits of what may be a number; an IP address is none."""
    if re.search(r"[0-9a-f]*:[0-9a-f:]*:", text):
        return []
    joined = re.sub(r"(?<=[0-9])[ ().-]+(?=[0-9])", "", _IPV4.sub("", text))
    return [one for one in _DIGITS.findall(joined) if LEAST_DIGITS <= len(one) <= MOST_DIGITS]


def _covered(number: str) -> str:
    """Return a number of the same look with its digits covered, save for the last."""
    left = sum(char.isdigit() for char in number) - SHOWN
    told = []
    for char in number:
        told.append("*" if char.isdigit() and left > 0 else char)
        left -= char.isdigit()
    return "".join(told)
