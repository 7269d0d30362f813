"""The `idp` command, for operators: one file for each noun, the same operations as the pages. `main` puts them
together.
"""
