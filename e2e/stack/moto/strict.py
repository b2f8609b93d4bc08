"""moto's IAM and STS over TLS on loopback, made to refuse what AWS refuses.

Arguments: PORT CERTIFICATE KEY ADMIN_FILE. Writes {"accessKeyId", "secretAccessKey"} of an administrator to ADMIN_FILE and
then demands a valid signature and a policy for every call. It uses moto's insides, so the version is pinned. What it adds
is in `rules`, one job a file, each rule with the page of AWS's documentation that it follows. It is our reading of that
documentation, not AWS; the tests in this folder show each.
"""

import json
import os
import ssl
import sys

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
# The checkout stays as it is.
sys.dont_write_bytecode = True

from moto import settings  # noqa: E402
from moto.core import DEFAULT_ACCOUNT_ID  # noqa: E402
from moto.core.authorization import ActionAuthenticatorMixin  # noqa: E402
from moto.iam import models  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from rules import apply_all  # noqa: E402
from rules.signature import remember_body  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402


def create_admin():
    """An IAM user that may do everything; returns its key."""
    iam = models.iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    iam.create_user("us-east-1", "stack-admin", path="/stack/", tags=[])
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy("stack-admin", "all", json.dumps(policy))
    key = iam.create_access_key("stack-admin")
    return {"accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key}


class QuietHandler(MotoRequestHandler):
    """No access log (it would grow by a line per login); small answers leave at once."""

    disable_nagle_algorithm = True

    def log_request(self, *args, **kwargs):
        pass


class App(DomainDispatcherApplication):
    """moto's own control interface answers anybody, and some paths skip the signature: neither is served."""

    def __call__(self, environ, start_response):
        if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-HMAC-SHA256 "):
            body = (
                b'<ErrorResponse><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code>'
                b"<Message>Request is missing Authentication Token</Message></Error></ErrorResponse>"
            )
            start_response("403 Forbidden", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
            return [body]
        remember_body(environ)
        return super().__call__(environ, start_response)


def main(port, certificate, key, admin_file):
    apply_all()
    server = make_server("127.0.0.1", int(port), App(create_backend_app), threaded=True, request_handler=QuietHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake happens in the connection's own thread: a client that never finishes it holds up nobody.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    admin = create_admin()
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0
    temporary = admin_file + ".new"
    with open(temporary, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(admin, file)
    os.rename(temporary, admin_file)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
