"""The house holds: every file obeys every rule, and every rule really catches what it is there for."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", ".venv", "var", "node_modules", "static", "build", "dist", "__pycache__", ".hypothesis"}

VIOLATIONS = [
    ("environment", "idp/app.py", "import os\nissuer = os.environ['IDP_ISSUER']\n"),
    ("environment", "idp/web/pages.py", "from os import environ\n"),
    ("environment", "portal/app.py", "import os\nos.getenv('HOME')\n"),
    ("time", "idp/audit.py", "from datetime import UTC, datetime\nat = datetime.now(UTC)\n"),
    ("time", "idp/oidc/tokens.py", "import time\niat = int(time.time())\n"),
    ("time", "idp/oidc/tokens.py", "import datetime\nat = datetime.datetime.now()\n"),
    ("time", "idp/oidc/tokens.py", "from time import time\n"),
    ("commit", "idp/accounts/people.py", "def save(conn):\n    conn.commit()\n"),
    ("printing", "idp/cli/keys.py", "print('made')\n"),
    ("mocks", "tests/rules/test_levels.py", "from unittest import mock\n"),
    ("mocks", "tests/rules/test_levels.py", "from unittest.mock import patch\n"),
    ("chance", "idp/crypto.py", "import random\n"),
    ("sockets", "idp/oidc/clients.py", "from urllib.request import urlopen\n"),
    ("sockets", "idp/cli/doctor.py", "import http.client\n"),
    ("code in a map", "idp/oidc/__init__.py", '"""The folder."""\nfrom idp.oidc import keys\n'),
    ("code in a map", "idp/oidc/__init__.py", ""),
    ("length", "idp/oidc/tokens.py", "x = 1\n" * 401),
    ("depth", "idp/oidc/grants/code.py", ""),
    ("depth", "templates/registration/steps/one.html", ""),
    ("depth", "tests/stories/registration/test_it.py", ""),
    ("unescaped", "templates/account/show.html", "<p>{{ name|safe }}</p>"),
    ("unescaped", "templates/account/show.html", "{% autoescape false %}"),
    ("inline", "templates/account/show.html", '<button onclick="go()">'),
    ("inline", "portal/templates/home.html", '<p style="color: red">'),
    ("inline", "templates/account/show.html", "<script>go()</script>"),
    ("headings", "templates/account/show.html", '{% extends "base.html" %}{% block content %}<p>{% endblock %}'),
    (
        "headings",
        "templates/account/show.html",
        '{% extends "base.html" %}{% block heading %}A{% endblock %}<h1>B</h1>',
    ),
    ("headings", "templates/base.html", "<html><h1>A</h1><h1>B</h1></html>"),
    ("headings", "templates/base.html", "<html><p>A</p></html>"),
    ("skips", "tests/rules/test_levels.py", "import pytest\n@pytest.mark.skip\ndef test_it(): assert True\n"),
    ("skips", "tests/conftest.py", "import pytest\npytest.importorskip('psycopg')\n"),
    ("nothing asserted", "tests/rules/test_levels.py", "def test_levels():\n    level(1)\n"),
    ("nothing asserted", "tests/rules/test_levels.py", "def show(): level(1)\ndef test_levels():\n    show()\n"),
    ("index addresses", "requirements.txt", "--index-url https://packages.example/simple\nflask==3.1.3\n"),
    ("index addresses", "assets/package-lock.json", '{"resolved": "https://packages.example/a.tgz"}'),
    ("unfinished", "idp/oidc/tokens.py", "# TODO: revoke\n"),
]

ALLOWED = [
    ("nothing asserted", "tests/rules/test_levels.py", "def same(): assert 1\ndef test_levels():\n    same()\n"),
    ("environment", "idp/config.py", "import os\nissuer = os.environ['IDP_ISSUER']\n"),
    ("environment", "idp/app.py", "import os\nname = os.path.join('a', 'b')\n"),
    ("time", "idp/clock.py", "from datetime import UTC, datetime\nat = datetime.now(UTC)\n"),
    ("time", "idp/logs.py", "import time\nbegan = time.monotonic()\n"),
    ("commit", "idp/db.py", "conn.commit()\n"),
    ("chance", "idp/directory/generator.py", "import random\n"),
    ("sockets", "idp/adapters/smtp.py", "import smtplib\n"),
    ("sockets", "idp/oidc/clients.py", "from urllib.parse import urlsplit\n"),
    ("code in a map", "idp/oidc/__init__.py", '"""The folder."""\n'),
    ("length", "idp/oidc/tokens.py", "x = 1\n" * 400),
    ("depth", "idp/oidc/grants.py", ""),
    ("depth", "portal/templates/pages/home.html", ""),
    ("inline", "templates/base.html", '<script src="/static/app.js" defer></script>{# no style="..." here #}'),
    ("headings", "templates/account/show.html", '{% extends "base.html" %}{% block heading %}A{% endblock %}'),
    ("headings", "templates/base.html", "{# the only <h1> #}<html><h1>A</h1></html>"),
    (
        "nothing asserted",
        "tests/rules/test_levels.py",
        "def test_levels():\n    with pytest.raises(ValueError): level(3)\n",
    ),
]


def ours() -> list[str]:
    """What belongs to the project: what git knows or would add, or every file where there is no git."""
    names = _known_to_git() or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
    return sorted(name for name in names if not NOT_OURS & set(Path(name).parts) and (ROOT / name).is_file())


def _known_to_git() -> list[str]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return []
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in listed.stdout.split("\0") if name]


@pytest.mark.parametrize("name", RULES)
def test_every_file_obeys(name: str) -> None:
    rule = RULES[name]
    covered = [path for path in ours() if rule.covers(path)]
    broken = [line for path in covered for line in rule.broken_by(path, (ROOT / path).read_text("utf-8"))]
    assert not broken, "\n" + "\n".join(broken)
    assert covered, "the rule reads no file at all"


@pytest.mark.parametrize(("name", "path", "text"), VIOLATIONS)
def test_a_rule_catches_what_breaks_it(name: str, path: str, text: str) -> None:
    assert RULES[name].broken_by(path, text)


@pytest.mark.parametrize(("name", "path", "text"), ALLOWED)
def test_a_rule_lets_the_rest_be(name: str, path: str, text: str) -> None:
    assert not RULES[name].broken_by(path, text)


def test_every_rule_is_shown_to_catch_something() -> None:
    assert {name for name, _, _ in VIOLATIONS} == set(RULES)
