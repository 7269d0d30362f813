"""Settings: every fault at once, none with a value, and production is the default."""

from pathlib import Path

import pytest

from idp import config
from idp.config import ConfigFault

_GOOD = {
    "IDP_ISSUER": "https://id.example.org",
    "IDP_SMTP_URL": "smtps://user:hush-hush@mail.example.org",
    "DATABASE_URL": "sqlite:////srv/guidon.db",
}


@pytest.fixture(autouse=True)
def _only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(__import__("os").environ):
        if name.startswith("IDP_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)


def _load(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> config.Settings:
    for name, value in {**_GOOD, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return config.load()


def _faults(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> list[str]:
    with pytest.raises(ConfigFault) as fault:
        _load(monkeypatch, **changes)
    return fault.value.faults


def test_good_settings_load_and_are_production(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch)
    assert not settings.demo
    assert settings.secure


def test_every_fault_is_told_at_once_and_none_with_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """R163."""
    faults = _faults(
        monkeypatch,
        IDP_ISSUER="http://id.example.org/path?secret=hush-hush",
        IDP_SMTP_URL="smtp://user:hush-hush@mail.example.org",
        IDP_ISUER="hush-hush",
    )
    text = "\n".join(faults)
    assert "IDP_ISUER: there is no such setting" in text
    assert "IDP_ISSUER: must be https" in text
    assert "IDP_ISSUER: must be a bare origin" in text
    assert "IDP_SMTP_URL: mail must not travel in clear" in text
    assert "hush-hush" not in text


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _GOOD:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigFault) as fault:
        config.load()
    assert {line.partition(":")[0] for line in fault.value.faults} == set(_GOOD)


@pytest.mark.parametrize(
    "issuer", ["", "id.example.org", "ftp://id.example.org", "https://", "https://u:p@id.example.org"]
)
def test_an_issuer_that_is_no_https_origin_is_refused(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    assert any(line.startswith("IDP_ISSUER") for line in _faults(monkeypatch, IDP_ISSUER=issuer))


def test_plain_http_is_for_the_demo_on_localhost_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(monkeypatch, IDP_ISSUER="http://localhost:5000", IDP_DEMO="1").demo
    assert _faults(monkeypatch, IDP_ISSUER="http://localhost:5000", IDP_DEMO="0")
    assert _faults(monkeypatch, IDP_ISSUER="http://id.example.org", IDP_DEMO="1")


def test_a_toml_file_fills_what_the_environment_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "idp.toml"
    file.write_text('issuer = "https://from-the-file.example.org"\nhelp_phone = "555-0100"\n')
    settings = _load(monkeypatch, IDP_ISSUER=None, IDP_CONFIG=str(file))
    assert settings.issuer == "https://from-the-file.example.org"
    assert settings.help_phone == "555-0100"
    assert _load(monkeypatch, IDP_CONFIG=str(file)).issuer == _GOOD["IDP_ISSUER"]


def test_a_config_file_that_is_missing_or_unknown_in_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert _faults(monkeypatch, IDP_CONFIG=str(tmp_path / "none.toml")) == ["IDP_CONFIG names a file that is not there"]
    file = tmp_path / "idp.toml"
    file.write_text('isuer = "x"\n')
    assert any("isuer".upper() in line for line in _faults(monkeypatch, IDP_CONFIG=str(file)))
    file.write_text("not toml at all [")
    assert _faults(monkeypatch, IDP_CONFIG=str(file)) == ["IDP_CONFIG names a file that is not TOML"]


@pytest.mark.parametrize(
    "url",
    [
        "http://deers.example.mil",
        "http://localhost:5010",
        "ftp://deers.example.mil",
        "https://",
        "https://us:hush-hush@deers.example.mil",
        "https://deers.example.mil/api?key=hush-hush",
    ],
)
def test_deers_is_asked_over_https_alone(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """R78, R163: what goes there are SSNs; and what stands in an address is written down everywhere."""
    [fault] = _faults(monkeypatch, IDP_DEERS_URL=url)
    assert fault.startswith("IDP_DEERS_URL: must be https")
    assert "hush-hush" not in fault


def test_the_demo_asks_its_own_machine_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    here = _load(monkeypatch, IDP_DEMO="1", IDP_DEERS_URL="http://localhost:5010")
    assert here.deers_url == "http://localhost:5010"
    assert _faults(monkeypatch, IDP_DEMO="1", IDP_DEERS_URL="http://deers.example.mil")


def test_a_certificate_of_ours_that_cannot_be_shown_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, deers_certificates: Path, tmp_path: Path
) -> None:
    """Missing, without its key, with another's, or none at all; not at the first call."""
    of_two = tmp_path / "of-two.pem"
    of_two.write_bytes(
        (deers_certificates / "authority.pem").read_bytes() + (deers_certificates / "customer.key").read_bytes()
    )
    for path in (tmp_path / "nowhere.pem", deers_certificates / "authority.pem", of_two, Path(__file__)):
        [fault] = _faults(monkeypatch, IDP_DEERS_URL="https://deers.example.mil", IDP_DEERS_CERTIFICATE=str(path))
        assert fault == "IDP_DEERS_CERTIFICATE: names no PEM file with a certificate and its own key"
    good = str(deers_certificates / "customer.pem")
    assert _load(
        monkeypatch, IDP_DEERS_URL="https://deers.example.mil/api", IDP_DEERS_CERTIFICATE=good
    ).deers_certificate
