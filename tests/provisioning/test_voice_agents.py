"""Every file in docs/voice-agents.md can be loaded as it stands."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "voice-agents.md"
FILES = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
ALICE = "connections:\n  - {sip_user: alice, password: correct horse}\n"


@pytest.mark.django_db
@pytest.mark.parametrize("text", FILES, ids=lambda text: re.findall(r"name: (\S+)", text)[:1])
def test_a_file_of_the_document_is_applied(text: str, tmp_path: Path) -> None:
    file = tmp_path / "provision.yaml"
    for content in (ALICE, f"agents:\n{text}" if text.startswith("  - ") else text):
        file.write_text(content)
        output = StringIO()
        call_command("provision", str(file), stdout=output)
    assert "change" in output.getvalue()


def test_the_document_has_files() -> None:
    assert len(FILES) == 3
