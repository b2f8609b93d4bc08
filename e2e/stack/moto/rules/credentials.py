"""Passwords, MFA devices, SSH keys, signing certificates and the credential report, where moto differs from IAM."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.iam.exceptions import EntityAlreadyExists, IAMException, InvalidInput, NotFoundException, ValidationError
from moto.iam.models import IAMBackend, SshPublicKey, User
from moto.iam.responses import IamResponse

from .wrap import around


class InvalidPublicKey(IAMException):
    code = "InvalidPublicKey"


class DuplicateSSHPublicKey(IAMException):
    code = "DuplicateSSHPublicKey"


class DuplicateCertificate(IAMException):
    code = "DuplicateCertificate"


class PasswordPolicyViolation(IAMException):
    code = "PasswordPolicyViolation"


def apply():
    _apply_passwords()
    _apply_mfa_devices()
    _apply_public_keys()
    for kind in ("access_key", "ssh_public_key", "signing_certificate"):
        around(IamResponse, f"update_{kind}")(_demand_settable)


def _demand_settable(update, response):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html: Expired is read, never set."""
    if response.params["Status"] == "Expired":
        raise ValidationError("A status can be set to Active or Inactive.")
    return update(response)


def _apply_passwords():
    @around(User, "__init__")
    def initialise(make, user, *args, **kwargs):
        make(user, *args, **kwargs)
        user.password_date = None

    IamResponse.create_login_profile = _create_login_profile
    IamResponse.get_login_profile = _get_login_profile
    IamResponse.update_login_profile = _update_login_profile

    @around(IAMBackend, "delete_login_profile")
    def delete_login_profile(delete, backend, user_name):
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteLoginProfile.html"""
        delete(backend, user_name)
        user = backend.get_user(user_name)
        user.password_date, user.password_reset_required = None, False


def _create_login_profile(response):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html: with a date of its own."""
    params = response.params
    if params.get("Password") is None:
        raise ValidationError("A password is needed.")
    _demand_password(params["Password"])
    user = response.backend.create_login_profile(params["UserName"], params["Password"])
    user.password_date = utcnow()
    user.password_reset_required = bool(params.get("PasswordResetRequired"))
    return _login_profile(user)


def _get_login_profile(response):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetLoginProfile.html"""
    return _login_profile(response.backend.get_login_profile(response.params["UserName"]))


def _login_profile(user):
    shown = {
        "UserName": user.name,
        "CreateDate": user.password_date,
        "PasswordResetRequired": user.password_reset_required,
    }
    return ActionResult({"LoginProfile": shown})


def _update_login_profile(response):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html: what is not given stays (moto would
    take the password away)."""
    params = response.params
    user = response.backend.get_login_profile(params["UserName"])
    if params.get("Password") is not None:
        _demand_password(params["Password"])
        user.password = params["Password"]
    if params.get("PasswordResetRequired") is not None:
        user.password_reset_required = bool(params["PasswordResetRequired"])
    return EmptyResult()


def _demand_password(password):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html, the default policy."""
    kinds = (str.isupper, str.islower, str.isdigit, lambda char: char in "!@#$%^&*()_+-=[]{}|'")
    met = sum(any(kind(char) for char in password) for kind in kinds)
    if len(password) < 8 or met < 3:
        raise PasswordPolicyViolation("Password does not conform to the account password policy.")


def _apply_mfa_devices():
    @around(IAMBackend, "enable_mfa_device")
    def enable_mfa_device(enable, backend, user_name, serial_number, first_code, second_code):
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html: a virtual device must be there, and
        no device belongs to two users. Codes are not checked."""
        backend.get_user(user_name)
        if ":mfa/" in serial_number and serial_number not in backend.virtual_mfa_devices:
            raise NotFoundException(f"VirtualMFADevice with serial number {serial_number} does not exist.")
        if any(serial_number in user.mfa_devices for user in backend.users.values()):
            raise EntityAlreadyExists("MFADevice entity at the same path and name already exists.")
        if first_code == second_code:
            raise InvalidInput("The two authentication codes must follow each other.")
        enable(backend, user_name, serial_number, first_code, second_code)


def _apply_public_keys():
    @around(IAMBackend, "upload_ssh_public_key")
    def upload_ssh_public_key(upload, backend, user_name, body):
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSSHPublicKey.html: RSA of 2,048 bits or more."""
        held = backend.get_user(user_name).ssh_public_keys
        number = _rsa_number(body)
        if any(_rsa_number(key.ssh_public_key_body) == number for key in held):
            raise DuplicateSSHPublicKey("The SSH public key is already associated with the specified IAM user.")
        return upload(backend, user_name, body)

    @around(SshPublicKey, "__init__")
    def shorten(make, key, user_name, body):
        make(key, user_name, body.strip())

    @around(IAMBackend, "upload_signing_certificate")
    def upload_signing_certificate(upload, backend, user_name, body):
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UploadSigningCertificate.html"""
        held = backend.get_user(user_name).signing_certificates.values()
        if any(certificate.body.strip() == body.strip() for certificate in held):
            raise DuplicateCertificate("The certificate is already associated with the user.")
        return upload(backend, user_name, body)


def _rsa_number(body):
    try:
        data = body.strip().encode()
        key = load_pem_public_key(data) if data.startswith(b"-----BEGIN") else load_ssh_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidPublicKey("Invalid public key.") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise InvalidPublicKey("The key must be RSA of at least 2048 bits.")
    return key.public_numbers()
