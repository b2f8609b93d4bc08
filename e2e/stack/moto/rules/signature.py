"""The signature is that of the bytes that came.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html: the hash of the payload is part
of what is signed. moto signs a form that it has encoded anew, so that some bodies (with line ends in them) never fit.
"""

import io
import threading

from moto.iam import access_control

from .wrap import around

_call = threading.local()


def apply():
    @around(access_control.IAMRequestBase, "_create_aws_request")
    def create_aws_request(create, request):
        request._body = _call.body
        return create(request)


def remember_body(environ):
    """Keeps the body of a call for the thread that answers it, and leaves it to be read as before."""
    _call.body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(_call.body)
