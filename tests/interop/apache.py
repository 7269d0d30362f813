"""Debian's Apache with mod_auth_openidc, as a program of this test alone: its own configuration, on a free port."""

import json
import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devtools import interop, ports
from devtools.children import Children

PREMIUM = "urn:dslogon:premium"
STARTS_WITHIN = 30.0
_ESSENTIAL = json.dumps({"id_token": {"acr": {"essential": True, "value": PREMIUM}}})

# It shows what it was told by sending the names back that it gives an application behind it: `Header echo`.
_CONFIGURATION = """\
ServerRoot "{folder}"
ServerName localhost
Listen 127.0.0.1:{port}
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/error.log"
DefaultRuntimeDir "{folder}"
Mutex "file:{folder}" default
StartServers 1
MinSpareServers 1
{modules}
DocumentRoot "{folder}/pages"
DirectoryIndex index.html
Header echo ^OIDC_CLAIM_

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI {origin}/records/answer
OIDCCryptoPassphrase {passphrase}
OIDCScope "openid profile"
OIDCPKCEMethod S256
OIDCPassClaimsAs headers
OIDCRemoteUserClaim sub
# This release of the module takes an error that comes with `iss` (RFC 9207 §2) for the start of a sign-in, and goes on to here.
OIDCDefaultURL {origin}/records/
# Where a person is in one moment, and no longer: nothing is written outside the folder.
OIDCCacheType shm

<Location /records>
  AuthType openid-connect
  Require valid-user
</Location>
<Location /records/premium>
  Require claim dslogon_assurance:2
  AuthzSendForbiddenOnFailure On
</Location>
<Location /records/essential>
  Require claim acr:{premium}
  OIDCUnAutzAction auth
  OIDCPathAuthRequestParams claims={essential}
</Location>
"""
_PAGES = ("records", "records/premium", "records/essential", "signed-out")
_MODULES = ("mpm_prefork", "authn_core", "authz_core", "authz_user", "dir", "headers", "auth_openidc")


@contextmanager
def apache(issuer: str, port: int, registered: Mapping[str, Any]) -> Iterator[str]:
    """The running server; its origin comes back. Started by root it runs as nobody, and as who starts it otherwise."""
    program = interop.apache()
    assert program is not None, f"missing: {' and '.join(interop.missing_packages())} of Debian"
    folder = Path(tempfile.mkdtemp(prefix="guidon-apache-"))
    configuration = folder / "apache.conf"
    for page in _PAGES:
        (folder / "pages" / page).mkdir(parents=True, exist_ok=True)
        (folder / "pages" / page / "index.html").write_text(f'<main data-page="apache/{page}"><h1>{page}</h1></main>')
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            origin=f"http://localhost:{port}",
            issuer=issuer,
            client_id=registered["client_id"],
            client_secret=registered["client_secret"],
            passphrase=secrets.token_urlsafe(32),
            premium=PREMIUM,
            essential=quote(_ESSENTIAL, safe=""),
            modules="\n".join(f"LoadModule {name}_module {interop.APACHE_MODULES}/mod_{name}.so" for name in _MODULES),
        ),
        "utf-8",
    )
    words = [program, "-DFOREGROUND", "-f", str(configuration)]
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        # `Children` knows nothing of users, and Apache itself would want to start as root.
        words = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *words]
    try:
        with Children(env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}, logs=folder) as children:
            children.start("apache", words)
            children.wait_until([("apache", lambda: ports.answers(port))], within=STARTS_WITHIN)
            yield f"http://localhost:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
