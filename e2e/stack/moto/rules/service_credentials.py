"""Service-specific credentials, which moto does not have.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServiceSpecificCredentials.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResetServiceSpecificCredential.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceSpecificCredential.html
"""

import secrets
from datetime import timedelta

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.iam.exceptions import IAMException, NotFoundException, ValidationError
from moto.iam.models import User
from moto.iam.responses import IamResponse
from moto.iam.utils import generate_access_key_id_from_account_id

from .quotas import demand_room
from .wrap import around

# A user name and a password.
_PASSWORDS = ("codecommit.amazonaws.com", "cassandra.amazonaws.com")
# A long-term API key, which may end by itself.
_API_KEYS = ("bedrock.amazonaws.com", "logs.amazonaws.com")
PER_SERVICE = 2


class ServiceNotSupported(IAMException):
    code = "NotSupportedService"


def apply():
    @around(User, "__init__")
    def initialise(make, user, *args, **kwargs):
        make(user, *args, **kwargs)
        user.service_specific_credentials = {}

    IamResponse.create_service_specific_credential = _create
    IamResponse.list_service_specific_credentials = _list
    IamResponse.update_service_specific_credential = _update
    IamResponse.reset_service_specific_credential = _reset
    IamResponse.delete_service_specific_credential = _delete


def _create(response):
    backend, params = response.backend, response.params
    service, days = params["ServiceName"], params.get("CredentialAgeDays")
    _demand_service(service)
    user = backend.get_user(params["UserName"])
    if days is not None and service not in _API_KEYS:
        raise ValidationError(f"CredentialAgeDays is not valid for {service}.")
    same = [held for held in user.service_specific_credentials.values() if held["ServiceName"] == service]
    demand_room(same, "ServiceSpecificCredentialsPerUser", PER_SERVICE)
    now = utcnow()
    credential = {
        "ServiceSpecificCredentialId": generate_access_key_id_from_account_id(backend.account_id, "ACCA", 21),
        "ServiceName": service,
        "UserName": user.name,
        "Status": "Active",
        "CreateDate": now,
    }
    suffix = f"-at-{backend.account_id}"
    if service in _PASSWORDS:
        taken = {held["ServiceUserName"] for held in same}
        first = f"{user.name}{suffix}"
        credential["ServiceUserName"] = first if first not in taken else f"{user.name}+1{suffix}"
    else:
        credential["ServiceCredentialAlias"] = f"{user.name}{suffix}-{secrets.token_hex(4)}"
        if days is not None:
            credential["ExpirationDate"] = now + timedelta(days=int(days))
    user.service_specific_credentials[credential["ServiceSpecificCredentialId"]] = credential
    return ActionResult({"ServiceSpecificCredential": credential | _secret(service)})


def _list(response):
    backend, params = response.backend, response.params
    service = params.get("ServiceName")
    if service is not None:
        _demand_service(service)
    if params.get("AllUsers"):
        if params.get("UserName"):
            raise ValidationError("AllUsers cannot be specified together with UserName.")
        users = list(backend.users.values())
    else:
        users = [backend.get_user(params.get("UserName"))]
    held = [credential for user in users for credential in user.service_specific_credentials.values()]
    found = [credential for credential in held if service in (None, credential["ServiceName"])]
    return ActionResult({"ServiceSpecificCredentials": found})


def _update(response):
    status = response.params["Status"]
    if status == "Expired":
        raise ValidationError("A status can be set to Active or Inactive.")
    _find(response)["Status"] = status
    return EmptyResult()


def _reset(response):
    credential = _find(response)
    return ActionResult({"ServiceSpecificCredential": credential | _secret(credential["ServiceName"])})


def _delete(response):
    credential = _find(response)
    user = response.backend.get_user(credential["UserName"])
    del user.service_specific_credentials[credential["ServiceSpecificCredentialId"]]
    return EmptyResult()


def _find(response):
    user = response.backend.get_user(response.params.get("UserName"))
    credential_id = response.params["ServiceSpecificCredentialId"]
    if credential_id not in user.service_specific_credentials:
        raise NotFoundException(f"The service specific credential {credential_id} cannot be found.")
    return user.service_specific_credentials[credential_id]


def _secret(service):
    """Shown once; nothing here takes it, so nothing keeps it."""
    if service in _PASSWORDS:
        return {"ServicePassword": secrets.token_urlsafe(32)}
    return {"ServiceCredentialSecret": f"ABSK{secrets.token_urlsafe(96)}"}


def _demand_service(service):
    if service not in (*_PASSWORDS, *_API_KEYS):
        raise ServiceNotSupported(f"Service {service} is not supported for service-specific credentials.")
