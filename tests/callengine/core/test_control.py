"""What engine, fork server and call processes say to each other, and what nobody may say."""

import copy
import dataclasses
import functools
import json
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import limits
from callengine.core.control import calls, forking
from callengine.core.control.language import (
    MAX_MESSAGE_BYTES,
    MAX_TOGETHER,
    ControlError,
    Language,
    encode,
    together,
)
from callengine.core.limits import ORDER_TIMEOUT_S
from callengine.core.orders import AgentOrder, CallOrder, LegOrder, TransferOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.shapes import Moment, Most, Within
from connections.models import MAX_RING_TIMEOUT_S
from tests.callengine.facts import agent_facts

LANGUAGES = (
    calls.TO_CALL_PROCESS,
    calls.FROM_CALL_PROCESS,
    forking.TO_FORK_SERVER,
    forking.FROM_FORK_SERVER,
)
KINDS = [(language, kind) for language in LANGUAGES for kind in language.kinds.values()]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@functools.cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return what a field of this type may hold."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _bounded(*arguments)
    if origin in (Union, types.UnionType):
        return st.one_of([st.none() if a is type(None) else values(a) for a in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if is_typeddict(hint):
        return st.fixed_dictionaries({n: values(h) for n, h in _hints(hint).items()})
    if dataclasses.is_dataclass(hint):
        return st.builds(hint, **{n: values(h) for n, h in _hints(hint).items()})
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return PLAIN[hint]


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(-(2.0**53), 2.0**53),
    bool: st.booleans(),
}


def _hints(hint: Any) -> dict[str, Any]:
    return get_type_hints(hint, include_extras=True)


def _bounded(inner: Any, bound: Any) -> st.SearchStrategy[Any]:
    match bound:
        case Most(length):
            return TEXTS.map(lambda text: text[:length])
        case Within(low, high):
            numbers = st.integers if inner is int else st.floats
            return numbers(inner(low), inner(high))
        case Moment():
            times = st.floats(0, 4e9).map(lambda at: datetime.fromtimestamp(at, UTC))
            return times.map(lambda at: at.isoformat(timespec="seconds"))
    raise AssertionError(bound)


MESSAGES = st.sampled_from(KINDS).flatmap(lambda pair: st.tuples(st.just(pair[0]), values(pair[1])))


@pytest.mark.parametrize(("language", "kind"), KINDS, ids=[kind.__name__ for _, kind in KINDS])
@settings(max_examples=30)
@given(data=st.data())
def test_every_message_is_read_as_it_was_written(
    language: Language[Any], kind: Any, data: st.DataObject
) -> None:
    message = data.draw(values(kind))
    read = language.decode(encode(message))
    assert read == message
    assert type(read) is kind


def test_every_direction_has_its_own_words() -> None:
    names = [name for language in LANGUAGES for name in language.kinds]
    assert len(set(names)) == len(names) == 44
    with pytest.raises(ControlError, match="no message 'Stop' here"):
        calls.FROM_CALL_PROCESS.decode(encode(calls.Stop()))


@given(st.binary(max_size=300), st.sampled_from(LANGUAGES))
def test_bytes_that_are_no_message_are_told_as_such(data: bytes, language: Language[Any]) -> None:
    with pytest.raises(ControlError):
        language.decode(data)


@given(MESSAGES, st.data())
def test_a_byte_that_flips_makes_an_error_or_a_message(given_: Any, data: st.DataObject) -> None:
    language, message = given_
    written = bytearray(encode(message))
    at, byte = data.draw(st.integers(0, len(written) - 1)), data.draw(st.integers(0, 255))
    is_same = written[at] == byte
    written[at] = byte
    assert not (_complaint(language, bytes(written)) and is_same)


ODD = st.sampled_from(
    [None, True, -1, 2**63, 1e300, "x" * 20_000, "\0", "\ud800", [], [[]], {}, {"a": 1}, "x"]
)


@given(MESSAGES, st.data())
def test_a_field_that_is_wrong_is_named(given_: Any, data: st.DataObject) -> None:
    """Each place of a message, given each kind of wrong value."""
    language, message = given_
    tree = json.loads(encode(message))
    places = list(_places(tree, ()))
    place = data.draw(st.sampled_from(places))
    wrong = copy.deepcopy(tree)
    holder: Any = wrong
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = data.draw(ODD)
    complaint = _complaint(language, json.dumps(wrong).encode())
    assert not complaint or place[0] == "type" or f"{tree['type']}.{place[0]}" in complaint


def _complaint(language: Language[Any], data: bytes) -> str:
    """Return why bytes are no message; empty if they are one."""
    try:
        read = language.decode(data)
    except ControlError as error:
        return str(error)
    assert type(read) in language.kinds.values()
    encode(read)
    return ""


def _places(value: Any, so_far: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in inner:
        yield (*so_far, name)
        if isinstance(item, dict | list):
            yield from _places(item, (*so_far, name))


def facts(**wrong: Any) -> str:
    """Return the facts of a voice agent's session, with some fields wrong."""
    return json.dumps({**json.loads(encode(agent_facts())), **wrong})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it is no JSON"),
        ("[" * 200_000, "it is no JSON"),
        ("9" * 5000, "it is no JSON"),
        ('{"type": "QualityMeasured", "legs": {"A": NaN}}', "NaN is no number"),
        ("[]", "there is no message"),
        ('{"type": ["Idle"]}', "there is no message"),
        ('{"type": "Idle"}', "Idle.recycle is missing"),
        ('{"type": "Idle", "recycle": 1}', "Idle.recycle is neither true nor false"),
        ('{"type": "Idle", "recycle": true, "more": 1}', "Idle.more is not known"),
        (
            '{"type": "StateReached", "state": "gone", "at": 1}',
            "StateReached.state is no CallState",
        ),
        ('{"type": "StateReached", "state": "held", "at": 1e12}', "StateReached.at is not within"),
        ('{"type": "Unable", "reason": "x", "why": ""}', "Unable.reason is none of"),
        ('{"type": "TransferOver", "leg": "BBBBB", "at": 1}', "has more than 4 characters"),
        (facts(moments={"lunch": 1}), "AgentFacts.moments.a key in it is none of asked, connected"),
        (facts(moments={"ready": 1e12}), "AgentFacts.moments.ready is not within"),
        (facts(state="tired"), "AgentFacts.state is none of connecting"),
        (facts(queue_ms=-1), "AgentFacts.queue_ms is not within"),
        (facts(input="audio/opus"), "AgentFacts.input is no Encoding"),
        (facts(close_reason="x" * 501), "AgentFacts.close_reason has more than 500 characters"),
        (facts(more=1), "AgentFacts.more is not known"),
        ('{"type": "ConnectAgent", "leg": "B", "url": "wss://x"}', "ConnectAgent.url is not known"),
        (
            '{"type": "AgentLine", "leg": "B", "key": "1", "who": "nobody", "text": "",'
            ' "is_final": true, "is_interrupted": false, "at": 1}',
            "AgentLine.who is none of caller, agent",
        ),
        (
            '{"type": "TransferAsked", "leg": "B", "key": "1", "target": "\\u0000"}',
            "TransferAsked.target holds characters that no database stores",
        ),
        ('{"type": "QualityMeasured", "legs": {"A": {}}}', "QualityMeasured.legs.A.audio is miss"),
        (
            '{"type": "TimelineNote", "kind": "x", "leg": "", "text": "\\ud800", "at": 1}',
            "TimelineNote.text holds characters that no database stores",
        ),
    ],
)
def test_the_complaint_names_the_field(text: str, complaint: str) -> None:
    with pytest.raises(ControlError) as error:
        calls.FROM_CALL_PROCESS.decode(text.encode())
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("a\0b", "a?b"),
        ("\0\0", "??"),
        ("\\\0", "\\?"),
        (r"\u0000", r"\u0000"),
        (r"\\u0000", r"\\u0000"),
        ("\ud800\0", "??"),
    ],
)
def test_what_no_database_stores_of_a_peers_words_costs_no_call(said: str, read: str) -> None:
    note = calls.TimelineNote("agent-error", "B", said, 1.0)
    assert calls.FROM_CALL_PROCESS.decode(encode(note)) == dataclasses.replace(note, text=read)


def test_a_message_that_is_too_long_is_neither_written_nor_read() -> None:
    leg = LegOrder("B", "token", label="x" * 16_000)
    order = TransferOrder("1" * 32, "bob", "olga", (WaveOrder((leg,) * 20, (), ()),), 5.0)
    with pytest.raises(ControlError, match="too long"):
        encode(calls.TransferCall(order))
    with pytest.raises(ControlError, match="too long"):
        calls.TO_CALL_PROCESS.decode(b" " * (MAX_MESSAGE_BYTES + 1))


def largest_agent(letter: str) -> AgentOrder:
    """Return an agent all of whose settings are as large as they may be."""
    short, parameter = letter * limits.MAX_SHORT, letter * limits.MAX_PARAMETER_VALUE
    return AgentOrder(
        name=letter * limits.MAX_NAME,
        dialect=short,
        url=letter * limits.MAX_URL,
        secret=letter * limits.MAX_SECRET,
        agent_id=short,
        system_prompt=letter * limits.MAX_PROMPT,
        greeting=letter * limits.MAX_GREETING,
        voice=short,
        transcription_model=short,
        tools=letter * limits.MAX_TOOLS,
        keyterms=(letter * limits.MAX_KEYTERM,) * limits.MAX_KEYTERMS,
        turn_detection=letter * limits.MAX_TURN_DETECTION,
        volume=100,
        parameters={f"{n:064}": parameter for n in range(limits.MAX_PARAMETERS)},
    )


@pytest.mark.parametrize("letter", ['"', "é", "語", "🎧"])
def test_the_largest_agent_fits_into_an_order_whatever_its_characters(letter: str) -> None:
    wave = WaveOrder((LegOrder("B", "", agent=largest_agent(letter)),), ("PCMU",), ())
    order = CallOrder("1" * 32, "127.0.0.1:5060", LegOrder("A", "t"), (wave,), None, 60.0, 3600.0)
    assert calls.TO_CALL_PROCESS.decode(encode(calls.TakeCall(order))).order == order


def test_an_agents_secret_is_in_no_repr() -> None:
    agent = AgentOrder("support", "twilio", "ws://a?key=hush", secret="hush", tools='["hush"]')
    order = LegOrder("B", "", agent=agent)
    assert "hush" not in repr(calls.TransferCall(_transfer(order)))


def _transfer(leg: LegOrder) -> TransferOrder:
    return TransferOrder("1" * 32, "bob", "olga", (WaveOrder((leg,), (), ()),), 5.0)


def test_text_that_is_no_utf_8_is_replaced_as_it_is_written() -> None:
    """A peer's byte that pjsua2 hands on as a lone surrogate must not end the call."""
    ended = calls.CallEnded(Termination("caller", "caller-lost", 500, "He said \udcff."), 1.0)
    read = calls.FROM_CALL_PROCESS.decode(encode(ended))
    assert read.termination.advice == "He said ?."


def test_a_transfer_may_take_as_long_as_anybody_may_ring() -> None:
    longest_s = ORDER_TIMEOUT_S + MAX_RING_TIMEOUT_S
    expected = calls.ExpectTransfer("0" * 32, "A", longest_s)
    assert calls.TO_CALL_PROCESS.decode(encode(expected)) == expected


def test_what_is_said_in_one_turn_travels_together_and_in_order() -> None:
    said = [calls.Taken(), calls.TimelineNote("x", "", "two\nlines", 1.0), calls.Idle(False)]
    packet = together(map(encode, said))
    assert list(calls.FROM_CALL_PROCESS.decode_all(packet)) == said


def test_a_packet_holds_no_more_messages_than_may_come_together() -> None:
    packet = together([encode(calls.Taken())] * (MAX_TOGETHER + 1))
    with pytest.raises(ControlError, match="more than 64 messages"):
        calls.FROM_CALL_PROCESS.decode_all(packet)
