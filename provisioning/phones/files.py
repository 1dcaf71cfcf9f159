"""What a phone signs in with, in the language of each maker. Pure.

No phone of these makers was at hand: the names of the settings are as they are commonly written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class PhoneFacts:
    """What every phone asks for."""

    name: str
    sip_user: str
    password: str
    realm: str
    host: str
    port: str
    transport: str
    "`udp`, `tcp` or `tls`."
    expires_s: int

    @property
    def server(self) -> str:
        """Host and port; an IPv6 address in brackets."""
        return f"{self.bracketed}:{self.port}"

    @property
    def bracketed(self) -> str:
        """The host as it stands in a URI."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class PhoneFile:
    """A file of one maker."""

    maker: str
    name: str
    "Of the file, as it ends the address."
    content_type: str
    text: Callable[[PhoneFacts], str]


_TRANSPORTS = ("udp", "tcp", "tls")


def _line(value: str) -> str:
    """Return a value that cannot begin another line."""
    return "".join(char if char.isprintable() else " " for char in value)


def _linphone(facts: PhoneFacts) -> str:
    scheme = f"sip:{facts.server};transport={facts.transport}"
    identity = f'"{_quoted(facts.name)}" <sip:{facts.sip_user}@{facts.bracketed}>'
    sections = {
        "proxy_0": {
            "reg_proxy": f"<{scheme}>",
            "reg_route": f"<{scheme}>",
            "reg_identity": identity,
            "reg_expires": str(facts.expires_s),
            "reg_sendregister": "1",
        },
        "auth_info_0": {
            "username": facts.sip_user,
            "passwd": facts.password,
            "realm": facts.realm,
        },
        "sip": {"default_proxy": "0"},
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<config xmlns="http://www.linphone.org/xsds/lpconfig.xsd">',
    ]
    for section, entries in sections.items():
        lines.append(f'  <section name="{section}">')
        lines += [
            f'    <entry name="{name}" overwrite="true">{escape(_line(value))}</entry>'
            for name, value in entries.items()
        ]
        lines.append("  </section>")
    return "\n".join([*lines, "</config>", ""])


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _yealink(facts: PhoneFacts) -> str:
    values = {
        "enable": "1",
        "label": facts.name,
        "display_name": facts.name,
        "user_name": facts.sip_user,
        "auth_name": facts.sip_user,
        "password": facts.password,
        "sip_server.1.address": facts.host,
        "sip_server.1.port": facts.port,
        "sip_server.1.transport_type": str(_TRANSPORTS.index(facts.transport)),
        "sip_server.1.expires": str(facts.expires_s),
    }
    lines = [f"account.1.{name} = {_line(value)}" for name, value in values.items()]
    return "\n".join(["#!version:1.0.0.1", *lines, ""])


def _snom(facts: PhoneFacts) -> str:
    values = {
        "user_active": "on",
        "user_realname": facts.name,
        "user_name": facts.sip_user,
        "user_pname": facts.sip_user,
        "user_pass": facts.password,
        "user_host": facts.bracketed,
        "user_outbound": f"sip:{facts.server};transport={facts.transport}",
        "user_expiry": str(facts.expires_s),
    }
    lines = [
        f'    <{name} idx="1" perm="">{escape(_line(value))}</{name}>'
        for name, value in values.items()
    ]
    head = ['<?xml version="1.0" encoding="utf-8"?>', "<settings>", '  <phone-settings e="2">']
    return "\n".join([*head, *lines, "  </phone-settings>", "</settings>", ""])


def _grandstream(facts: PhoneFacts) -> str:
    values = {
        "P271": "1",  # account active
        "P270": facts.name,
        "P47": facts.server,
        "P35": facts.sip_user,
        "P36": facts.sip_user,
        "P34": facts.password,
        "P3": facts.name,
        "P130": str(_TRANSPORTS.index(facts.transport)),
        "P32": str(max(facts.expires_s // 60, 1)),  # minutes
    }
    lines = [f"    <{name}>{escape(_line(value))}</{name}>" for name, value in values.items()]
    head = ['<?xml version="1.0" encoding="UTF-8"?>', '<gs_provision version="1">']
    return "\n".join(
        [*head, '  <config version="1">', *lines, "  </config>", "</gs_provision>", ""]
    )


FILES = {
    "linphone": PhoneFile("Linphone", "linphone.xml", "application/xml", _linphone),
    "yealink": PhoneFile("Yealink", "yealink.cfg", "text/plain; charset=utf-8", _yealink),
    "snom": PhoneFile("Snom", "snom.xml", "application/xml", _snom),
    "grandstream": PhoneFile("Grandstream", "grandstream.xml", "application/xml", _grandstream),
}
