"""What pjsua2 and cffi call in Python: an exception in there ends a call, and goes no further.

SWIG prints what a callback raises and goes on as if it had returned; cffi does the same. Whatever
the callback was about to report, an answer or the end of a leg, is then lost, and the call hangs.
So all that pjsua2 calls derives from `Contained`, and all that cffi calls is made by
`plugins.callbacks.callback`.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)


class Contained:
    """Base of the classes whose `on...` methods pjsua2 calls; before pjsua2's own, in the bases.

    An exception in one of them is logged with its traceback and handed to `callback_failed`.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            if name.startswith("on") and name[2:3].isupper():
                setattr(cls, name, _contained(method))

    def callback_failed(self, callback: str) -> None:
        """Take the name of a callback that failed. Called on the callback's thread."""
        raise NotImplementedError


def _contained(method: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(method)
    def call(self: Contained, *arguments: Any) -> None:
        try:
            method(self, *arguments)
        except BaseException:  # noqa: BLE001 (nobody could catch it outside)
            _tell(self, method.__name__)

    return call


def _tell(who: Contained, callback: str) -> None:
    logger.exception("%s of %s failed", callback, type(who).__name__)
    try:
        who.callback_failed(callback)
    except BaseException:
        logger.exception("nobody could be told that %s failed", callback)
