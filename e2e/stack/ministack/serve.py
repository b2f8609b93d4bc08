"""ministack's IAM and STS over TLS on loopback, with credentials and policies enforced.

Arguments: PORT CERTIFICATE KEY ADMIN_FILE. Writes {"accessKeyId", "secretAccessKey"} of the account's root to ADMIN_FILE. It is the
second opinion beside moto on permissions boundaries, trust policies and sessions. It judges calls to IAM on the resource "*"
only, accepts the attachment of a policy that it does not know (AWSDenyAll among them) without any effect, and looks only at
keys and attached policies before it deletes a user.
"""

import json
import os
import secrets
import sys

port, certificate, key, admin_file = sys.argv[1:]
admin = {"accessKeyId": "AKIA" + secrets.token_hex(8).upper(), "secretAccessKey": secrets.token_hex(20)}
os.environ.update(
    {
        "AUTH": "true",
        # Without it the server would listen on every address.
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": certificate,
        "MINISTACK_SSL_KEY": key,
        "MINISTACK_ACCOUNT_ID": "123456789012",
        "MINISTACK_REGION": "us-east-1",
        "SERVICES": "iam,sts",
        "LOG_LEVEL": "WARNING",
        "AWS_ACCESS_KEY_ID": admin["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": admin["secretAccessKey"],
    }
)
temporary = admin_file + ".new"
with open(temporary, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
    json.dump(admin, file)
os.rename(temporary, admin_file)

# It reads arguments of its own.
sys.argv = sys.argv[:1]

from ministack.app import main  # noqa: E402

main()
