"""The operations, and the responses to all other requests."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sentry_members.scopes import Operation
from sentry_members_api import models
from sentry_members_api.models import OrganizationRole

from .invite_form import InviteForm, known_fields, read_json
from .limits import Limits
from .messages import Refused, Request, Response, html_response, json_response
from .model_fields import smallest_json
from .permissions import Access, authorize, roles
from .state import NOT_FOUND, AccessRequest, Member, State, Team

_CANNOT_HOLD_TEAMS = "The user with a 'billing' role cannot have team-level permissions."


def identify(request: Request) -> None:
    """Find the operation of a request, or another one of its path, and the path arguments."""
    found: list[tuple[bool, Operation, tuple[str, ...]]] = [
        (endpoint.method == request.method, operation, match.groups())
        for operation, endpoint in ENDPOINTS.items()
        if (match := endpoint.path.fullmatch(request.path))
    ]
    if found:
        _, request.operation, request.arguments = max(found)


def respond(state: State, limits: Limits, request: Request) -> Response:
    """Do what a request asks for, and return the response."""
    if request.operation is None:
        if request.path.endswith("/"):
            return html_response(404)
        hint = f"did you forget a trailing slash? try: {request.path}/"
        return json_response(404, {"info": f"Route not found, {hint}"})
    endpoint = ENDPOINTS[request.operation]
    try:
        if request.method != endpoint.method:
            raise Refused(405, {"detail": f'Method "{request.method}" not allowed.'})
        if not _accepts_json(request):
            raise Refused(406, {"detail": "Could not satisfy the request Accept header."})
        access = authorize(state, request, endpoint.scopes)
        response = endpoint.respond(state, limits, access, request)
    except Refused as refusal:
        response = refusal.response
    response.headers["Allow"] = endpoint.allow
    response.headers["Access-Control-Expose-Headers"] = "X-Sentry-Error, Retry-After"
    return response


def _accepts_json(request: Request) -> bool:
    accepted = request.headers.get("Accept", "*/*").split(",")
    types = {each.partition(";")[0].strip() for each in accepted}
    return not types.isdisjoint({"application/json", "application/*", "*/*"})


def _add_a_member(state: State, limits: Limits, access: Access, request: Request) -> Response:
    data = known_fields(read_json(request))
    organization, caller, every_role = access.organization, access.caller, roles(state)
    if not organization.allows_inviting:
        text = "Your organization is not allowed to invite members"
        raise Refused(403, {"organization": text})
    # 23.7 checks orgRole, but gives the role in the deprecated field `role`.
    role: Any = (state.is_current and data.get("orgRole")) or data.get("role") or "member"
    allowed: Sequence[OrganizationRole]
    if not state.is_current and (caller is None or "member:admin" not in access.scopes):
        allowed = ()
    elif caller is not None:
        allowed = every_role[: every_role.index(caller.org_role) + 1]
    elif role == "member":
        allowed = ("member",)
    else:
        text = "Integration tokens are restricted to inviting new members with the member role"
        raise Refused(400, [f"{text} only."])
    form = InviteForm(organization, every_role, allowed, state.is_current).read(data)
    email, teams = form["email"], form["teamRoles"] or form["teams"]
    limits.limit_invite(access.token.caller, organization.slug, email)
    if state.is_current and not access.may_invite_to(set(teams)):
        text = "You cannot assign members to teams you are not a member of."
        raise Refused(400, {"detail": text})
    if role == "billing" and teams:
        raise Refused(400, {"email": _CANNOT_HOLD_TEAMS})
    organization.remove(email)
    member = Member(
        id=next(state.member_ids),
        organization=organization.slug,
        name=email,
        email=email,
        user_id=None,
        org_role=role,
        teams=dict.fromkeys(teams, "contributor"),
        date_created=state.now(),
        inviter_name=caller.name if caller else None,
        invite_sent=form["sendInvite"],
    )
    state.add(member)
    return json_response(201, _invite_body(state, member))


def _add_to_a_team(state: State, limits: Limits, access: Access, request: Request) -> Response:
    organization, caller = access.organization, access.caller
    member_id, team_id_or_slug = request.arguments[1:]
    member = caller if member_id == "me" else organization.members.get(_number(member_id))
    if member is None:
        raise Refused(404, NOT_FOUND)
    team = state.find(organization.teams, team_id_or_slug)
    if member.org_role == "billing":
        raise Refused(403, {"detail": _CANNOT_HOLD_TEAMS})
    if team.slug in member.teams:
        return Response(204)
    if team.idp_provisioned:
        text = "This team is managed through your organization's identity provider."
        raise Refused(403, {"detail": text})
    if not access.may_add_to(team):
        requester = caller.name if caller and caller != member else None
        access_request = AccessRequest(organization.slug, member.id, team.slug, requester)
        state.access_requests.setdefault((member.id, team.slug), access_request)
        return Response(202)
    joined = organization.join(member, team)
    if caller == member:
        access = replace(access, caller=joined)
    return json_response(201, _team_body(state, access, team))


def _number(text: str) -> str:
    # The server parses the ID with Python's int(), which also accepts blanks around the digits.
    try:
        return str(int(text))
    except ValueError:
        return ""


def _invite_body(state: State, member: Member) -> dict[str, Any]:
    flags = ["idp:provisioned", "idp:role-restricted", "sso:linked", "sso:invalid"]
    flags += ["member-limit:restricted"] + ["partnership:restricted"] * state.is_current
    body = smallest_json(models.Member) | {
        "id": member.id,
        "email": member.email,
        "name": member.name,
        "user": None,
        "orgRole": member.org_role,
        "pending": True,
        "expired": member.expired,
        "flags": dict.fromkeys(flags, False),
        "dateCreated": _timestamp(member.date_created),
        "inviteStatus": member.invite_status,
        "inviterName": member.inviter_name,
        "role": member.org_role,
        "roleName": member.org_role.capitalize(),
    }
    return body if state.is_current else body | {"groupOrgRoles": []}


def _team_body(state: State, access: Access, team: Team) -> dict[str, Any]:
    """Build the team as the caller sees it, who may be another than the added member."""
    caller = access.caller
    body = smallest_json(models.Team) | {
        "id": team.id,
        "slug": team.slug,
        "name": team.slug,
        "dateCreated": _timestamp(team.date_created),
        "isMember": team.slug in access.own_teams,
        "teamRole": access.own_teams.get(team.slug),
        "flags": {"idp:provisioned": team.idp_provisioned},
        "access": sorted(access.scopes_on(team)),
        "hasAccess": access.has_access_to(team),
        "isPending": caller is not None and (caller.id, team.slug) in state.access_requests,
        "memberCount": team.member_count,
        "avatar": {"avatarType": "letter_avatar", "avatarUuid": None},
    }
    return body if state.is_current else body | {"orgRole": None}


def _timestamp(date: datetime) -> str:
    return date.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Endpoint(NamedTuple):
    """An operation as the server has it.

    Attributes:
        method: The method.
        path: The decoded path, with a group for each argument.
        allow: The methods of the path.
        scopes: The scopes of which a token needs any one. They are not taken from the client: the
            fake is a witness, and a mistake in a shared rule would stay hidden.
        respond: Does what an authorized request asks for, and returns the response, or raises
            `Refused`.
    """

    method: str
    path: re.Pattern[str]
    allow: str
    scopes: frozenset[str]
    respond: Callable[[State, Limits, Access, Request], Response]


ENDPOINTS: dict[Operation, Endpoint] = {
    "add_a_member_to_an_organization": Endpoint(
        "POST",
        re.compile(r"/api/0/organizations/([^/]+)/members/"),
        "GET, POST, HEAD, OPTIONS",
        frozenset({"member:admin", "member:write", "member:invite"}),
        _add_a_member,
    ),
    "add_an_organization_member_to_a_team": Endpoint(
        "POST",
        re.compile(r"/api/0/organizations/([^/]+)/members/([^/]+)/teams/([^/]+)/"),
        "GET, POST, PUT, DELETE, HEAD, OPTIONS",
        frozenset({"org:read", "org:write", "team:write"}),
        _add_to_a_team,
    ),
}
