"""The embedded DEERS, the eligibility authority where no other is connected: `records` says what a line of a directory file holds,
`tables` what is kept of it and how it is sealed, `load` brings files in, `people` reads them back, `matching` judges a claim
against a record, `addresses` which address of record counts, `known` what the port tells of a person;
`cast` and `generate` invent people (`households` their families,
`names` their names).
"""
