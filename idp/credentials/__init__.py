"""That it is you.

`passwords` with the `blocklist` of those that everybody tries, `sign_in` which checks one, `sessions` which
it opens, `devices` which remember a name.
"""
