"""Who a person is: `policy` says which evidence gives which level, `evidence` keeps what spoke for whom, `activation`
the one-time codes.
"""
