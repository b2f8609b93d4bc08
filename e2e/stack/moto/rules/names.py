"""Names are not distinguished by case: "MyResource" and "myresource" cannot both be there.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html, and the same sentence in API_CreateRole,
API_CreateGroup, API_CreatePolicy, API_UpdateUser and API_UpdateGroup. Looking a name up takes it exactly as it was made:
AWS does not say whether another case finds it.
"""

from moto.iam.exceptions import EntityAlreadyExists
from moto.iam.models import IAMBackend

from .wrap import around


def apply():
    @around(IAMBackend, "create_user")
    def create_user(create, backend, region_name, user_name, *args, **kwargs):
        _demand_new(backend.users, user_name, f"User with name {user_name} already exists.")
        return create(backend, region_name, user_name, *args, **kwargs)

    @around(IAMBackend, "create_role")
    def create_role(create, backend, role_name, *args, **kwargs):
        names = [role.name for role in backend.roles.values()]
        _demand_new(names, role_name, f"Role with name {role_name} already exists.")
        return create(backend, role_name, *args, **kwargs)

    @around(IAMBackend, "create_group")
    def create_group(create, backend, group_name, *args, **kwargs):
        _demand_new(backend.groups, group_name, f"Group with name {group_name} already exists.")
        return create(backend, group_name, *args, **kwargs)

    @around(IAMBackend, "create_policy")
    def create_policy(create, backend, description, path, policy_document, policy_name, tags):
        names = [policy.name for arn, policy in backend.managed_policies.items() if ":iam::aws:" not in arn]
        message = f"A policy called {policy_name} already exists. Duplicate names are not allowed."
        _demand_new(names, policy_name, message)
        return create(backend, description, path, policy_document, policy_name, tags)

    @around(IAMBackend, "create_instance_profile")
    def create_instance_profile(create, backend, name, *args, **kwargs):
        _demand_new(backend.instance_profiles, name, f"Instance Profile {name} already exists.")
        return create(backend, name, *args, **kwargs)

    @around(IAMBackend, "update_group")
    def update_group(update, backend, group_name, new_group_name, new_path):
        others = [name for name in backend.groups if name != group_name]
        _demand_new(others, new_group_name or "", f"Group with name {new_group_name} already exists.")
        if new_path and not new_group_name:
            # moto forgets it.
            backend.get_group(group_name).path = new_path
        update(backend, group_name, new_group_name, new_path)

    @around(IAMBackend, "update_user")
    def update_user(update, backend, user_name, new_path=None, new_user_name=None):
        user = backend.get_user(user_name)
        others = [name for name in backend.users if name != user_name]
        _demand_new(others, new_user_name or "", f"User with name {new_user_name} already exists.")
        # moto loses the tags with the ARN that they are kept under, and the keys with the name.
        tags = user.tags or []
        backend.tagger.delete_all_tags_for_resource(user.arn)
        update(backend, user_name, new_path, new_user_name)
        backend.tagger.tag_resource(user.arn, tags)
        for key in user.access_keys:
            key.user_name = user.name


def _demand_new(names, name, message):
    if name.lower() in {taken.lower() for taken in names}:
        raise EntityAlreadyExists(message)
