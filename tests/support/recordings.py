"""What a self-hosted Sentry 23.7.1 answered, recorded: one exchange a line of recordings.jsonl."""

import json
from pathlib import Path
from typing import Any

RECORDINGS: list[dict[str, Any]] = [
    json.loads(line)
    for line in Path(__file__).with_name("recordings.jsonl").read_text("utf-8").splitlines()
]


def operation_of(exchange: dict[str, Any]) -> str | None:
    """The operationId that an exchange belongs to; None for another method or route."""
    request = exchange["request"]
    parts = request["path"].split("?")[0].split("/")
    if request["method"] != "POST" or "" in parts[1:-1] or parts[-1]:
        return None
    if len(parts) == 7:
        return "addAMemberToAnOrganization"
    return "addAnOrganizationMemberToATeam" if len(parts) == 10 else None


def bodies(operation: str, status: int) -> list[Any]:
    """The JSON bodies recorded for an operation and a status."""
    return [
        json.loads(exchange["response"]["body"])
        for exchange in RECORDINGS
        if operation_of(exchange) == operation and exchange["response"]["status"] == status
    ]
