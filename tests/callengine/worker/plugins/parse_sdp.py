"""Run as a process: what pjmedia's parser says of each description in a JSON list on stdin."""

import json
import sys

import pjsua2 as pj

from callengine.worker.native import declarations

DECLARATIONS = """
int pjmedia_sdp_parse(pj_pool_t *, char *, size_t, void **);
int pjmedia_sdp_validate(const void *);
"""


declarations.PJMEDIA += DECLARATIONS  # before they are read

from callengine.worker.native import libraries  # noqa: E402


def main() -> None:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.logConfig.level = config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    libraries.declare()
    api = libraries.pjmedia()
    statuses = []
    for text in json.load(sys.stdin):
        pool = api.pj_pool_create(
            api.pjsua_get_pool_factory(), b"sdp", 8000, 8000, libraries.ffi.NULL
        )
        data = text.encode()
        room, parsed = libraries.ffi.new("char[]", data), libraries.ffi.new("void **")
        status = api.pjmedia_sdp_parse(pool, room, len(data), parsed)
        statuses.append(status or api.pjmedia_sdp_validate(parsed[0]))
        api.pj_pool_release(pool)
    sys.stderr.write(json.dumps(statuses))  # pjsua prints its own lines to stdout, when it likes
    endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)


main()
