"""The benchmarks, run by `python3 dev.py bench`: how fast the real server is beside another provider. They judge nothing.

`__main__` reads the words and keeps the order of the work; `machine` knows this computer, its cores, and how much of
one somebody else took; `sides` is what is measured, `guidon` ours and `peer` npm's oidc-provider (its folder of the same
name holds the program); `browser` signs in; `load.mjs` sends the requests and checks the answers; `rounds` takes the
measurements in turn, each by a `load`; `signing_in` holds sign-ins of `members` against `bare` argon2, and floods the
server with them (`member.mjs`, over `wire.mjs`); `weights` counts what a page costs a first visitor; `report` makes the
tables, on the terminal and in docs/performance.md. `deers` measures the directory up to a million people, in the databases of
`stores`, with accounts of `deers_members` that follow it; `likeness` looks among all of them for people who could be taken for each
other; `deers_report` has its tables.
"""
