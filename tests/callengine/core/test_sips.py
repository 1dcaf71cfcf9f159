"""Whom a sips: call may ring."""

import pytest

from callengine.core.plan import PlannedTarget, Wave
from callengine.core.request import NotPlannedError
from callengine.core.sips import is_secure, over_tls

TARGETS = [
    (PlannedTarget("sip:a@h;transport=tls", "", label="gw"), True),
    (PlannedTarget("sip:a@h;Transport=TLS;x=y", "", label="gw"), True),
    (PlannedTarget("sips:a@h", "", label="gw"), True),
    (PlannedTarget("sip:a@h", "", label="gw"), False),
    (PlannedTarget("sip:a@h;transport=tlsx", "", label="gw"), False),
    (PlannedTarget("sip:a@h?x=;transport=tls", "", label="gw"), False),
    (PlannedTarget("sip:a@h;transport=tls", "", flow="udp:192.0.2.1:5060", label="gw"), False),
    (PlannedTarget("sip:a@h", "", flow="tls:192.0.2.1:5060", label="phone"), True),
    (PlannedTarget("", "", agent="support", label="Support"), True),
]
SECURE = tuple(target for target, secure in TARGETS if secure)
OPEN = tuple(target for target, secure in TARGETS if not secure)


@pytest.mark.parametrize(("target", "secure"), TARGETS)
def test_what_is_reached_over_tls(target: PlannedTarget, secure: bool) -> None:
    assert is_secure(target) is secure


def wave(*targets: PlannedTarget) -> Wave:
    return Wave(targets, ("PCMU",), ("PCMU",), "label")


def test_others_are_left_out_and_a_wave_of_others_alone_goes() -> None:
    waves, notes = over_tls((wave(*SECURE, OPEN[0]), wave(*OPEN), wave(SECURE[0])))
    assert [one.targets for one in waves] == [SECURE, SECURE[:1]]
    assert notes == ("gw was left out where it is not reached over TLS: sips: was named.",)
    assert over_tls(()) == ((), ())


def test_nobody_left_is_a_refusal() -> None:
    with pytest.raises(NotPlannedError, match="gw is not reached over TLS") as refusal:
        over_tls((wave(*OPEN),))
    assert refusal.value.code == 480
