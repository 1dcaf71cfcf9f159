"""The demo phones against a running engine: six lines, each with the codecs of the table."""

import asyncio
import sys
from pathlib import Path

import yaml

from demo import configuration
from tests.peers.engine import ROOT, Engine
from tests.peers.ports import free_sip_port

GATEWAY = f"127.0.0.1:{free_sip_port()}"


async def test_the_demo_plays_all_six_examples(tmp_path: Path) -> None:
    file = tmp_path / "demo.yaml"
    configuration.write(file, GATEWAY)
    assert file.stat().st_mode & 0o077 == 0
    with Engine(yaml.safe_load(file.read_text())) as engine:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "demo.phones", "--sip", f"127.0.0.1:{engine.port}"),
            *("--config", str(file), "--gateway", GATEWAY, "--talk-s", "0.5", "--rounds", "1"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert process.returncode == 0, output.decode() + errors.decode() + engine.dump()
        assert output.decode().count("Example ") == 6
        assert errors == b""
        seen = [[leg["codec"] for leg in call["legs"]] for call in engine.calls()]
        assert [codecs for codecs in seen if len(codecs) == 2 and None not in codecs] == [
            ["OPUS", "G722"],
            ["G722", "G722"],
            ["OPUS", "G722"],
            ["G722", "G722"],
            ["G722", "G722"],
        ]
