"""pjmedia's own parser takes whatever goes inward, of whatever a peer wrote."""

import json
import random
import subprocess
import sys
from pathlib import Path

from callengine.core.description import SdpError
from callengine.core.peersdp import compact
from tests.callengine.core.test_sdp import HEAD, OFFERS, OURS, audio
from tests.callengine.core.test_sdp_canonical import FORMS, ORIGINS

ROOT = Path(__file__).parents[4]
PIECES = [
    *(HEAD + OURS).splitlines(),
    *(
        "m=video 5 RTP/AVP 31",
        "m=audio 4 RTP/SAVP 0",
        "m=audio 4/2 RTP/AVP 0 96 101",
        "c=IN IP6 ::1",
    ),
    *(
        "m=application 7 UDP/BFCP *",
        "a=fmtp:0 x;;=;a=b c",
        "a=rtpmap:0 PCMU/8000/2",
        "a=rtpmap:96 ",
    ),
    *("a=rtpmap:96 OPUS/48000", "a=rtpmap:101 Telephone-Event/8000/1", "a=rtcp:99999", "a=ptime:0"),
    *(
        "a=maxptime:1",
        "a=rtcp:1 IN IP6 ::1",
        "b=AS:x",
        "k=clear:x",
        "a=inactive",
        "s=",
        "o=",
        "o=- -1 x",
    ),
    *("m=audio 9 RTP/AVP 0 0 8 300 40", "a=rtpmap:40 opus/48000/2", "a=fmtp:96 \u00fc=1", "t=x"),
]
RAW = HEAD.replace("o=- 1", "o=Sonus UAC 1") + audio("0")


def _inward() -> list[str]:
    chosen = random.Random(8866)
    offers = [HEAD + media for _, media, _ in OFFERS]
    offers += [HEAD + audio(formats, *attributes) for _, formats, attributes, _ in FORMS]
    offers += [HEAD.replace("- 1 1 IN IP4 192.0.2.1", o) + audio("0") for o in ORIGINS]
    for _ in range(3000):
        lines = chosen.choices(PIECES, k=chosen.randrange(1, 30))
        offers.append(HEAD + "\r\n".join(lines) + "\r\n")
    texts = []
    for offer in offers:
        try:
            texts.append(compact(offer, is_answer=chosen.random() < 0.3))
        except SdpError:
            continue
    return texts


def test_every_compact_description_is_one_for_pjmedia() -> None:
    texts = _inward()
    assert len(texts) > 1000
    done = subprocess.run(
        [sys.executable, "-m", "tests.callengine.worker.plugins.parse_sdp"],
        input=json.dumps([*texts, RAW]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    *statuses, of_raw = json.loads(done.stderr)
    assert of_raw != 0  # as the peer wrote it, it is refused
    assert [(s, text) for s, text in zip(statuses, texts, strict=True) if s != 0] == []
