"""Permissions boundaries of users, which moto does not have, and of roles.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPermissionsBoundary.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUserPermissionsBoundary.html
"""

from moto.core.responses import EmptyResult
from moto.core.serialize import never_return, return_if_not_empty
from moto.iam.exceptions import NotFoundException, ValidationError
from moto.iam.models import IAMBackend, Role, User
from moto.iam.responses import IamResponse

from .wrap import around


def apply():
    @around(User, "__init__")
    def initialise(make, user, *args, **kwargs):
        make(user, *args, **kwargs)
        user.permissions_boundary_arn = None

    User.permissions_boundary = Role.permissions_boundary
    IamResponse.put_user_permissions_boundary = _put
    IamResponse.delete_user_permissions_boundary = _delete
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html: a list shows neither boundaries nor tags.
    IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER |= {
        "CreateUserResponse.User.PermissionsBoundary": return_if_not_empty,
        "GetUserResponse.User.PermissionsBoundary": return_if_not_empty,
        "ListUsersResponse.Users.User.PermissionsBoundary": never_return,
    }

    @around(IamResponse, "create_user")
    def create_user(create, response):
        arn = response.params.get("PermissionsBoundary")
        if arn:
            _demand_policy(response.backend, arn)
        answer = create(response)
        answer.result["User"].permissions_boundary_arn = arn
        return answer

    @around(IAMBackend, "create_role")
    def create_role(create, backend, role_name, trust, path, permissions_boundary, *rest, **more):
        if permissions_boundary:
            _demand_policy(backend, permissions_boundary)
        return create(backend, role_name, trust, path, permissions_boundary, *rest, **more)

    @around(IAMBackend, "put_role_permissions_boundary")
    def put_role(put, backend, role_name, permissions_boundary):
        backend.get_role(role_name)
        _demand_policy(backend, permissions_boundary)
        put(backend, role_name, permissions_boundary)

    @around(IAMBackend, "delete_role_permissions_boundary")
    def delete_role(delete, backend, role_name):
        _demand_boundary(backend.get_role(role_name))
        delete(backend, role_name)


def _put(response):
    user = response.backend.get_user(response._get_param("UserName"))
    arn = response._get_param("PermissionsBoundary")
    _demand_policy(response.backend, arn)
    user.permissions_boundary_arn = arn
    return EmptyResult()


def _delete(response):
    user = response.backend.get_user(response._get_param("UserName"))
    _demand_boundary(user)
    user.permissions_boundary_arn = None
    return EmptyResult()


def _demand_policy(backend, arn):
    """Messages as ministack has them, which says that they are IAM's."""
    if not arn.startswith("arn:"):
        raise ValidationError("Invalid ARN:  Could not be parsed!")
    if arn not in backend.managed_policies:
        raise NotFoundException(f"Scope ARN: {arn} does not exist or is not attachable.")


def _demand_boundary(owner):
    """The page names NoSuchEntity and not its occasion: our reading is that there must be a boundary to be deleted."""
    if not owner.permissions_boundary_arn:
        raise NotFoundException(f"Principal {owner.id} does not have scope")
