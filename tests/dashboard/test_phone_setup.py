"""A phone that sets itself up: files in each maker's language, an address that is good once."""

import logging
import xml.etree.ElementTree as ElementTree
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from provisioning.models import PhoneSetup
from provisioning.phones.files import FILES, PhoneFacts
from provisioning.phones.invitations import AGAIN, LIFETIME

PASSWORD = 'a"good<&>password'
FACTS = PhoneFacts(
    name='Alice "A" & Co',
    sip_user="alice",
    password=PASSWORD,
    realm="voip.example",
    host="2001:db8::5",
    port="5061",
    transport="tls",
    expires_s=3600,
)


def test_each_maker_has_its_file() -> None:
    linphone = ElementTree.fromstring(FILES["linphone"].text(FACTS).encode())
    entries = {entry.attrib.get("name"): entry.text for entry in linphone.iter()}
    assert entries["passwd"] == PASSWORD
    assert entries["reg_proxy"] == "<sip:[2001:db8::5]:5061;transport=tls>"
    assert entries["reg_identity"] == '"Alice \\"A\\" & Co" <sip:alice@[2001:db8::5]>'
    yealink = FILES["yealink"].text(FACTS).splitlines()
    assert f"account.1.password = {PASSWORD}" in yealink
    assert "account.1.sip_server.1.transport_type = 2" in yealink
    snom = ElementTree.fromstring(FILES["snom"].text(FACTS).encode())
    assert [one.text for one in snom.iter("user_pass")] == [PASSWORD]
    grandstream = ElementTree.fromstring(FILES["grandstream"].text(FACTS).encode())
    assert [grandstream.findtext(f"config/{key}") for key in ("P47", "P34", "P130", "P32")] == [
        "[2001:db8::5]:5061",
        PASSWORD,
        "2",
        "60",
    ]


@pytest.mark.django_db
def test_an_address_is_good_once_and_its_secret_is_nowhere(
    admin: Client, settings: object, caplog: pytest.LogCaptureFixture
) -> None:
    settings.VOIPNUMBER_PUBLIC_ADDRESS = "voip.example"  # type: ignore[attr-defined]
    typed = {"name": "Alice", "sip_user": "alice", "password": "a-good-password"}
    page = admin.post("/connections/add/", typed, follow=True)
    text = page.content.decode()
    assert "data:image/svg+xml" in text
    assert "the password would travel readable" in text
    assert "no code of ours can set it up" in text, "of Zoiper, which takes its maker's alone"
    address = urlsplit(dict(page.context["setup"].files)["Yealink"]).path
    row = PhoneSetup.objects.get()
    assert "a-good-password" not in row.sealed
    assert address.split("/")[2] not in f"{row.sealed} {row.digest}"

    phone = Client()
    with caplog.at_level(logging.DEBUG):
        assert phone.get(address.replace("yealink.cfg", "nobody.xml")).status_code == 410
        first = phone.get(address)
        assert "account.1.password = a-good-password" in first.content.decode()
        assert "account.1.sip_server.1.address = voip.example" in first.content.decode()
        assert "no-store" in first["Cache-Control"]
        assert phone.get(address).status_code == 200  # some ask twice
        PhoneSetup.objects.update(used_at=timezone.now() - 2 * AGAIN)
        assert phone.get(address).status_code == 410
        PhoneSetup.objects.update(used_at=None, expires_at=timezone.now() - LIFETIME)
        assert phone.get(address).status_code == 410
    assert address.split("/")[2] not in caplog.text
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert entry.note == "a Yealink file was fetched, with the password"
    again = admin.get(f"/connections/{row.connection_id}/")
    assert page.context["setup"].code not in again.content.decode()
