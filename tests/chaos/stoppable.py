"""A phone in a process of its own, to be stopped in the middle: `HOST PORT USER ANSWERS`.

Registers, prints `ready`, rings at each call, and answers it with sound if ANSWERS is 1.
"""

import asyncio
import sys

from tests.peers.phone import Phone
from tests.wire.conversation import first_known
from tests.wire.directory import PASSWORD


async def main() -> None:
    host, port, user, answers = sys.argv[1:]
    async with Phone(user, PASSWORD, server=(host, int(port)), codecs=("PCMU",)) as phone:
        assert (await phone.register()).code == 200
        print("ready", flush=True)
        while True:
            call = await phone.wait_call(3600)
            await call.ring()
            if answers == "1":
                await call.answer_in(*first_known(call.offer_sdp, phone.codecs))
                await call.audio(send_hz=800, codec="PCMU", seconds=60)


if __name__ == "__main__":
    asyncio.run(main())
