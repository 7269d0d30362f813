"""Every table, gathered by importing each module that declares one. Migrations compare themselves with it."""

from idp import audit, limits, outbox
from idp.accounts import accounts, addresses, disownings, people, profile
from idp.credentials import ceremonies, devices, passkeys, passwords, recovery_codes, sessions, totp
from idp.db import Row
from idp.directory import tables as directory_tables
from idp.journeys import engine, sync
from idp.oidc import assertions, authorizations, clients, consents, keys, parked, resources, tokens
from idp.proofing import activation, address_codes, evidence, held_numbers

metadata = Row.metadata

TABLES_OF = (
    accounts,
    activation,
    address_codes,
    addresses,
    audit,
    assertions,
    authorizations,
    ceremonies,
    clients,
    consents,
    devices,
    disownings,
    engine,
    evidence,
    held_numbers,
    keys,
    limits,
    outbox,
    passkeys,
    passwords,
    people,
    profile,
    parked,
    recovery_codes,
    resources,
    sessions,
    sync,
    directory_tables,
    tokens,
    totp,
)
