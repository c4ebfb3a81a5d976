"""
Makes moto's conditional writes atomic, as S3's are. moto looks whether the object exists and then writes, without a
lock between its threads: of two concurrent writers with `If-None-Match: *` both can be answered 200.
Python imports this module at its start, from PYTHONPATH.
"""

import threading

try:
    from moto.s3.responses import S3Response
except ImportError:  # a Python of this environment that is not moto's
    pass
else:
    lock = threading.Lock()

    def one_at_a_time(method):
        def locked(self, *arguments, **named):
            with lock:
                return method(self, *arguments, **named)

        return locked

    S3Response.put_object = one_at_a_time(S3Response.put_object)
    S3Response._key_response_post = one_at_a_time(S3Response._key_response_post)
