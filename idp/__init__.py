"""Guidon: an identity provider with proofing levels, in the manner of DS Logon.

Read top to bottom: `web` and `cli` take what people, portals and operators ask; `journeys` are what a person does,
`oidc` what a client does; `proofing` says who someone is, `credentials` that it is them; `accounts` says who exists;
`directory` is the embedded eligibility authority; `adapters` are the outside. Below all of them lies a small kernel,
one idea a module: `config`, `clock`, `crypto`, `keyring`, `db`, `outcomes`, `ports`, `audit`, `limits`, `outbox`,
`logs`. Imports go down only (`setup.cfg` holds the contracts).
"""
