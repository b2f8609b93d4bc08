"""What IAM refuses and moto does not."""

from . import (
    boundaries,
    caller,
    credential_report,
    credentials,
    deletion,
    names,
    operations,
    quotas,
    resources,
    service_credentials,
    sessions,
    signature,
)


def apply_all():
    """Puts every rule into moto. The later is asked first, so that the constraints of the API come before everything."""
    for rules in (
        boundaries,
        service_credentials,
        credential_report,
        credentials,
        quotas,
        names,
        deletion,
        signature,
        sessions,
        caller,
        resources,
        operations,
    ):
        rules.apply()
