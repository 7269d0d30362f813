"""What a client does, in the order in which it happens.

Who is asking: `clients` with `redirect_uris`, and `client_auth` at the token endpoint. What is asked: `parameters` reads it raw,
`request` and `pkce` check it, `hints` opens an ID token shown again, `parked` keeps it while a person is on our pages, `prompts`
says what they must do next, `consents` what they allowed; `authorize` puts these together. What is given: `authorizations` with
their codes, `tokens`, `id_tokens`; `claims` says which claim for which of the `scopes`, `subjects` who the client sees, `standing`
what holds today. `grants`, alone knowing Authlib, hands them out; `userinfo` answers for them; `logout` ends it. `keys` and `jwts`
sign and verify, `discovery` with `paths` describes it all, `errors` says no, and `context` holds what one process keeps.
"""
