"""Discovery: what this server can do, written from the tables that do it (OIDC Discovery §3, RFC 8414 §2)."""

import json

from idp.accounts.levels import ACRS
from idp.oidc import (
    claims,
    client_auth,
    client_keys,
    grants,
    introspection,
    keys,
    paths,
    pkce,
    request,
    revocation,
    scopes,
    subjects,
)


def document(issuer: str, *, ui_locales: tuple[str, ...]) -> bytes:
    """Both documents are this one; nothing in it varies while a process lives."""
    return json.dumps(
        {
            "issuer": issuer,
            "authorization_endpoint": issuer + paths.AUTHORIZE,
            "token_endpoint": issuer + paths.TOKEN,
            "userinfo_endpoint": issuer + paths.USERINFO,
            "jwks_uri": issuer + paths.JWKS,
            "end_session_endpoint": issuer + paths.LOGOUT,
            "scopes_supported": list(scopes.ALL),
            "response_types_supported": list(request.RESPONSE_TYPES),
            "response_modes_supported": list(request.RESPONSE_MODES),
            "grant_types_supported": list(grants.GRANT_TYPES),
            "subject_types_supported": list(subjects.TYPES),
            "id_token_signing_alg_values_supported": list(keys.ALGS),
            "token_endpoint_auth_methods_supported": list(client_auth.METHODS),
            "token_endpoint_auth_signing_alg_values_supported": list(client_keys.ALGS),
            "introspection_endpoint": issuer + paths.INTROSPECT,
            "introspection_endpoint_auth_methods_supported": list(introspection.METHODS),
            "introspection_endpoint_auth_signing_alg_values_supported": list(client_keys.ALGS),
            "revocation_endpoint": issuer + paths.REVOKE,
            "revocation_endpoint_auth_methods_supported": list(revocation.METHODS),
            "revocation_endpoint_auth_signing_alg_values_supported": list(client_keys.ALGS),
            "code_challenge_methods_supported": list(pkce.METHODS),
            "prompt_values_supported": list(request.PROMPTS),
            "display_values_supported": list(request.DISPLAYS),
            "acr_values_supported": list(ACRS),
            "claim_types_supported": ["normal"],
            "claims_supported": list(claims.SUPPORTED),
            "ui_locales_supported": list(ui_locales),
            "claims_parameter_supported": True,
            "request_parameter_supported": False,
            # OIDC Discovery §3: left out, this one would mean true.
            "request_uri_parameter_supported": False,
            "authorization_response_iss_parameter_supported": True,
        },
        separators=(",", ":"),
    ).encode("ascii")
