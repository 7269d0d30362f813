"""The wheel is whole: it runs from nowhere near the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("idp", "portal", "templates", "static", "migrations", "translations")
SOURCES = (*FOLDERS, "setup.cfg", "pyproject.toml", "requirements.in")
NOT_FOR_THE_WHEEL = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as the Dockerfile does, from a copy, since setuptools writes beside what it reads."""
    copy, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=NOT_FOR_THE_WHEEL)
        else:
            shutil.copy(ROOT / name, copy / name)
    copy.joinpath("README.md").write_text("Guidon\n", "utf-8")
    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check")
    build = [sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", str(made), str(copy)]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(made.glob("guidon-*.whl"))


def test_every_file_of_the_product_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    expected = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                prefix = "" if folder in {"idp", "portal"} else "idp/"
                expected.add(prefix + str(path.relative_to(ROOT)))
    assert expected, "the checkout is empty"
    assert sorted(expected - inside) == []


def test_it_makes_keys_and_a_database_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "IDP_DEMO": "1",
        "IDP_ISSUER": "http://localhost:5000",
        "IDP_SMTP_URL": "smtp://localhost:5025",
        "IDP_KEYS": str(tmp_path / "keys"),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'guidon.db'}",
    }

    def run(*words: str) -> str:
        ended = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    assert run("-c", "import idp; print(idp.__file__)").startswith(str(installed)), "the checkout was found instead"
    run("-m", "idp", "keys", "init")
    run("-m", "idp", "db", "upgrade")
    assert "fits" in run("-m", "idp", "db", "check")
