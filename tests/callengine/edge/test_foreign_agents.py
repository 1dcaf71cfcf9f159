"""SIPp and baresip, which are not our code, against the edge as it is by default."""

import asyncio
import shutil
from pathlib import Path

import pytest

from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Refused
from tests.callengine.edge.fakes import FakeEngine

BARESIP_MODULES = Path("/usr/lib/baresip/modules")

REQUEST = """<send retrans="500"><![CDATA[
{method} sip:{user}[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:alice@[remote_ip]>;tag={method}[call_number]
To: <sip:{to}@[remote_ip]>
Call-ID: [call_id]
CSeq: {cseq} {method}
Contact: <sip:alice@[local_ip]:[local_port]>
Max-Forwards: 70
{auth}
Content-Length: 0

]]></send>
"""
ACK = """<send><![CDATA[
ACK sip:bob@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
CSeq: {cseq} ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
"""
AUTH = '[authentication username=alice password="correct horse"]'


def scenario() -> str:
    def request(method: str, cseq: int, auth: str) -> str:
        user, to = ("bob@", "bob") if method == "INVITE" else ("", "alice")
        text = REQUEST.format(method=method, user=user, to=to, cseq=cseq, auth=auth)
        return text.replace("\n\nContent-Length", "\nContent-Length")

    return "\n".join(
        [
            '<?xml version="1.0" encoding="ISO-8859-1" ?><scenario name="register and call">',
            request("REGISTER", 1, ""),
            '<recv response="401" auth="true"/>',
            request("REGISTER", 2, AUTH.replace('"', "")),
            '<recv response="200"/>',
            request("INVITE", 3, ""),
            '<recv response="401" auth="true"/>',
            ACK.format(cseq=3),
            request("INVITE", 4, AUTH.replace('"', "")),
            '<recv response="100" optional="true"/><recv response="486"/>',
            ACK.format(cseq=4),
            "</scenario>",
        ]
    )


@pytest.mark.skipif(not shutil.which("sipp"), reason="SIPp is not installed")
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_registers_and_calls_with_digest(
    edge: Edge, engine: FakeEngine, tmp_path: Path, transport: str
) -> None:
    engine.add_user("alice", "horse")
    engine.outcome = lambda _: Refused(486, "Busy Here")
    file = tmp_path / "scenario.xml"
    file.write_text(scenario().replace("correct horse", "horse"))
    _, host, port = edge.listening[0 if transport == "u1" else 1]
    sipp = await asyncio.create_subprocess_exec(
        "sipp", "-sf", str(file), "-i", "127.0.0.3", "-m", "1", "-t", transport, "-nostdin",
        f"{host}:{port}", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            output, _ = await sipp.communicate()
    finally:
        if sipp.returncode is None:
            sipp.kill()
            await sipp.communicate()
    assert sipp.returncode == 0, output.decode()[-1500:]
    assert engine.stored["alice"][0].flow.startswith("udp:" if transport == "u1" else "tcp:")
    assert [call.source.label for call in engine.calls] == ["connection:alice"]
    assert engine.calls[0].to_user == "bob"


@pytest.mark.skipif(not BARESIP_MODULES.exists(), reason="baresip is not installed")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_baresip_registers_and_its_wrong_password_does_not(
    edge: Edge, engine: FakeEngine, tmp_path: Path, transport: str
) -> None:
    engine.add_user("alice", "horse")
    _, host, port = edge.listening[0]
    port = port if transport == "udp" else edge.listening[1][2]
    (tmp_path / "config").write_text(
        f"sip_listen 127.0.0.3:0\nmodule_path {BARESIP_MODULES}\nmodule g711.so\n"
        "module_app account.so\nmodule_app menu.so\nmodule_tmp uuid.so\n"
    )
    (tmp_path / "contacts").write_text("")
    accounts = [
        f"<sip:{user}@{host}:{port};transport={transport}>;auth_user={user};auth_pass=horse"
        for user in ("alice", "bob")
    ]
    (tmp_path / "accounts").write_text("\n".join(accounts) + "\n")
    baresip = await asyncio.create_subprocess_exec(
        "baresip", "-f", str(tmp_path), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        wrong = await engine.rejection("wrong-password", timeout_s=10)
        await engine.until(lambda: bool(engine.stored.get("alice")), timeout_s=10)
        assert wrong.user == "bob"
        (binding,) = engine.stored["alice"]
        assert binding.flow.startswith(f"{transport}:127.0.0.")
        assert binding.user_agent.startswith("baresip")
        assert "bob" not in engine.stored
    finally:
        baresip.terminate()
        await baresip.communicate()
