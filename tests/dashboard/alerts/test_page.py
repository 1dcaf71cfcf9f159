"""The page of alerts: switches, a test by real SMTP, and who may do what."""

import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from dashboard.alerts import watching
from dashboard.models import AlertFailure, AlertKind, AlertSettings, OpenAlert
from voipnumber.env import HostPort

pytestmark = pytest.mark.django_db
PAGE = "/settings/alerts/"


class MailServer(socketserver.TCPServer):
    """Takes mail by SMTP (RFC 5321), as far as a client of one mail needs it."""

    refuses = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[str] = []


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 mail")
        for line in self.rfile:
            verb = line.decode().strip().upper()
            if verb == "DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())
            is_refused = self.server.refuses and verb.startswith("RCPT")
            self._say("550 nobody here, s3cret" if is_refused else "250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        place = HostPort("127.0.0.1", server.server_address[1])
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.VOIPNUMBER_MAIL_SERVER = place
        settings.EMAIL_HOST, settings.EMAIL_PORT = place
        settings.EMAIL_USE_TLS = False
        settings.VOIPNUMBER_ALERT_MAIL_TO = ("anna@example.com",)
        yield server
        server.shutdown()


def page_of(browser: Client) -> str:
    return browser.get(PAGE).content.decode()


def send_test(browser: Client) -> str:
    return browser.post(f"{PAGE}test/", follow=True).content.decode()


def test_a_test_says_what_became_of_it(admin: Client, mail: MailServer, settings: Any) -> None:
    assert "Mail to anna@example.com: the server took the test." in send_test(admin)
    (sent,) = mail.mails
    assert "To: anna@example.com" in sent
    assert "Subject: VoIP Number: This is a test of alerts; nothing is wrong." in sent
    assert "Auto-Submitted: auto-generated" in sent
    mail.refuses = True
    settings.VOIPNUMBER_ALERT_WEBHOOK = "https://127.0.0.1/s3cret"
    page = send_test(admin)
    place = f"127.0.0.1:{settings.EMAIL_PORT}"
    assert f"Mail to anna@example.com was not sent: {place} refused every recipient." in page
    assert "Webhook to 127.0.0.1:443 was not sent: 127.0.0.1 is a link-local" in page
    assert "s3cret" not in page
    assert AlertFailure.objects.count() == 2
    mail.refuses = False
    assert "refused every recipient" not in send_test(admin)
    settings.EMAIL_USE_TLS = True
    assert "does not offer what VOIPNUMBER_MAIL_TLS or VOIPNUMBER_MAIL_USER" in send_test(admin)


def test_without_a_way_nothing_runs_and_the_page_says_so(admin: Client) -> None:
    assert watching.start() is None
    assert "Nowhere: nothing is sent." in page_of(admin)
    assert "neither mail nor a webhook is set up" in send_test(admin)


def test_kinds_are_switched_and_it_is_in_the_audit_log(admin: Client) -> None:
    on = dict.fromkeys(set(AlertKind.values) - {"disk"}, "on")
    for _ in range(2):
        assert "Saved." in admin.post(PAGE, on, follow=True).content.decode()
    assert AlertSettings.load().kinds == on.keys()
    entry = AuditEntry.objects.filter(kind="dashboard.alertsettings").latest("pk")
    assert entry.changes


def test_who_looks_changes_nothing(viewer: Client, mail: MailServer) -> None:
    OpenAlert.objects.create(key="disk@a", kind="disk", text="It is full.", since=timezone.now())
    page = page_of(viewer)
    assert "It is full." in page
    assert "<input" not in page.partition("<main")[2]
    assert viewer.post(PAGE).status_code == viewer.post(f"{PAGE}test/").status_code == 403
    assert not mail.mails
