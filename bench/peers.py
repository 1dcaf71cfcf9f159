"""Switches of others, from Debian, that are measured beside the product."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from bench import processes
from bench.formats import CODECS
from bench.switches import HOST, PASSWORD, START_TIMEOUT_S, Switch, free_port
from tests.peers import baresip

PEERS_PORTS = range(30200, 32600)
"For a peer's RTP: above the product's, below what the kernel gives to whoever asks for none."
OPUS = "opus/48000/2/24000"
"Its bit rate can be set; complexity (10) and channels (2, as RFC 7587 has them) cannot."
TRANSCODED = {"PCMU": "", "PCMA": "PCMA", "G722": "G722", "OPUS": OPUS}
REWRITTEN = "replace-origin replace-session-connection"
PING = b"1 d7:command4:pinge"


def rtp_ports(calls: int) -> tuple[int, int]:
    """Return the first and last port of a peer's RTP and RTCP: two legs, two ports each, a call."""
    width = 4 * calls
    first = PEERS_PORTS.start + os.getpid() % (len(PEERS_PORTS) // width) * width
    return first, first + width - 2


class Peer(Switch):
    """Another switch, from Debian, with one callee who has one codec."""

    codecs: frozenset[str] = frozenset(CODECS)
    "What a callee may have."
    rings_itself = False
    "Whether its 180 is its own, sent before it has called anybody."
    calls = 200
    "It has ports for so many at once."

    def __init__(self, codec: str, callee_port: int) -> None:
        super().__init__()
        self._codec, self._callee_port = codec, callee_port

    @staticmethod
    def available() -> bool:
        """Tell whether all it needs is installed."""
        raise NotImplementedError


class Baresip(Peer):
    """baresip 1.x with its b2bua module: one process."""

    name = "baresip"
    octet_align = True
    rings_itself = True

    @staticmethod
    def available() -> bool:
        """Tell whether the program and its module are installed."""
        return bool(shutil.which("baresip")) and Path(baresip.MODULES, "b2bua.so").exists()

    @staticmethod
    def target(codec: str) -> str:
        """Return the user part of the only account that takes calls."""
        return "b2b-in"

    def launch(self) -> None:
        """Write its files and start it."""
        first, last = rtp_ports(self.calls)
        (self.folder / "config").write_text(
            _BARESIP_CONFIG.format(
                host=HOST,
                sip_port=self.port,
                rtp_first=first,
                rtp_last=last,
                calls=2 * self.calls,
                modules=baresip.MODULES,
                # Its bridge needs one rate on both sides; the codec's own costs it least.
                rate_hz=CODECS[self._codec].audio_rate_hz,
            )
        )
        callee = f"sip:{HOST}:{self._callee_port}"
        codec = CODECS[self._codec].baresip_name
        common = "regint=0;ptime=20;mediaenc="
        (self.folder / "accounts").write_text(
            f"<sip:b2b-in@{self.server}>;{common};audio_codecs=PCMU/8000/1;b2bua=inbound\n"
            f"<sip:b2b-out@{self.server}>;{common};audio_codecs={codec};b2bua=outbound;"
            f'outbound="{callee}"\n'
        )
        self.process = processes.start(
            ["baresip", "-f", str(self.folder)], folder=self.folder, name="baresip"
        )


class Kamailio(Peer):
    """Kamailio 5.6 that record-routes, rtpengine 10.5 in userspace; phones register in memory."""

    name = "kamailio+rtpengine"
    listens_first = True
    codecs = frozenset(TRANSCODED)
    "Debian's FFmpeg has no encoder of AMR-WB for it."
    users = 300

    @staticmethod
    def available() -> bool:
        """Tell whether both programs are installed."""
        return bool(_kamailio() and shutil.which("rtpengine"))

    @staticmethod
    def target(codec: str) -> str:
        """Return the user part; whoever is called, it is the one callee."""
        return "callee"

    @property
    def roots(self) -> tuple[int, ...]:
        """Both programs."""
        return self.process.pid, self._media.pid

    def launch(self) -> None:
        """Write the files; start rtpengine, and Kamailio once that answers."""
        control, (first, last) = free_port(), rtp_ports(self.calls)
        self._media: subprocess.Popen[bytes] = processes.start(
            [
                *("rtpengine", "--foreground", "--config-file=none", "--table=-1"),
                *("--log-stderr", "--log-level=4", f"--interface={HOST}"),
                *(f"--listen-ng={HOST}:{control}", "--delete-delay=0"),
                *(f"--port-min={first}", f"--port-max={last + 1}"),
            ],
            folder=self.folder,
            name="rtpengine",
        )
        self._await_media(control)
        wanted = TRANSCODED[self._codec]
        change = f" codec-mask=PCMU codec-transcode={wanted}" if wanted else ""
        (self.folder / "kamailio.cfg").write_text(
            _KAMAILIO_CONFIG.format(
                host=HOST,
                port=self.port,
                control=control,
                callee=f"sip:callee@{HOST}:{self._callee_port}",
                offer=REWRITTEN + change,
                answer=REWRITTEN,
                users=self.users,
                password=PASSWORD,
            )
        )
        self.process = processes.start(
            [_kamailio(), "-f", "kamailio.cfg", "-DD", "-E", "-Y", str(self.folder)],
            folder=self.folder,
            name="kamailio",
        )

    def _await_media(self, control: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            while True:
                try:
                    probe.connect((HOST, control))
                    probe.send(PING)
                    probe.recv(100)
                    return
                except (TimeoutError, ConnectionRefusedError):
                    if self._media.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError("rtpengine does not answer") from None
                    time.sleep(0.05)

    def stop(self) -> None:
        """End both programs."""
        super().stop()
        if hasattr(self, "_media"):
            processes.end(self._media)


def _kamailio() -> str:
    """Return where it is, in a folder that not everybody looks into; empty if it is absent."""
    return shutil.which("kamailio", path=f"{os.environ['PATH']}:/usr/sbin") or ""


PEERS: tuple[type[Peer], ...] = (Baresip, Kamailio)


def able(codec: str) -> list[type[Peer]]:
    """Return the peers that are here and have a codec."""
    return [peer for peer in PEERS if peer.available() and codec in peer.codecs]


_BARESIP_CONFIG = (
    baresip.BASE
    + """\
ausrc_channels 1
module_app b2bua.so
opus_bitrate 24000
opus_complexity 5
opus_application voip
opus_stereo no
opus_sprop_stereo no
opus_inbandfec yes
"""
)
_KAMAILIO_CONFIG = """\
debug=0
log_stderror=yes
children=4
listen=udp:{host}:{port}
disable_tcp=yes
dns=no
rev_dns=no
max_while_loops={users}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "rtpengine.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "htable.so"
modparam("rtpengine", "rtpengine_sock", "udp:{host}:{control}")
modparam("htable", "htable", "users=>size=9;")

event_route[htable:mod-init] {{
    $var(n) = 0;
    while ($var(n) < {users}) {{
        $sht(users=>phone$var(n)) = "{password}";
        $var(n) = $var(n) + 1;
    }}
}}

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("OPTIONS")) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            if (is_method("BYE")) {{
                rtpengine_delete();
            }}
            t_relay();
        }} else if (!is_method("ACK")) {{
            sl_send_reply("404", "Not Here");
        }} else if (t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    t_check_trans();
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("$td", "$sht(users=>$au)", "0")) {{
            www_challenge("$td", "1");
        }} else {{
            save("location");
        }}
        exit;
    }}
    record_route();
    $ru = "{callee}";
    t_on_reply("ANSWERED");
    if (is_method("INVITE") && !rtpengine_offer("{offer}")) {{
        sl_send_reply("500", "No Media");
        exit;
    }}
    t_relay();
}}

onreply_route[ANSWERED] {{
    if (has_body("application/sdp")) {{
        rtpengine_answer("{answer}");
    }}
}}
"""
