"""Every table, gathered by importing each module that declares one. Migrations compare themselves with it."""

from idp import audit, limits, outbox
from idp.accounts import accounts, addresses, people, profile
from idp.credentials import devices, passwords, sessions, totp
from idp.db import Row
from idp.directory import tables as directory_tables
from idp.journeys import engine
from idp.oidc import authorizations, clients, consents, keys, parked, tokens
from idp.proofing import activation, evidence

metadata = Row.metadata

TABLES_OF = (
    accounts,
    activation,
    addresses,
    audit,
    authorizations,
    clients,
    consents,
    devices,
    engine,
    evidence,
    keys,
    limits,
    outbox,
    passwords,
    people,
    profile,
    parked,
    sessions,
    directory_tables,
    tokens,
    totp,
)
