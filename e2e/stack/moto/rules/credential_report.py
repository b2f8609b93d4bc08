"""The credential report: what was so when it was made, not what is so now.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateCredentialReport.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetCredentialReport.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html: a report younger than four hours is
given again, and one that is older has expired. moto's shows the present and a date in 2015.
"""

from datetime import timedelta

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.iam.exceptions import IAMException, ReportNotPresentException
from moto.iam.models import IAMBackend, User
from moto.iam.responses import IamResponse

from .wrap import around

LIFE = timedelta(hours=4)


class ReportExpired(IAMException):
    code = "ReportExpired"


def apply():
    @around(IAMBackend, "__init__")
    def initialise(make, backend, *args, **kwargs):
        make(backend, *args, **kwargs)
        backend.report_text, backend.report_time = "", None

    @around(User, "to_csv")
    def to_csv(row, user):
        """Without a password there are no dates of one."""
        fields = row(user).rstrip("\n").split(",")
        fields[5] = _time(user.password_date) if user.password else "N/A"
        fields[4] = fields[4] if user.password else "N/A"
        fields[6] = "N/A"
        for place, key in zip((8, 13), [*user.access_keys[:2], None, None]):
            used = key.last_used if key else None
            fields[place + 3 : place + 5] = [used.region, used.service] if used else ["N/A", "N/A"]
        return ",".join(fields) + "\n"

    IamResponse.generate_credential_report = _generate
    IamResponse.get_credential_report = _get


def _generate(response):
    backend = response.backend
    if backend.report_time is not None and utcnow() - backend.report_time < LIFE:
        return ActionResult({"State": "COMPLETE"})
    backend.generate_report()
    header, *rows = backend.get_credential_report().splitlines(keepends=True)
    backend.report_text = "".join([header, _root_row(backend, header), *rows])
    backend.report_time = utcnow()
    text = "No report exists. Starting a new report generation task"
    return ActionResult({"State": "STARTED", "Description": text})


def _get(response):
    backend = response.backend
    if backend.report_time is None:
        raise ReportNotPresentException("No report exists.")
    if utcnow() - backend.report_time >= LIFE:
        raise ReportExpired("The most recent credential report has expired.")
    return ActionResult(
        {"Content": backend.report_text, "ReportFormat": "text/csv", "GeneratedTime": backend.report_time}
    )


def _root_row(backend, header):
    """The account's root stands first, and its password is not supported."""
    arn = f"arn:{backend.partition}:iam::{backend.account_id}:root"
    made = "2020-01-01T00:00:00+00:00"
    first = {"user": "<root_account>", "arn": arn, "user_creation_time": made, "password_last_used": "no_information"}
    unsupported = ("password_enabled", "password_last_changed", "password_next_rotation")
    flags = ("mfa_active", "access_key_1_active", "access_key_2_active", "cert_1_active", "cert_2_active")
    values = first | dict.fromkeys(unsupported, "not_supported") | dict.fromkeys(flags, "false")
    return ",".join(values.get(name, "N/A") for name in header.strip().split(",")) + "\n"


def _time(date):
    return date.strftime("%Y-%m-%dT%H:%M:%S+00:00")
