"""The pictures of README.md: taken from a demo that is started for it and thrown away afterwards."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from devtools import checks, demo, environment, system
from devtools.children import Children, listen
from devtools.demo import Demo
from devtools.terminal import ROOT, run, say

FOLDER = ROOT / "docs" / "screenshots"


def take() -> None:
    """Start a demo on ports of its own, walk it with a camera, stop it."""
    listen()
    python = environment.ensure(environment.WITH_CHECKS)
    if missing := checks.missing_for_browser():
        system.install(missing, why="The pictures are taken in Debian's Chromium, which is not here whole.")
    with tempfile.TemporaryDirectory(prefix="guidon-screenshots-") as folder:
        where = Demo(_free_port(), _free_port(), _free_port(), Path(folder, "demo"), size=100)
        env = where.environment(os.environ)
        demo.prepare(where, python, env)
        with Children(env=env, logs=where.folder) as children:
            demo.bring_up(where, children, python)
            camera = (python, "-m", "devtools.camera", where.issuer, where.portal, str(where.cast), str(FOLDER))
            say(run(camera, doing="Taking pictures", env=env).rstrip())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
