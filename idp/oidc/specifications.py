"""How far this server goes with each specification: what is done, what is not, in a sentence each.

`idp docs` makes docs/specifications.md from it, with the tests that cite each part. A part that is done has tests, and whatever
the code cites is here; tests/house/test_specifications.py holds both.
"""

from idp.oidc.conformity import Far, Part, Specification


def _whole(name: str, title: str, far: Far, says: str, *tests: str) -> Specification:
    return Specification(name, title, (Part((), far, says, tests),))


_INTEROP = "tests/interop/test_openid_client.py"
_APACHE = "tests/interop/test_apache.py"
_APP = "tests/stories/test_second_factor.py"
_FETCH = "tests/rules/test_fetching.py"
_URIS = "tests/rules/test_redirect_uris.py"

_CORE = Specification(
    "OIDC Core",
    "OpenID Connect Core 1.0",
    (
        Part(
            ("2",),
            Far.DONE,
            "The ID token, signed with RS256 or ES256 as the client is registered; never `none` or HS256.",
        ),
        Part(("3.1",), Far.DONE, "The code flow: every parameter of the request, GET and POST.", (_INTEROP, _APACHE)),
        Part(
            ("3.2", "3.3"),
            Far.NO,
            "Implicit and hybrid flow: the code flow serves every kind of client (RFC 9700 §2.1.2).",
        ),
        Part(("4",), Far.NO, "Third-party-initiated sign-in."),
        Part(("5.1", "5.2"), Far.DONE, "The standard claims, at Premium from DEERS; in one language each."),
        Part(("5.3",), Far.PARTLY, "Userinfo by GET and POST, as JSON; not as a signed JWT.", (_INTEROP, _APACHE)),
        Part(("5.4",), Far.DONE, "Scopes: which claims each lets through is in docs/levels.md §5."),
        Part(("5.5",), Far.DONE, "The `claims` parameter: single claims, essential `acr`, `sub` with a value."),
        Part(("5.6",), Far.NO, "Aggregated and distributed claims."),
        Part(("6",), Far.REFUSED, "`request` and `request_uri` are answered with an error of their own."),
        Part(("8",), Far.DONE, "Pairwise subjects by sector unless a client is registered as public."),
        Part(
            ("9",),
            Far.PARTLY,
            "`client_secret_basic`, `client_secret_post`, `private_key_jwt`, `none`; not `client_secret_jwt`.",
        ),
        Part(("10",), Far.PARTLY, "Signatures and their rotation; no encryption."),
        Part(("11",), Far.DONE, "`offline_access`: a refresh token that outlives the session, by consent only."),
        Part(("12",), Far.DONE, "Refresh: `sub`, `auth_time` and `amr` stay, `acr` may only fall."),
        Part(("13",), Far.DONE, "Parameters by query or form, as each endpoint says."),
        Part(("15",), Far.DONE, "What every provider must have, dynamic ones aside."),
    ),
)

_OPENID = (
    _CORE,
    Specification(
        "OIDC Discovery",
        "OpenID Connect Discovery 1.0",
        (
            Part(("2",), Far.NO, "WebFinger: a client is told the issuer."),
            Part(("3", "4"), Far.DONE, "The metadata, written from the tables that serve.", (_INTEROP, _APACHE)),
        ),
    ),
    Specification(
        "OIDC Registration",
        "OpenID Connect Dynamic Client Registration 1.0",
        (
            Part(
                (), Far.PARTLY, "Clients are made by an operator; what is kept of each has the names of this document."
            ),
        ),
        also=("OIDC Dynamic Client Registration",),
    ),
    Specification(
        "RP-Initiated Logout",
        "OpenID Connect RP-Initiated Logout 1.0",
        (
            Part(
                (),
                Far.DONE,
                "With proof the session ends at once; without it the person is asked.",
                (_INTEROP, _APACHE),
            ),
        ),
    ),
    Specification(
        "Back-Channel Logout",
        "OpenID Connect Back-Channel Logout 1.0",
        (
            Part(("2.1",), Far.DONE, "`sid`, for clients with a registered address for after the sign-out."),
            Part((), Far.NO, "No logout token is sent. A refresh or userinfo tells a client that the session is over."),
        ),
    ),
    _whole(
        "Front-Channel Logout", "OpenID Connect Front-Channel Logout 1.0", Far.NO, "No frames of clients on our pages."
    ),
    _whole("Session Management", "OpenID Connect Session Management 1.0", Far.NO, "No check_session_iframe."),
    _whole(
        "OIDC Unmet Authentication Requirements",
        "OpenID Connect Core Error Code unmet_authentication_requirements 1.0",
        Far.DONE,
        "An essential `acr` or a client's minimum that is not reached.",
        "tests/protocol/test_acr.py::test_not_now_is_answered_with_the_truth_or_as_unmet",
    ),
    Specification(
        "Multiple Response Types",
        "OAuth 2.0 Multiple Response Type Encoding Practices",
        (Part((), Far.PARTLY, "`response_mode` is kept to; the types beyond `code` are not there."),),
    ),
    _whole(
        "Form Post Response Mode",
        "OAuth 2.0 Form Post Response Mode",
        Far.DONE,
        "Answers and errors, with and without scripts.",
    ),
)

_OAUTH = (
    Specification(
        "RFC 6749",
        "The OAuth 2.0 Authorization Framework",
        (
            Part(
                ("2",),
                Far.DONE,
                "Confidential and public clients; each proves itself by its registered method and no other.",
            ),
            Part(
                ("3.1", "3.2"),
                Far.DONE,
                "The endpoints: no parameter twice, no parameter of a machine from an address.",
            ),
            Part(("3.3",), Far.DONE, "Unknown scopes are passed over, unregistered ones refused."),
            Part(
                ("4.1",),
                Far.DONE,
                "The code: once, within a minute; a second use revokes what the first got.",
                (_INTEROP,),
            ),
            Part(("4.2", "4.3", "4.4"), Far.NO, "Implicit, password and client credentials grant."),
            Part(("5",), Far.DONE, "Answers and errors of the token endpoint; nothing is cached."),
            Part(("6",), Far.DONE, "Refresh: public clients rotate, confidential ones keep theirs.", (_INTEROP,)),
            Part(("10",), Far.DONE, "Forged requests: `state` goes back byte for byte, our own forms have tokens."),
        ),
    ),
    Specification(
        "RFC 6750",
        "Bearer Token Usage",
        (
            Part(("2.1", "2.2"), Far.DONE, "In the header or the form's body."),
            Part(("2.3",), Far.NO, "In an address: it would end up in logs."),
            Part(("3",), Far.DONE, "`WWW-Authenticate` says what is wrong, and nothing where no token came."),
        ),
    ),
    _whole(
        "RFC 7009",
        "Token Revocation",
        Far.DONE,
        "A refresh token takes its whole sign-in with it, an access token itself.",
        _INTEROP,
    ),
    _whole("RFC 7515", "JSON Web Signature", Far.DONE, "Compact form, one signature.", "tests/protocol/test_jose.py"),
    _whole(
        "RFC 7517",
        "JSON Web Key",
        Far.DONE,
        "The key set with `kid`, `alg` and `use`; those of clients are read strictly.",
    ),
    _whole("RFC 7518", "JSON Web Algorithms", Far.PARTLY, "RS256, PS256 and ES256; no other, and never `none`."),
    _whole(
        "RFC 7519", "JSON Web Token", Far.DONE, "ID tokens, access tokens for resource servers, assertions of clients."
    ),
    _whole("RFC 7521", "Assertion Framework", Far.PARTLY, "For the authentication of clients, not as a grant."),
    Specification(
        "RFC 7523",
        "JWT Profile for Client Authentication",
        (
            Part(("2.1",), Far.NO, "Assertions as a grant."),
            Part(("2.2", "3"), Far.DONE, "`private_key_jwt`; each `jti` once, by one INSERT.", (_INTEROP,)),
        ),
    ),
    Specification(
        "RFC 7591",
        "Dynamic Client Registration",
        (Part((), Far.PARTLY, "The names of its metadata, for what an operator registers; no endpoint."),),
    ),
    _whole(
        "RFC 7636",
        "PKCE",
        Far.DONE,
        "S256 alone; required unless an operator lets a confidential client go without.",
        _INTEROP,
        _APACHE,
    ),
    _whole("RFC 7638", "JWK Thumbprint", Far.DONE, "A signing key's `kid`.", "tests/protocol/test_keys.py"),
    _whole(
        "RFC 7662",
        "Token Introspection",
        Far.DONE,
        "For a token's client and the resource server that it is meant for.",
        _INTEROP,
    ),
    _whole("RFC 8037", "EdDSA for JOSE", Far.PARTLY, "Clients may sign with Ed25519; we do not."),
    _whole(
        "RFC 8176",
        "Authentication Method Reference Values",
        Far.DONE,
        "`pwd`, `otp`, `mfa`.",
        "tests/protocol/test_acr.py",
        "tests/stories/test_step_up.py",
    ),
    _whole(
        "RFC 8252",
        "OAuth 2.0 for Native Apps",
        Far.DONE,
        "Own schemes and loopback addresses, whose port alone may differ.",
    ),
    _whole("RFC 8414", "Authorization Server Metadata", Far.DONE, "The same document as OpenID Connect's."),
    _whole("RFC 8628", "Device Authorization Grant", Far.NO, "Not yet."),
    _whole("RFC 8693", "Token Exchange", Far.NO, "Not yet."),
    _whole("RFC 8705", "Mutual-TLS Client Authentication", Far.NO, "Not yet."),
    _whole("RFC 8707", "Resource Indicators", Far.DONE, "One registered resource server for each token.", _INTEROP),
    _whole(
        "RFC 8725",
        "JWT Best Current Practices",
        Far.DONE,
        "The algorithm comes from the registration, the kind from `typ`.",
    ),
    _whole(
        "RFC 9068",
        "JWT Profile for Access Tokens",
        Far.DONE,
        "For resource servers: five minutes, one audience.",
        _INTEROP,
    ),
    _whole("RFC 9101", "JWT-Secured Authorization Request", Far.NO, "`request` is refused by name (OIDC Core §6)."),
    _whole("RFC 9126", "Pushed Authorization Requests", Far.NO, "`request_uri` is refused by name."),
    _whole("RFC 9207", "Issuer Identification", Far.DONE, "`iss` in every answer and every error.", _INTEROP),
    _whole(
        "RFC 9396",
        "Rich Authorization Requests",
        Far.REFUSED,
        "`authorization_details` gets `invalid_authorization_details`.",
        "tests/protocol/test_authorization_errors.py",
    ),
    _whole("RFC 9449", "DPoP", Far.NO, "Not yet: tokens are bearer tokens."),
    Specification(
        "RFC 9470",
        "Step Up Authentication Challenge",
        (
            Part(
                ("4", "5"),
                Far.DONE,
                "`acr_values` and `max_age` make the person go higher or sign in again.",
                (_INTEROP,),
            ),
            Part(("6",), Far.DONE, "`acr` and `auth_time` in access tokens and in introspection."),
            Part(("3",), Far.NO, "The challenge is a resource server's to send; our userinfo has none."),
        ),
    ),
    _whole(
        "RFC 9700",
        "Best Current Practice for OAuth 2.0 Security",
        Far.PARTLY,
        "All but sender-constrained tokens (§2.2.1).",
    ),
)

_PEOPLE = (
    _whole(
        "RFC 2104",
        "HMAC",
        Far.DONE,
        "With SHA-256, and a key for each purpose; the directory keeps the first 16 bytes of each.",
        "tests/rules/test_keyring.py",
    ),
    _whole("RFC 4226", "HOTP", Far.DONE, "160 random bits, six digits.", _APP),
    _whole(
        "RFC 6238",
        "TOTP",
        Far.DONE,
        "SHA-1, 30 seconds, a step to each side, each once.",
        "tests/stories/test_second_factor_races.py",
    ),
    Specification(
        "SP 800-63A-4",
        "Digital Identity Guidelines: Identity Proofing",
        (
            Part(
                ("2.5.1",),
                Far.PARTLY,
                "KBV: never asked by the strict policy, never alone by the other.",
                ("tests/rules/test_policy.py",),
            ),
            Part(
                ("3.8", "3.10"),
                Far.DONE,
                "Codes to an address that the authority held before: strict policy; Premium in both.",
            ),
            Part(
                ("3.16",),
                Far.DONE,
                "Going higher begins with the strongest sign-in there is.",
                ("tests/stories/test_upgrade_steps.py",),
            ),
            Part(("4.2",), Far.DONE, "`ial` is 2 after a check in person alone, and left out else."),
            Part(("4.1", "4.3"), Far.NO, "IAL1 and IAL3 are not claimed; `proofing` says what was really done."),
        ),
    ),
    Specification(
        "SP 800-63A",
        "The same, revision 3, for what revision 4 no longer has",
        (Part((), Far.PARTLY, "§5.3.2: the rules of a quiz, where the chosen policy has one."),),
    ),
    Specification(
        "SP 800-63B-4",
        "Digital Identity Guidelines: Authentication",
        (
            Part(("2.1", "2.2"), Far.DONE, "AAL1 and AAL2, and how long a session of each lives."),
            Part(("2.3",), Far.NO, "AAL3."),
            Part(("3.1.1",), Far.DONE, "Passwords: length, blocklist, no composition rules, argon2id with a pepper."),
            Part(
                ("3.1.2", "4.2.1"),
                Far.DONE,
                "Look-up secrets: ten recovery codes.",
                (_APP,),
            ),
            Part(
                ("3.1.6", "3.1.7"),
                Far.DONE,
                "Passkeys and security keys: one factor, or two where the user was made sure of.",
                ("tests/rules/test_passkeys.py", "tests/stories/test_passkeys.py"),
            ),
            Part(("3.2.2",), Far.DONE, "Rate limiting, by factor and account, by address, and for all together."),
            Part(("3.2.5",), Far.DONE, "Phishing resistance: a passkey, which `urn:dslogon:premium:phr` asks for."),
            Part(("4.6",), Far.DONE, "Every address hears of a change, with a link that locks the account."),
            Part(("5",), Far.DONE, "Sessions: random handles, digests alone are stored."),
        ),
    ),
)

_AROUND = (
    _whole("RFC 3986", "Uniform Resource Identifier", Far.DONE, "Addresses are compared byte for byte.", _URIS),
    Specification(
        "RFC 4291",
        "IPv6, with 6to4 (RFC 3056), NAT64 (RFC 6052, RFC 8215) and what is for documents (RFC 9637)",
        (Part((), Far.DONE, "A fetch sees through to the address meant.", (_FETCH,)),),
        also=("RFC 3056", "RFC 6052", "RFC 8215", "RFC 9637"),
    ),
    _whole("RFC 5646", "Language Tags", Far.PARTLY, "Looked at for their language.", "tests/stories/test_account.py"),
    _whole("RFC 5891", "Internationalized Domain Names", Far.PARTLY, "In addresses to fetch from.", _FETCH),
    _whole(
        "RFC 8259", "JSON", Far.DONE, "No name twice in what a client sends.", "tests/rules/test_claims_parameter.py"
    ),
    _whole(
        "RFC 8305", "Happy Eyeballs", Far.PARTLY, "A fetch tries every address of a name, one after the other.", _FETCH
    ),
    _whole("RFC 9110", "HTTP Semantics", Far.DONE, "Methods and status codes."),
    _whole(
        "RFC 9112",
        "HTTP/1.1",
        Far.PARTLY,
        "§3.2: a request names one host, and is refused else; the rest is the server's own.",
    ),
)

GROUPS: tuple[tuple[str, tuple[Specification, ...]], ...] = (
    ("OpenID Connect", _OPENID),
    ("OAuth 2.0 and JOSE", _OAUTH),
    ("Who somebody is, and that it is them", _PEOPLE),
    ("Around it", _AROUND),
)
"""Every specification, as the page shows them."""

ALL = tuple(specification for _, group in GROUPS for specification in group)
