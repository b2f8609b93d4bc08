"""Each operation of IAM, by AWS's own description of its API, which botocore brings along: constraints of what is sent, the
user that a call means without naming one, and lists by pages."""

import base64
import json
import threading

import botocore.loaders
import regex
from botocore.model import ServiceModel
from moto.core.responses import BaseResponse
from moto.core.serialize import url_encode
from moto.core.utils import camelcase_to_underscores
from moto.iam.exceptions import ValidationError
from moto.iam.responses import IamResponse

from .wrap import around

_model = ServiceModel(botocore.loaders.Loader().load_service_model("iam", "service-2"), "iam")



def _paged_lists():
    """Of each operation with a marker and one list, the name of the list."""
    for name in _model.operation_names:
        shape = _model.operation_model(name).output_shape
        members = shape.members if shape is not None else {}
        lists = [member for member, part in members.items() if part.type_name == "list"]
        if "Marker" in members and len(lists) == 1:
            yield name, lists[0]


_lists = dict(_paged_lists())
# moto's lists change while it renders them, and a quota is only one if nothing comes between looking and adding.
_one_at_a_time = threading.RLock()


def apply():
    around(BaseResponse, "call_action")(_alone)
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html: documents come encoded for a URL.
    IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER |= {"GetPolicyVersionResponse.PolicyVersion.Document": url_encode}
    for name in _model.operation_names:
        method = camelcase_to_underscores(name)
        if hasattr(IamResponse, method):
            around(IamResponse, method)(_checked(name))


def operation_of(response):
    """AWS's description of the operation that a response answers; None if there is none of this name."""
    name = response._get_action()
    return _model.operation_model(name) if name in _model.operation_names else None


def implicit_user(response):
    """The caller's name, where the operation takes the caller for the user that it does not name.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html, and so for all whose UserName is optional.
    """
    operation = operation_of(response)
    shape = operation.input_shape
    if shape is None or "UserName" not in shape.members or "UserName" in shape.required_members:
        return None
    if response.params.get("UserName") or response.params.get("AllUsers"):
        return None
    user = response.backend.get_user_from_access_key_id(response.get_access_key())
    return user.name if user else None


def _alone(original, response):
    with _one_at_a_time:
        return original(response)


def _checked(name):
    def call(original, response):
        operation = _model.operation_model(name)
        if operation.input_shape is not None:
            faults = list(_faults(operation.input_shape, response.params, ""))
            if faults:
                noun = "error" if len(faults) == 1 else "errors"
                raise ValidationError(f"{len(faults)} validation {noun} detected: {'; '.join(faults)}")
        user = implicit_user(response)
        if user:
            response.params["UserName"] = user
        return _page(name, original, response) if name in _lists else original(response)

    return call


def _faults(shape, value, path):
    """Each breach of the constraints in AWS's description.

    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, ValidationError.
    """
    if shape.type_name == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield _fault("null", _at(path, name), "Member must not be null")
        for name, part in value.items():
            if part is not None and name in shape.members:
                yield from _faults(shape.members[name], part, _at(path, name))
    elif shape.type_name == "list":
        for index, part in enumerate(value):
            yield from _faults(shape.member, part, f"{path}.{index + 1}.member")
    elif shape.type_name == "string":
        limits, shown = shape.metadata, "***" if shape.metadata.get("sensitive") else value
        if len(value) < limits.get("min", 0):
            yield _fault(shown, path, f"Member must have length greater than or equal to {limits['min']}")
        if len(value) > limits.get("max", len(value)):
            yield _fault(shown, path, f"Member must have length less than or equal to {limits['max']}")
        if limits.get("enum") and value not in limits["enum"]:
            yield _fault(shown, path, f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]")
        if limits.get("pattern") and not regex.fullmatch(limits["pattern"], value):
            yield _fault(shown, path, f"Member must satisfy regular expression pattern: {limits['pattern']}")
    elif shape.type_name == "integer":
        limits = shape.metadata
        if int(value) < limits.get("min", int(value)):
            yield _fault(value, path, f"Member must have value greater than or equal to {limits['min']}")
        if int(value) > limits.get("max", int(value)):
            yield _fault(value, path, f"Member must have value less than or equal to {limits['max']}")


def _at(path, name):
    return f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")


def _fault(value, path, constraint):
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _page(name, original, response):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html: MaxItems (100 where it is not given), Marker,
    IsTruncated; the same for every list of IAM. moto ignores them in most lists."""
    most = int(response.params.pop("MaxItems", None) or 100)
    marker = response.params.pop("Marker", None)
    # Where moto does page, it gives all: what is there is cut here, in one way for all.
    response.params["MaxItems"] = 1_000_000
    answer = original(response)
    items = sorted(answer.result[_lists[name]] or [], key=_place)
    if marker is not None:
        after = _place_in(name, marker)
        items = [item for item in items if _place(item) > after]
    more = len(items) > most
    answer.result[_lists[name]] = items[:most]
    answer.result["IsTruncated"] = more
    answer.result["Marker"] = _marker(name, items[most - 1]) if more else None
    return answer


_TIMES = ("create_date", "CreateDate", "upload_date")
_NAMES = (
    *("access_key_id", "ssh_public_key_id", "certificate_id", "ServiceSpecificCredentialId", "version_id"),
    *("name", "PolicyName", "Key", "SerialNumber", "serial_number", "ServerCertificateName"),
)


def _place(item):
    """Where an item stands in its list: credentials by their age, everything else by its name."""
    if isinstance(item, str):
        return ["", item]
    held = item if isinstance(item, dict) else {key: getattr(item, key, None) for key in (*_TIMES, *_NAMES)}
    name = next(key for key in _NAMES if held.get(key) is not None)
    aged = name in _NAMES[:5]
    time = next((held[key] for key in _TIMES if held.get(key) is not None), None) if aged else None
    return [time.isoformat() if time else "", held[name]]


def _marker(name, item):
    return base64.urlsafe_b64encode(json.dumps([name, *_place(item)]).encode()).decode()


def _place_in(name, marker):
    try:
        of, time, place = json.loads(base64.urlsafe_b64decode(marker))
    except ValueError:
        raise ValidationError("Invalid Marker.") from None
    if of != name:
        raise ValidationError("Invalid Marker.")
    return [time, place]
