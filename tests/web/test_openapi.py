"""The description of what machines ask of us is true: read by a validator, held against real answers, and asked at random."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from litestar.testing import TestClient
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from portal.app import create_app
from portal.web import DOORS, openapi
from tests.conftest import MariaDB
from tests.panel_stub import DESK
from tests.stage import ANNA, PUBLIC_URL
from tests.web.test_nginx import serving
from tests.web.test_orders_api import BEARER, HERS, SECRET, ask, opened, supplied

ADDRESS = "/api/orders/openapi.json"
LINKS = "/api/panel/links"

Door = TestClient[Any]


@pytest.fixture(scope="module")
def quiet(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    mariadb.execute("CREATE DATABASE openapi CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    folder = tmp_path_factory.mktemp("openapi")
    with supplied(mariadb.url("openapi"), folder) as shop, opened(shop, SECRET, hde_origin=DESK) as client:
        yield client
    mariadb.execute("DROP DATABASE openapi")


def strict(node: Any) -> Any:
    """The schemas, where a field that they do not name is one too many."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {"additionalProperties": False} if "properties" in node else {}
    return {name: strict(each) for name, each in node.items()} | closed


def check(name: str, told: Any) -> None:
    """Raises ValidationError unless it is exactly what the description calls by this name."""
    components = strict(copy.deepcopy(openapi.document()["components"]))
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(told)


def test_it_is_served_to_everybody_and_names_no_other_host(quiet: Door) -> None:
    answer = quiet.get(ADDRESS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == openapi.document()
    assert "://" not in answer.text and PUBLIC_URL not in answer.text
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert quiet.get(ADDRESS, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_a_validator_finds_no_fault_with_it(quiet: Door) -> None:
    validate(quiet.get(ADDRESS).json(), cls=OpenAPIV31SpecValidator)


def test_the_validator_finds_faults(quiet: Door) -> None:
    """The positive control."""
    for spoil in (
        lambda told: told["paths"]["/api/orders/"]["get"]["responses"]["404"].pop("description"),
        lambda told: told["paths"]["/api/orders/"]["get"]["parameters"][0].pop("in"),
        lambda told: told["paths"]["/api/orders/"]["head"].update(operationId="orders"),
    ):
        told = quiet.get(ADDRESS).json()
        spoil(told)
        with pytest.raises(OpenAPIValidationError):
            validate(told, cls=OpenAPIV31SpecValidator)


def test_every_answer_is_what_the_description_says_to_the_last_field(quiet: Door) -> None:
    check("OrderPage", ask(quiet, headers=BEARER).json())
    check("OrderPage", ask(quiet, f"{HERS}&page=9", BEARER).json())
    for query, headers in ((HERS, {}), ("", BEARER), ("user_id=999", BEARER)):
        check("Problem", ask(quiet, query, headers).json())
    for about in ("ticket_id", "order_id"):
        wanted = {about: 10, "operator": "ivan"}
        check("TicketWanted" if about == "ticket_id" else "OrderWanted", wanted)
        answer = quiet.post(LINKS, json=wanted, headers=BEARER)
        assert answer.status_code == 201
        check("PanelLink", answer.json())
    check("Problem", quiet.post(LINKS, json={}, headers=BEARER).json())
    told = ask(quiet, headers=BEARER).json()
    for spoil in ({"more": 1}, {"orders": [{}]}, {"page": 0}, {"user_id": "7"}):
        with pytest.raises(jsonschema.ValidationError):
            check("OrderPage", told | spoil)


def test_every_door_of_the_panel_s_secret_is_described() -> None:
    """The webhook proves itself otherwise, and answers what Standard Webhooks and the help desk say."""
    doors = {path: {method.lower() for method in door.http_methods} for door in DOORS for path in door.paths}
    told = {path.rstrip("/"): set(methods) for path, methods in openapi.document()["paths"].items()}
    assert told == {path: methods for path, methods in doors.items() if "hde-webhook" not in path and path != ADDRESS}


def test_every_field_is_described(quiet: Door) -> None:
    """What is described and never sent would pass unseen otherwise."""
    assert all(
        set(schema["required"]) == set(schema["properties"])
        for name, schema in openapi.document()["components"]["schemas"].items()
        if name != "Problem"
    )
    order = ask(quiet, headers=BEARER).json()["orders"][-1]
    assert order["items"] and order["payments"] and order["shipments"] and order["history"]


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.ignored_auth,
]
"""Not positive_data_acceptance: that one of two parameters is needed, and not both, is said in words."""

BOTH = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@pytest.fixture(scope="module")
def described(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The description as a real server tells it."""
    mariadb.execute("CREATE DATABASE described CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    with supplied(mariadb.url("described"), tmp_path_factory.mktemp("described")) as shop:
        told = shop.settings_with(panel_secrets=(SecretStr(SECRET),), hde_origin=DESK)
        app = create_app(told, run_worker=False)
        with serving(app, "on") as host:
            yield schemathesis.openapi.from_url(f"http://{host}{ADDRESS}")
    mariadb.execute("DROP DATABASE described")


@pytest.mark.parametrize("mode", BOTH, ids=lambda mode: mode.value)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whatever_is_asked_is_answered_as_the_description_says(
    described: Any, method: str, mode: GenerationMode
) -> None:
    seen: Counter[int] = Counter()

    @given(case=described["/api/orders/"][method].as_strategy(generation_mode=mode))
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask_it(case: Any) -> None:
        query = case.query or {}
        if mode is GenerationMode.POSITIVE and len(str(query.get("user_id", ""))) % 2:
            case.query = {**query, "user_id": ANNA}
            case.query.pop("ticket_id", None)
        answer = case.call(headers=BEARER)
        case.validate_response(answer, checks=CHECKS, headers=BEARER)
        seen[answer.status_code] += 1

    ask_it()
    wanted = {200, 400, 404} if mode is GenerationMode.POSITIVE else {400}
    assert wanted <= set(seen), seen


@pytest.mark.parametrize("mode", BOTH, ids=lambda mode: mode.value)
def test_whatever_a_link_is_asked_for_with_is_answered_as_the_description_says(
    described: Any, mode: GenerationMode
) -> None:
    seen: Counter[int] = Counter()

    @given(case=described[LINKS]["POST"].as_strategy(generation_mode=mode))
    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask_it(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and len(case.body["operator"]) % 2:
            case.body["operator"] = "ivan"  # few letters that come by chance are a name
        answer = case.call(headers=BEARER)
        case.validate_response(answer, checks=CHECKS, headers=BEARER)
        seen[answer.status_code] += 1

    ask_it()
    assert ({201, 400} if mode is GenerationMode.POSITIVE else {400}) <= set(seen), seen


def test_a_server_that_does_not_keep_its_word_is_found_out(described: Any) -> None:
    """The positive control: the same checks against answers that the description does not allow."""
    case = described["/api/orders/"]["GET"].Case(query={"user_id": ANNA})
    for status, kind, body in (
        (500, "application/problem+json", b"{}"),
        (200, "application/json", b'{"user_id": "7"}'),
        (200, "text/html", b"<p>"),
        (418, "application/problem+json", b"{}"),
    ):
        answer = case.call(headers=BEARER)
        answer.status_code, answer.content = status, body
        answer.headers["content-type"] = [kind]
        with pytest.raises(FailureGroup):
            case.validate_response(answer, checks=CHECKS, headers=BEARER)
