"""The `idp` command as an operator runs it: a process with arguments, an environment, standard streams and an exit code."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idp.__main__ import main
from tests.races import prepared
from tests.world import World

Done = subprocess.CompletedProcess[str]

_PATIENCE = 60


def environment_of(world: World) -> dict[str, str]:
    """What an operator of this world has in the environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    return inherited | {
        "IDP_DEMO": "1",
        "IDP_ISSUER": world.settings.issuer,
        "IDP_KEYS": str(world.settings.keys),
        "IDP_SMTP_URL": world.settings.smtp_url,
        "DATABASE_URL": world.settings.database_url,
    }


def run_idp(environment: Mapping[str, str], *words: str, typed: str = "") -> Done:
    """Run it to its end in a process of its own, which is forked off one that has imported the command: most of the time of a
    short command goes into that.
    """
    with tempfile.TemporaryDirectory(prefix="guidon-idp-") as name:
        folder = Path(name)
        (folder / "in").write_text(typed, "utf-8")
        process = prepared().Process(target=_be_idp, args=(folder, words, dict(environment)))
        process.start()
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, _PATIENCE)
        told, complained = ((folder / stream).read_text("utf-8") for stream in ("out", "err"))
        return Done(["idp", *words], process.exitcode, told, complained)


def start_idp(environment: Mapping[str, str], *words: str, typed: str = "") -> Done:
    """Run it as a shell does, from an interpreter that knows nothing yet. It takes seconds."""
    return subprocess.run(
        [sys.executable, "-m", "idp", *words],
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )


def read_json(done: Done) -> Any:
    """What a command printed that went well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _be_idp(folder: Path, words: tuple[str, ...], environment: dict[str, str]) -> None:
    for number, stream, how in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
        opened = os.open(folder / stream, how | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["idp", *words]
    main()
