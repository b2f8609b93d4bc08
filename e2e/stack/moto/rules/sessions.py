"""Sessions of users, which moto gives to nobody in particular, and sessions of roles by web identity.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html: a session may do what its user may at the time
of the call, but nothing at IAM (without MFA, and there is none here), and at STS only AssumeRole and GetCallerIdentity. It
goes on when the key that asked for it is switched off or deleted.
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html: the same, within its own policy, and at STS
only GetCallerIdentity.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.iam import access_control
from moto.iam.models import AccessKey, iam_backends
from moto.sts.models import STSBackend, sts_backends
from moto.sts.responses import TokenResponse
from moto.sts.utils import random_session_token

from .judge import ALLOW, DENY, judge, judge_trust
from .wrap import around


@dataclass
class UserSession:
    user_name: str
    user_id: str
    # Of a federated user: its name and the policy that the user's permissions are cut down to.
    federated: str | None
    policy: str | None
    token: str
    key: AccessKey
    issued: datetime


_sessions = {}


class UserSessionKey(access_control.IAMUserAccessKey):
    """The key of a session: judged like its user's, within the session's policy."""

    def __init__(self, account_id, partition, access_key_id, token):
        self.account_id, self.partition = account_id, partition
        self.session = _sessions[access_key_id]
        self._access_key_id = access_key_id
        self._secret_access_key = self.session.key.secret_access_key
        self._owner_user_name = self.session.user_name
        if token != self.session.token:
            raise access_control.CreateAccessKeyFailure(reason="InvalidToken")

    def create_credentials(self):
        return access_control.Credentials(self._access_key_id, self._secret_access_key, self.session.token)

    def allows(self, action, resource, context):
        """What the session itself lets through of what its user may."""
        if self.session.federated is None:
            return ALLOW
        return judge([self.session.policy] if self.session.policy else [], action, resource, context)

    def may_call(self, action):
        if not action.startswith(("iam:", "sts:")):
            return True
        return action == "sts:AssumeRole" and self.session.federated is None


def apply():
    @around(access_control, "create_access_key")
    def create_access_key(create, account_id, partition, access_key_id, headers):
        if access_key_id in _sessions and "X-Amz-Security-Token" in headers:
            return UserSessionKey(account_id, partition, access_key_id, headers["X-Amz-Security-Token"])
        return create(account_id=account_id, partition=partition, access_key_id=access_key_id, headers=headers)

    @around(STSBackend, "assume_role")
    def assume_role(assume, backend, region_name, role_session_name, role_arn, *args, **kwargs):
        """A session is that of this role, not of one that is made under its name later."""
        session = assume(backend, region_name, role_session_name, role_arn, *args, **kwargs)
        session.role_id = _role(iam_backends[backend.account_id][backend.partition], role_arn).id
        return session

    TokenResponse.get_session_token = lambda response: ActionResult(_begin(response, None))
    TokenResponse.get_federation_token = _get_federation_token

    @around(STSBackend, "get_caller_identity")
    def get_caller_identity(get, backend, access_key_id, region):
        session = _sessions.get(access_key_id)
        if session is None:
            return get(backend, access_key_id, region)
        user = iam_backends[backend.account_id][backend.partition].get_user(session.user_name)
        if session.federated is None:
            return user.id, user.arn, backend.account_id
        arn = f"arn:{backend.partition}:sts::{backend.account_id}:federated-user/{session.federated}"
        return f"{backend.account_id}:{session.federated}", arn, backend.account_id


def _begin(response, federated):
    backend = iam_backends[response.current_account][response.partition]
    user = backend.get_user_from_access_key_id(response.get_access_key())
    key = AccessKey(user_name=None, prefix="ASIA", account_id=response.current_account)
    now = datetime.now(timezone.utc)
    policy = response.params.get("Policy")
    _sessions[key.access_key_id] = UserSession(user.name, user.id, federated, policy, random_session_token(), key, now)
    credentials = {
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": _sessions[key.access_key_id].token,
        "Expiration": utcnow() + timedelta(seconds=int(response.params.get("DurationSeconds") or 43200)),
    }
    return {"Credentials": credentials}


def _get_federation_token(response):
    name = response.params["Name"]
    account = response.current_account
    arn = f"arn:{response.partition}:sts::{account}:federated-user/{name}"
    shown = {"FederatedUser": {"FederatedUserId": f"{account}:{name}", "Arn": arn}, "PackedPolicySize": 6}
    return ActionResult(_begin(response, name) | shown)


def may_assume_by_token(backend, data):
    """Whether the trust of the role lets the bearer of a web identity in.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html. The token's own signature is not
    looked at, and the call is signed by somebody, which AWS does not ask for; who that is does not matter.
    """
    role_arn, token = data["RoleArn"][0], data["WebIdentityToken"][0]
    role = _role(backend, role_arn)
    if role is None:
        return False
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    issuer = claims["iss"].removeprefix("https://")
    provider = f"Federated:arn:{backend.partition}:iam::{backend.account_id}:oidc-provider/{issuer}"
    context = {f"{issuer}:{name}".lower(): [claims[name]] for name in ("sub", "aud") if name in claims}
    trust = role.assume_role_policy_document
    return judge_trust(trust, "sts:AssumeRoleWithWebIdentity", [provider], context) is not None


def belongs_to(key, principal):
    """Whether the user or role of this name is the one that the key was made for, and not a later one.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, unique identifiers.
    """
    if isinstance(key, UserSessionKey):
        return key.session.user_id == principal.id
    if isinstance(key, access_control.AssumedRoleAccessKey):
        session = sts_backends[key.account_id][key.partition].get_assumed_role_from_access_key(key._access_key_id)
        return session.role_id == principal.id
    return True


def within_session(key, action, resource, context):
    """Allow, Deny or Neutral, as the session of a user has it; Allow for what is no such session."""
    if not isinstance(key, UserSessionKey):
        return ALLOW
    return key.allows(action, resource, context) if key.may_call(action) else DENY


def _role(backend, arn):
    return next((role for role in list(backend.roles.values()) if role.arn == arn), None)
