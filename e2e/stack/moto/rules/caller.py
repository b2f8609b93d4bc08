"""Who calls, and what may they? Keys, permissions boundaries and trust as IAM judges them."""

from datetime import datetime, timezone

from moto.iam import access_control, models
from moto.sts.models import sts_backends

from . import resources, sessions
from .judge import ALLOW, DENY, judge, judge_trust
from .wrap import around


def apply():
    _apply_keys()

    @around(access_control.IAMRequestBase, "check_action_permitted")
    def check_action_permitted(_, request, resource):
        _judge_call(request, resource)


def _apply_keys():
    # With its path, which moto leaves out.
    access_control.IAMUserAccessKey.arn = property(
        lambda key: resources.arn_of(key.backend, "user", key._owner_user_name)
    )

    @around(access_control.IAMUserAccessKey, "__init__")
    def find_active_key(find, key, account_id, partition, access_key_id, headers):
        """An inactive key is refused like an unknown one.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html
        """
        find(key, account_id, partition, access_key_id, headers)
        if key.backend.access_keys[access_key_id].status != "Active":
            raise access_control.CreateAccessKeyFailure(reason="InvalidId")

    # Only a call with a valid signature counts as a use of the key: a refused login must not make a dead key look alive.
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html
    mark_as_used = models.mark_account_as_visited
    models.mark_account_as_visited = lambda account_id, access_key, service, region: None

    @around(access_control.IAMRequestBase, "check_signature")
    def check_signature(check, request):
        check(request)
        access_key_id = request._get_string_between("Credential=", "/", request._headers["Authorization"])
        mark_as_used(request.account_id, access_key_id, request._service, request._region)


def _judge_call(request, resource):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html: what a boundary denies or does not
    allow is refused, whatever the other policies say; also to the sessions of a role, for it is read at each call."""
    key, action, backend = request._access_key, request._action, request.backend
    if action == "sts:GetCallerIdentity":
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html: also with an explicit Deny.
        return
    if action == "sts:AssumeRoleWithWebIdentity":
        if not sessions.may_assume_by_token(backend, request._data):
            request._raise_access_denied()
        return
    principal = principal_of(key)
    if principal is None:
        request._raise_access_denied()
    context = _context(key, principal) | resources.conditions_of(backend, action, request._data)
    verdict = judge([_document(policy) for policy in key.collect_policies()], action, resource, context)
    within = _within_boundary(backend, principal, action, resource, context)
    session = sessions.within_session(key, action, resource, context)
    if DENY in (verdict, within, session):
        request._raise_access_denied()
    if action == "sts:GetSessionToken":
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html: no permission is needed.
        return
    permitted = verdict == within == session == ALLOW
    if action == "sts:AssumeRole":
        permitted = _may_assume(request, resource, permitted)
    if not permitted:
        request._raise_access_denied()


def principal_of(key):
    """The user or the role that a key belongs to, as it is now; None if it is gone."""
    if isinstance(key, access_control.AssumedRoleAccessKey):
        found = resources.entity(key.backend, "role", key._owner_role_name)
    else:
        found = resources.entity(key.backend, "user", key._owner_user_name)
    return found if found is not None and sessions.belongs_to(key, found) else None


def _within_boundary(backend, principal, action, resource, context):
    arn = principal.permissions_boundary_arn
    if not arn:
        return ALLOW
    # A boundary that is not there any more allows nothing.
    policy = backend.managed_policies.get(arn)
    return judge([_document(policy)], action, resource, context) if policy else DENY


def _may_assume(request, role_arn, permitted):
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: a role that is not there and one whose trust
    does not name the caller are refused alike. A user that the trust names by ARN needs no policy of its own."""
    role = next((role for role in list(request.backend.roles.values()) if role.arn == role_arn), None)
    if role is None:
        return False
    account = request.account_id
    key, principal = request._access_key, principal_of(request._access_key)
    by_account = [f"AWS:{account}", f"AWS:arn:{role.partition}:iam::{account}:root"]
    context = _context(key, principal)
    external_id = request._data.get("ExternalId")
    if external_id:
        context["sts:externalid"] = external_id
    named = judge_trust(
        role.assume_role_policy_document, request._action, [f"AWS:{principal.arn}", f"AWS:{key.arn}", *by_account], context
    )
    return named is not None and (permitted or named == f"AWS:{principal.arn}")


def _context(key, principal):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
    found = {
        "aws:principalarn": [principal.arn],
        "aws:principalaccount": [key.account_id],
        "aws:currenttime": [datetime.now(timezone.utc).isoformat()],
        "aws:securetransport": ["true"],
    }
    if isinstance(key, access_control.AssumedRoleAccessKey):
        session = sts_backends[key.account_id][key.partition].get_assumed_role_from_access_key(key._access_key_id)
        found["aws:userid"] = [session.user_id]
        found["aws:tokenissuetime"] = [session.access_key.create_date.replace(tzinfo=timezone.utc).isoformat()]
    else:
        if isinstance(key, sessions.UserSessionKey):
            found["aws:tokenissuetime"] = [key.session.issued.isoformat()]
        found["aws:userid"] = [principal.id]
        found["aws:username"] = [principal.name]
    for tag in principal.tags or []:
        found[f"aws:principaltag/{tag['Key']}".lower()] = [tag["Value"]]
    return found


def _document(policy):
    """The text of what moto calls a policy: a managed one (its default version), an inline one of a user, group or role."""
    if isinstance(policy, models.Policy):
        return next(version.document for version in policy.versions if version.is_default)
    return policy if isinstance(policy, str) else policy["policy_document"]
