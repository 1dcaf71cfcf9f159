"""Where a clerk works: the `manage.py` of the folder it is started in, run again and again.

Reads a JSON list of arguments a line; answers `{"status", "stdout", "stderr"}` a line.
"""

import contextlib
import io
import json
import os
import sys
import traceback


def serve() -> None:
    """Run what is asked until there is nobody to ask."""
    # What belongs to the conversation is not for commands to write to.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from django.core.management.base import BaseCommand

    import manage

    # The server checks the same settings; to load every page for each command is dear.
    BaseCommand.requires_system_checks = []
    for line in sys.stdin:
        out, err, status = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                sys.argv = ["manage.py", *json.loads(line)]
                manage.main()
            except SystemExit as ended:
                status = _status(ended.code, err)
            except Exception as error:  # noqa: BLE001 - the one who asked is told
                status = 1
                err.write(repr(error))
        json.dump({"status": status, "stdout": out.getvalue(), "stderr": err.getvalue()}, answers)
        answers.write("\n")
        answers.flush()


def _status(code: str | int | None, errors: io.StringIO) -> int:
    """Do as the interpreter does with what `sys.exit` was given."""
    if isinstance(code, str):
        errors.write(code)
        return 1
    return code or 0


if __name__ == "__main__":
    try:
        serve()
    except BaseException:  # noqa: BLE001 - the process ends here, and would not print it
        traceback.print_exc()
    finally:
        # To take Django apart object by object takes longer than most commands.
        os._exit(0)
