"""The words after `dev.py`, and what each of them needs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from devtools import checks, demo, lock, phrases, requirements, screenshots
from devtools.children import StoppedError
from devtools.terminal import StopError, say

HELP = """\
Everything in this checkout, with nothing but Python installed.

  python3 dev.py demo    set up and run the demo: provider, portal, mail, on invented people
  python3 dev.py test    run the tests; what follows goes to pytest:  dev.py test tests/rules -k level
  python3 dev.py check   lint, types, import contracts, migrations and generated pages, then the tests
  python3 dev.py bench   run the benchmarks
  python3 dev.py phrases gather the words for people into translations/, and compile each language
  python3 dev.py screenshots   take the pictures of README.md anew, from the running product
  python3 dev.py requirements  name the tests of each requirement in docs/requirements.md
  python3 dev.py lock    write the lock files anew from the .in files

The first run makes .venv and installs what the lock files name, from the package index that pip is configured with.
Where Debian's own packages are missing they are installed if you may do that; if not, you are told the command.
"""
INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended


def main(words: Sequence[str]) -> int:
    """Do what the words say; the exit code: 0 done, 1 refused or failed, 2 not understood."""
    verb, rest = (words[0], list(words[1:])) if words else ("", [])
    try:
        # pytest and the benchmarks have options of their own, which argparse would take for mistakes.
        if verb in {"test", "bench"} and not {"-h", "--help"} & set(rest):
            return checks.test(rest) if verb == "test" else checks.bench(rest)
        return _parsed(parser().parse_args(words))
    except StopError as stop:
        say(f"\n{stop}")
        return stop.code
    except StoppedError:
        say("\nStopped.")
        return 0
    except KeyboardInterrupt:
        say("\nInterrupted; run it again to go on.")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="dev.py", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python3 dev.py {demo,test,check,bench,phrases,screenshots,requirements,lock} ...",
    )  # fmt: skip
    verbs = top.add_subparsers(dest="verb", required=True, metavar="verb", help=argparse.SUPPRESS)
    run = verbs.add_parser("demo", prog="python3 dev.py demo", description="Set up and run the demo until Ctrl-C.")
    run.add_argument("--port", type=_port, default=5000, help="where the provider answers (5000)")
    run.add_argument("--portal-port", type=_port, help="where the portal answers (the provider's port + 1)")
    run.add_argument("--mail-port", type=_port, help="where the mail catcher listens (the provider's port + 25)")
    run.add_argument("--fresh", action="store_true", help="delete the demo's data and make it anew")
    run.add_argument("--data", type=Path, default=demo.FOLDER, help="where its data lies (var/demo)")
    verbs.add_parser(
        "test", prog="python3 dev.py test", description="Run the tests. Every argument goes to pytest as it is."
    )
    verbs.add_parser("check", prog="python3 dev.py check", description="Run all checks, then all tests.")
    verbs.add_parser(
        "bench", prog="python3 dev.py bench", description="Run the benchmarks. Every argument goes to them as it is."
    )
    verbs.add_parser(
        "phrases", prog="python3 dev.py phrases", description="Gather the words for people for every language."
    )
    verbs.add_parser(
        "screenshots", prog="python3 dev.py screenshots", description="Take the pictures of README.md anew."
    )
    verbs.add_parser("requirements", prog="python3 dev.py requirements", description="Name each requirement's tests.")
    renew = verbs.add_parser("lock", prog="python3 dev.py lock", description="Write the lock files anew.")
    renew.add_argument("--upgrade", action="store_true", help="take the newest versions that the .in files allow")
    return top


def _parsed(asked: argparse.Namespace) -> int:
    if asked.verb == "demo":
        demo.start(demo.placed(asked.port, asked.portal_port, asked.mail_port, asked.data), fresh=asked.fresh)
    elif asked.verb == "check":
        return checks.check()
    elif asked.verb == "phrases":
        phrases.gather()
    elif asked.verb == "screenshots":
        screenshots.take()
    elif asked.verb == "requirements":
        requirements.write()
    elif asked.verb == "lock":
        lock.renew(upgrade=asked.upgrade)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)
