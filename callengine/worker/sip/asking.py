"""Asking pjsua2 for something: with what, and what its refusal becomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pjsua2 as pj

from callengine.worker.legs.party import PartyError


@contextmanager
def refusable() -> Iterator[None]:
    """Raise PartyError where pjsua2 refuses."""
    try:
        yield
    except pj.Error as error:
        raise PartyError(error.reason) from error


def call_parameters() -> Any:
    """Return what an INVITE or an answer of ours is made with: one audio line."""
    prm = pj.CallOpParam(True)
    prm.opt.audioCount = 1
    prm.opt.videoCount = 0
    return prm
