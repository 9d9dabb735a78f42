"""The OpenAPI document is what the code says, and whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from atelier_core.contracts.problems import Code
from atelier_core.contracts.routes import ROUTES
from atelier_core.domain.job import accept
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.values import new_id, now
from atelier_core.http.docs import document as served
from atelier_embedded import openapi

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "docs/openapi.json", ROOT / "shared/atelier_core/http/openapi.json"]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


def test_the_committed_document_is_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert openapi.main(["--check", *map(str, FILES)]) == 0, "run `make openapi`"
    assert json.loads(served()) == json.loads(FILES[0].read_text())


def test_drift_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "openapi.json"
    stale.write_text("{}")
    assert openapi.main(["--check", str(stale)]) == 1
    assert "make openapi" in capsys.readouterr().err
    assert openapi.main([str(stale)]) == 0
    assert openapi.main(["--check", str(stale)]) == 0


def test_every_route_of_the_contract_is_described(document: dict[str, Any]) -> None:
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    promised = {(r.method, r.path) for r in ROUTES if r.path.startswith("/v1/")}
    assert described == promised


def test_operation_ids_are_readable_and_unique(document: dict[str, Any]) -> None:
    ids = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert len(set(ids)) == len(ids)
    assert {"createJob", "listJobs", "getJob", "cancelJob", "retryJob", "createBatch"} <= set(ids)
    assert all(name.isalnum() and name[0].islower() for name in ids)


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(value) for value in part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_operation_answers_problems_with_examples(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            failures = {s: r for s, r in operation["responses"].items() if s >= "400"}
            assert {"500", "503"} <= set(failures), (method, path)
            for answer in failures.values():
                media = answer["content"]["application/problem+json"]
                assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert media["examples"]
    assert set(document["components"]["examples"]) == set(Code)


def validator(document: dict[str, Any], name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return Draft202012Validator(schema)


def test_real_answers_follow_the_schemas(document: dict[str, Any]) -> None:
    job = accept(
        AcceptedJob(
            id=new_id(), owner="local", request=ImageRequest(prompt="a fox"), created_at=now()
        )
    )
    validator(document, "Job").validate(job.public())
    assert "step" not in document["components"]["schemas"]["Job"]["properties"]
    for example in document["components"]["examples"].values():
        validator(document, "Problem").validate(example["value"])
    message = {"id": "c", "event": "job.updated", "data": job.public()}
    validator(document, "LiveMessage").validate(message)


def test_examples_of_requests_follow_their_schemas(document: dict[str, Any]) -> None:
    seen = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                name = media["schema"]["$ref"].rpartition("/")[2]
                for example in media["examples"].values():
                    validator(document, name).validate(example["value"])
                    seen += 1
    assert seen >= 4
