"""Who exists: people, the subject ids that `sub` is derived from, accounts with their state and level, and what
people say about themselves.
"""
