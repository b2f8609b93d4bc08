"""Quotas that cannot be exceeded: LimitExceeded, 409.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html has the numbers (ten policies are the default,
which an account may raise). AWS does not document the messages: these were quoted by others from real answers, or follow
their form.
"""

import re

from moto.iam.exceptions import LimitExceededException
from moto.iam.models import IAMBackend

from .wrap import around

POLICIES = 10
GROUPS_PER_USER = 10
# Of all inline policies together; white space is not counted.
INLINE = {"user": 2048, "group": 5120, "role": 10240}
MANAGED_POLICY = 6144
MFA_DEVICES = 8
SSH_PUBLIC_KEYS = 5


def apply():
    for kind in INLINE:
        _apply_inline(kind)
        _apply_attached(kind)

    @around(IAMBackend, "add_user_to_group")
    def add_user_to_group(add, backend, group_name, user_name):
        groups = [group.name for group in backend.get_groups_for_user(user_name)]
        if group_name not in groups:
            demand_room(groups, "GroupsPerUser", GROUPS_PER_USER)
        add(backend, group_name, user_name)

    @around(IAMBackend, "create_policy")
    def create_policy(create, backend, description, path, policy_document, policy_name, tags):
        _demand_size(policy_document)
        return create(backend, description, path, policy_document, policy_name, tags)

    @around(IAMBackend, "create_policy_version")
    def create_policy_version(create, backend, policy_arn, policy_document, set_as_default):
        _demand_size(policy_document)
        return create(backend, policy_arn, policy_document, set_as_default)

    @around(IAMBackend, "enable_mfa_device")
    def enable_mfa_device(enable, backend, user_name, *args):
        demand_room(backend.get_user(user_name).mfa_devices, "MFADevicesPerUser", MFA_DEVICES)
        enable(backend, user_name, *args)

    @around(IAMBackend, "upload_ssh_public_key")
    def upload_ssh_public_key(upload, backend, user_name, body):
        demand_room(backend.get_user(user_name).ssh_public_keys, "SSHPublicKeysPerUser", SSH_PUBLIC_KEYS)
        return upload(backend, user_name, body)


def demand_room(held, name, most):
    """Refuses one more than `most`."""
    if len(held) >= most:
        raise LimitExceededException(f"Cannot exceed quota for {name}: {most}")


def size(document):
    """Characters of a policy as IAM counts them."""
    return len(re.sub(r"\s", "", document))


def _apply_inline(kind):
    most = INLINE[kind]

    @around(IAMBackend, f"put_{kind}_policy")
    def put(original, backend, name, policy_name, policy_json):
        owner = getattr(backend, f"get_{kind}")(name)
        others = sum(size(document) for other, document in owner.policies.items() if other != policy_name)
        if others + size(policy_json) > most:
            raise LimitExceededException(f"Maximum policy size of {most} bytes exceeded for {kind} {name}")
        original(backend, name, policy_name, policy_json)


def _apply_attached(kind):
    @around(IAMBackend, f"attach_{kind}_policy")
    def attach(original, backend, policy_arn, name):
        held = getattr(backend, f"get_{kind}")(name).managed_policies
        if policy_arn in held:
            # moto counts the same attachment twice.
            return
        if policy_arn in backend.managed_policies:
            demand_room(held, f"PoliciesPer{kind.capitalize()}", POLICIES)
        original(backend, policy_arn, name)


def _demand_size(document):
    if size(document) > MANAGED_POLICY:
        raise LimitExceededException(f"Cannot exceed quota for PolicySize: {MANAGED_POLICY}")
