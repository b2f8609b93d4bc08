"""Tells the ARN and the condition keys by which a call to IAM is judged.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html has the
resource type and the condition keys of each action. moto judges everything about users and groups on "*".
"""

from moto.iam.responses import IamResponse

from .operations import implicit_user, operation_of
from .wrap import around

# Where the name of more than one kind is given, the resource is the one that stands first here.
_GROUP_FIRST = ("AddUserToGroup", "RemoveUserFromGroup")
_KINDS = (
    ("InstanceProfileName", "instance-profile"),
    ("RoleName", "role"),
    ("UserName", "user"),
    ("GroupName", "group"),
    ("PolicyArn", None),
    ("SerialNumber", None),
    ("PolicyName", "policy"),
    ("VirtualMFADeviceName", "mfa"),
)
_BOUNDARY_OF_TARGET = {
    f"{verb}{kind}{noun}"
    for kind in ("User", "Role")
    for verb, noun in (
        ("Attach", "Policy"),
        ("Detach", "Policy"),
        ("Put", "Policy"),
        ("Delete", "Policy"),
        ("Delete", "PermissionsBoundary"),
    )
}


def arn_of(backend, kind, name, path=None):
    """The ARN of an entity: with its path if it is there, without one if it is not.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: a path is part of the ARN. IAM judges a
    call about an absent name on the ARN without a path: a policy for a path answers AccessDenied and not NoSuchEntity.
    AWS does not document this; seen and answered by others in github.com/cloud-gov/terraform-provision, 1923 and 1929.
    """
    found = entity(backend, kind, name)
    path = path or (found.path if found else "/")
    return f"arn:{backend.partition}:iam::{backend.account_id}:{kind}{path}{name}"


def entity(backend, kind, name):
    """The user, role, group or instance profile of exactly this name, or None."""
    if kind == "role":
        return next((role for role in list(backend.roles.values()) if role.name == name), None)
    held = {"user": backend.users, "group": backend.groups, "instance-profile": backend.instance_profiles}
    return held.get(kind, {}).get(name)


def apply():
    @around(IamResponse, "_determine_resource")
    def determine_resource(_, response):
        return resource_of(response)


def resource_of(response):
    operation, params, backend = operation_of(response), response.params, response.backend
    if operation is None:
        return "*"
    if operation.name == "GetAccessKeyLastUsed":
        key = backend.access_keys.get(params.get("AccessKeyId"))
        return arn_of(backend, "user", key.user_name) if key and key.user_name else "*"
    path = params.get("Path") if operation.name.startswith("Create") else None
    if operation.name in _GROUP_FIRST:
        return arn_of(backend, "group", params.get("GroupName"))
    if operation.name == "AddRoleToInstanceProfile" or operation.name == "RemoveRoleFromInstanceProfile":
        return arn_of(backend, "instance-profile", params.get("InstanceProfileName"))
    for member, kind in _KINDS:
        name = params.get(member)
        if name:
            return name if kind is None else arn_of(backend, kind, name, path)
    name = implicit_user(response)
    return arn_of(backend, "user", name) if name else "*"


def conditions_of(backend, action, data):
    """The condition keys of a call to IAM, in lower case, each with its values. `data` is the call's form, name by name."""
    service, _, operation = action.partition(":")
    if service != "iam":
        return {}
    one = {name: values[0] for name, values in data.items() if values}
    found = {}
    if operation.startswith(("Attach", "Detach")) and "PolicyArn" in one:
        found["iam:policyarn"] = [one["PolicyArn"]]
    if "PermissionsBoundary" in one:
        found["iam:permissionsboundary"] = [one["PermissionsBoundary"]]
    target = entity(backend, "role", one.get("RoleName")) or entity(backend, "user", one.get("UserName"))
    if operation in _BOUNDARY_OF_TARGET and target is not None and target.permissions_boundary_arn:
        found["iam:permissionsboundary"] = [target.permissions_boundary_arn]
    if "ServiceName" in one:
        found["iam:servicespecificcredentialservicename"] = [one["ServiceName"]]
    tags = {one[key]: one.get(key[:-3] + "Value", "") for key in one if key.startswith("Tags.") and key.endswith(".Key")}
    found.update({f"aws:requesttag/{key}".lower(): [value] for key, value in tags.items()})
    keys = list(tags) or [value for name, value in one.items() if name.startswith("TagKeys.")]
    if keys:
        found["aws:tagkeys"] = keys
    for tag in (target.tags or []) if target is not None else []:
        for prefix in ("aws", "iam"):
            found[f"{prefix}:resourcetag/{tag['Key']}".lower()] = [tag["Value"]]
    return found
