"""Responses of Sentry, as data.

`recordings.jsonl` has exchanges with a self-hosted Sentry 23.7.1, one on each line.
`current_responses.jsonl` has responses of current servers, read from their source, one on each line.
"""

import json
from pathlib import Path
from typing import Any


def _load(name: str) -> list[dict[str, Any]]:
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


RECORDINGS = _load("recordings.jsonl")
CURRENT_RESPONSES = _load("current_responses.jsonl")


def operation_of(exchange: dict[str, Any]) -> str | None:
    """Return the operationId of an exchange; None for another method or route."""
    request = exchange["request"]
    parts = request["path"].split("?")[0].split("/")
    if request["method"] != "POST" or "" in parts[1:-1] or parts[-1]:
        return None
    if len(parts) == 7:
        return "addAMemberToAnOrganization"
    return "addAnOrganizationMemberToATeam" if len(parts) == 10 else None


def bodies(operation: str, status: int) -> list[Any]:
    """Return the JSON bodies recorded for an operation and a status code."""
    return [
        json.loads(exchange["response"]["body"])
        for exchange in RECORDINGS
        if operation_of(exchange) == operation and exchange["response"]["status"] == status
    ]
