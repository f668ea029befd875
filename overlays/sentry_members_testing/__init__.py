"""A fake Sentry to test your own code with: it responds to the two operations as Sentry does.

```python
fake = FakeSentry.example()
token = fake.issue_token("closed", owner="member", scopes=["org:read"])
target = fake.member_id("closed", "target")
with httpx.Client(transport=fake.transport(), base_url="https://sentry.io") as client:
    response = client.post(
        f"/api/0/organizations/closed/members/{target}/teams/backend/",
        headers={"Authorization": f"Bearer {token}"},
    )
assert response.status_code == 202  # Open Membership is off: nobody was added yet
assert fake.access_requests[0].team == "backend"
```

Each setting, limit and error takes one line:

```python
fake.add_organization("strict", require_2fa=True, allow_member_invite=False)
fake.add_member("strict", "ada", has_2fa=False)
fake.limit_requests(per_second=40)
fake.fail_next("apigateway-503", every=10, times=3)
```

Status codes, headers, bodies and the order of the checks were recorded from a self-hosted Sentry
23.7.1 (`FakeSentry("23.7")`), or read from the source of the current server
(`FakeSentry("current")`, the default). `NOT_IMITATED` lists the differences.
"""

from collections.abc import Mapping

from .fake import FakeSentry
from .faults import Fault
from .messages import ReceivedRequest
from .state import AccessRequest, Member, TokenKind, Version

__all__ = [
    "NOT_IMITATED",
    "AccessRequest",
    "FakeSentry",
    "Fault",
    "Member",
    "ReceivedRequest",
    "TokenKind",
    "Version",
]

NOT_IMITATED: Mapping[str, str] = {
    "methods other than POST": "they are other operations; the response is 405",
    "op1-invalid: form urlencoded": "the operation is called with JSON; the response is 415",
    "op1-invalid: multipart form": "the operation is called with JSON; the response is 415",
    "op1-invalid: Accept-Language: fr, empty object": "messages are always English",
    "op1-auth: legacy API key, HTTP Basic": "there are no API keys any more; the response is 401",
    "concurrent identical invites": "one gets 201, the others 400; from Sentry some get 500",
    "WWW-Authenticate with a 401": "always as from 23.7; current servers may name another scheme",
    "single sign-on": "the fake's users have no sessions that could lack it",
    "quoted or IP-literal e-mail addresses": "nobody is invited by one; the response is 400",
    "who may give the role billing": "it depends on the plan; whoever may invite can",
    "the self-hosted setting for rejected e-mail providers": "its default, qq.com, is in force",
}
"""How the fake differs from Sentry, and why. A name with a colon is that of a recorded exchange."""
