"""What still has something is not deleted: DeleteConflict, 409.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html lists what has to go before; a permissions boundary
is not in the list. AWS does not document the messages: these were quoted by others from real answers ("must remove
referenced objects first" is that of SSH keys; of service-specific credentials none was found, they get the same).
"""

from moto.iam.exceptions import DeleteConflictException
from moto.iam.models import IAMBackend

from .wrap import around


def apply():
    @around(IAMBackend, "delete_user")
    def delete_user(delete, backend, user_name):
        user = backend.get_user(user_name)
        _demand_none(user.password, "must delete login profile first.")
        _demand_none(user.access_keys, "must delete access keys first.")
        _demand_none(user.signing_certificates, "must delete certificates first.")
        _demand_none(user.ssh_public_keys, "must remove referenced objects first.")
        _demand_none(user.service_specific_credentials, "must remove referenced objects first.")
        _demand_none(user.mfa_devices, "must delete MFA device first.")
        _demand_none(user.policies, "must delete policies first.")
        _demand_none(user.managed_policies, "must detach all policies first.")
        _demand_none(backend.get_groups_for_user(user_name), "must remove users from group first.")
        delete(backend, user_name)

    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html: moto itself refuses while there are instance
    # profiles, attached or inline policies, with these messages.

    @around(IAMBackend, "delete_group")
    def delete_group(delete, backend, group_name):
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteGroup.html"""
        group = backend.get_group(group_name)
        _demand_none(group.users, "must remove users from group first.")
        _demand_none(group.policies, "must delete policies first.")
        _demand_none(group.managed_policies, "must detach all policies first.")
        delete(backend, group_name)

    @around(IAMBackend, "delete_policy")
    def delete_policy(delete, backend, policy_arn):
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html

        Also where it is a boundary: our reading of "attached to", for the page does not speak of boundaries.
        """
        policy = backend.get_policy(policy_arn)
        holders = [*backend.users.values(), *backend.roles.values()]
        if policy.attachment_count or any(holder.permissions_boundary_arn == policy_arn for holder in holders):
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
                "The default version is deleted with the policy."
            )
        delete(backend, policy_arn)

    @around(IAMBackend, "delete_virtual_mfa_device")
    def delete_virtual_mfa_device(delete, backend, serial_number):
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteVirtualMFADevice.html"""
        device = backend.virtual_mfa_devices.get(serial_number)
        if device is not None and device.user is not None:
            raise DeleteConflictException("MFA VirtualDevice in use. Must deactivate first.")
        delete(backend, serial_number)


def _demand_none(held, message):
    if held:
        raise DeleteConflictException(f"Cannot delete entity, {message}")
