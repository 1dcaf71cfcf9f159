"""How what an engine was asked for gets back to the page that asked."""

import asyncio
import logging

from channels.layers import get_channel_layer

from callengine.notices.wire import to_message

logger = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 5.0


async def answer(channel: str, told: object) -> None:
    """Tell the page at this channel; one that cannot be told is logged, and gives up by itself."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            await layer.send(channel, to_message(told))
    except Exception:
        logger.warning("a page could not be told: is Redis up?", exc_info=True)
