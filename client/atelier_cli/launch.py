"""The console scripts. They are on the PATH whatever extras are installed; one that lacks its own
says so. Nothing here may import more than the standard library.
"""

import sys
from importlib import import_module

_USAGE, _INTERRUPTED = 2, 130
_SETTINGS = "https://github.com/atelier-images/atelier#settings"


def atelier() -> None:
    """`atelier`, the command line."""
    _start("atelier_cli.main", extra="cli", what="The command line")


def api() -> None:
    """`atelier-api`."""
    _service("api", "The API: accepts jobs and queues them.")


def worker() -> None:
    """`atelier-worker`."""
    _service("worker", "A worker: takes jobs from the queue and has them drawn.")


def gallery() -> None:
    """`atelier-gallery`."""
    _service("gallery", "The gallery: the page, jobs, images and live events.")


def _service(name: str, what: str) -> None:
    arguments = sys.argv[1:]
    if arguments and set(arguments) <= {"--help", "-h"}:
        sys.stdout.write(
            f"Usage: atelier-{name}    {what}\n"
            f"It takes no arguments; environment variables configure it: {_SETTINGS}\n"
        )
        return
    if arguments:
        sys.exit(_refused(f"atelier-{name} takes no arguments; see atelier-{name} --help."))
    spoken = "API" if name == "api" else name
    _start(f"atelier_{name}.main", extra=name, what=f"The {spoken}")


def _start(module: str, *, extra: str, what: str) -> None:
    try:
        # By name: what runs is no dependency of the command line, and may not be there.
        main = import_module(module).main
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("atelier_"):
            raise
        sentence = f"{what} is not installed here: pip install 'atelier-images[{extra}]'."
        sys.exit(_refused(sentence))
    except KeyboardInterrupt:  # importing takes long enough for people to change their mind
        sys.exit(_INTERRUPTED)
    main()


def _refused(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return _USAGE
