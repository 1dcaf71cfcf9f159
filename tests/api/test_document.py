"""The OpenAPI document: complete, for whoever may sign in, and true by schemathesis' own trying.

VOIPNUMBER_FUZZ_API_EXAMPLES sets how many requests each operation gets, of each kind.
"""

import os
import re
from collections.abc import Collection, Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.parameters import ParameterLocation

from agents.models import VoiceAgent
from api.keys.scopes import Scope
from api.rest.schema import BLANKS
from connections.models import Connection
from connections.templates import ConnectionTemplate
from dashboard.accounts.roles import Role
from tests.api.fitting import fitting, fitting_template
from tests.api.programs import AGENTS, TEMPLATES, Program, documented
from tests.dashboard.people import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.thorough]
EXAMPLES = int(os.environ.get("VOIPNUMBER_FUZZ_API_EXAMPLES", "10"))
DOCUMENT = "/v1/openapi.json"
FORMAT = {"format": {"encoding": "audio/pcm"}}
UNKNOWN = {"dialect": "assemblyai", "input": FORMAT, "output": FORMAT}
"What there is not is changed by a body of this kind."
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in documented()["paths"].items()
    for method, operation in methods.items()
}


def test_the_document_is_for_those_who_sign_in() -> None:
    for path in (DOCUMENT, "/v1/docs"):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")
    browser = browser_of(Role.NONE)
    assert browser.get("/v1/docs").status_code == 200
    assert browser.get(DOCUMENT).json()["paths"].keys() == {
        "/v1/agents",
        "/v1/agents/{agent_id}",
        "/v1/connection-templates",
        "/v1/connection-templates/{template_id}",
        "/v1/connection-templates/{template_id}/connections",
        "/v1/connection-templates/{template_id}/connections/{sip_user}",
    }


def test_its_page_loads_nothing_from_elsewhere() -> None:
    page = browser_of(Role.VIEWER).get("/v1/docs").content.decode()
    assert "/static/ninja/swagger-ui-bundle.js" in page
    assert "://" not in page


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_who_may_what_and_all_it_may_answer(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    assert operation["security"] == [{"ApiKeyAuth": []}]
    assert operation["x-scope"] in list(Scope)
    assert operation["description"]
    always = {"401", "403", "422", "429"}
    assert always <= set(operation["responses"])
    if "{" in path:
        assert "404" in operation["responses"]
    if "requestBody" in operation:
        assert {"409", "413"} <= set(operation["responses"])


def patterns(part: Any) -> Iterator[str]:
    """Yield the patterns of the document."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        if key == "pattern" and isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from patterns(value)


def test_no_pattern_means_something_else_to_those_who_read_the_document() -> None:
    """They have them of ECMA-262: its white space, digits and letters are not Python's."""
    documented_ones = {*patterns(documented())}
    assert f"[^{BLANKS}]" in documented_ones
    assert not [one for one in documented_ones if re.search(r"\\[sSdDwWbB]", one)]


def test_what_is_blank_is_so_to_the_model_too() -> None:
    letters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    blank = [one for one in letters if re.match(f"[{BLANKS}]", one)]
    assert blank == [one for one in letters if one.isspace() or one < " "]


def wrong(case: Case[Any]) -> set[ParameterLocation]:
    """Return where a request is not as the document says; its headers are ours anyway."""
    places = (ParameterLocation.PATH, ParameterLocation.QUERY, ParameterLocation.BODY)
    return {at for at in places if case.meta is not None and case.meta.is_negative_at(at)}


def fit(case: Case[Any], stored: dict[str, Any] | None) -> None:
    """Make a request such as its fields have to fit together; `stored` is the agent it is about."""
    if isinstance(case.body, dict) and case.path.startswith(TEMPLATES):
        case.body = fitting_template(case.body)
    elif isinstance(case.body, dict):
        case.body = fitting(case.body, stored=stored)
    if "cursor" in (case.query or {}):
        case.query["cursor"] = ""  # a cursor is what the page before told, and nothing else


def known_follower(names: Collection[str]) -> dict[str, Any]:
    """Return those of these parameters of a path by which there is a template, and a follower."""
    desks, _ = ConnectionTemplate.objects.get_or_create(name="Desk phones")
    values = {"name": "Ann", "template": desks}
    ann, _ = Connection.objects.update_or_create(sip_user="ann", defaults=values)
    known = {"template_id": desks.pk, "sip_user": ann.sip_user}
    return {name: known[name] for name in names}


@pytest.fixture(scope="module")
def tried() -> Any:
    """The document as schemathesis tries it.

    It gathers values to try from all our sources, once for each that it is given.
    """
    document: Any = schemathesis.openapi.from_dict(deepcopy(documented()))
    document.app = get_wsgi_application()
    return document


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_fails_here_and_no_answer_is_undocumented(
    crm: Program, tried: Any, name: str, mode: GenerationMode
) -> None:
    method, path, _ = OPERATIONS[name]
    operation = tried[path][method.upper()]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def hold(case: Case[Any], is_known: bool) -> None:
        stored, odd = None, wrong(case)
        if is_known and "agent_id" in case.path_parameters and ParameterLocation.PATH not in odd:
            agent = VoiceAgent.objects.first()
            stored = crm.get(f"{AGENTS}/{agent.uid}").json() if agent else crm.made()
            case.path_parameters["agent_id"] = stored["id"]
        if is_known and "template_id" in case.path_parameters and ParameterLocation.PATH not in odd:
            case.path_parameters |= known_follower(case.path_parameters)
        if mode is GenerationMode.POSITIVE:
            fit(case, stored or (UNKNOWN if "agent_id" in case.path_parameters else None))
        # With the key put right, which is tried elsewhere, nothing may be wrong any more.
        checks = schemathesis.checks.CHECKS.get_by_names(["negative_data_rejection"])
        case.call_and_validate(
            headers={"Authorization": crm.authorization}, excluded_checks=[] if odd else checks
        )

    hold()
