"""What is offered to users fits what the dialects do."""

import pytest

from agents.dialects.interface import Dialect, ImmutableError, Session
from agents.dialects.kinds import SETTINGS, DialectKind
from agents.dialects.registry import DIALECTS, make
from agents.formats import Encoding

KINDS = pytest.mark.parametrize("kind", DIALECTS.values(), ids=DIALECTS)


def test_each_of_the_four_is_found() -> None:
    assert {"assemblyai", "openai", "plivo", "twilio"} <= set(DIALECTS)


@KINDS
def test_what_is_made_is_of_its_kind(kind: DialectKind) -> None:
    dialect: Dialect = make(kind.name, Session(url=kind.url_example))
    assert dialect.name == kind.name
    assert dialect.takes_digits == kind.takes_digits


def test_a_dialect_there_is_not_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        make("morse", Session(url="ws://127.0.0.1/"))


@KINDS
def test_all_that_is_said_of_settings_is_of_settings(kind: DialectKind) -> None:
    assert kind.settings <= SETTINGS
    assert kind.mutable <= kind.settings
    assert kind.replaced_by_agent_id <= kind.settings
    assert kind.notes.keys() <= kind.settings
    assert all(needed <= kind.settings for needed in kind.needs)
    assert kind.inputs
    assert kind.outputs


@pytest.mark.parametrize("name", ["twilio", "plivo"])
def test_carriers_speak_mu_law_alone(name: str) -> None:
    assert DIALECTS[name].inputs == DIALECTS[name].outputs == (Encoding.PCMU,)


@pytest.mark.parametrize("name", ["assemblyai", "openai"])
def test_the_others_speak_all_three_and_wideband_by_default(name: str) -> None:
    kind = DIALECTS[name]
    assert kind.inputs == kind.outputs == (Encoding.PCM, Encoding.PCMU, Encoding.PCMA)


@KINDS
def test_a_change_that_cannot_be_is_refused_with_its_reason(kind: DialectKind) -> None:
    dialect = kind.make(Session(url=kind.url_example))
    for setting in ("output", "voice", "greeting", "agent_id", "nonsense"):
        with pytest.raises(
            ImmutableError, match=f"{setting} cannot change during a call: .+allowed"
        ):
            dialect.change({setting: "x"})


@KINDS
def test_the_secret_is_in_no_repr(kind: DialectKind) -> None:
    session = Session(url=kind.url_example, secret="s3cr3t-value")
    dialect = kind.make(session)
    shown = f"{session!r} {dialect.handshake(1.7e9)!r} {dialect!r} {dialect.opened(1.0)!r}"
    assert "s3cr3t-value" not in shown
