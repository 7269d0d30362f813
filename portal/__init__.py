"""A patient portal with invented contents: the sample relying party.

It shows what a portal has to do to let people in by OpenID Connect and to open each feature by the level that the
ID token states. It knows the provider by HTTP only. `python -m portal` serves it.

    settings.py   every setting, read from the environment and checked at the start
    gate.py       which feature needs which level, and the decision: start reading here
    provider.py   all of OpenID Connect: sending a person out, taking them back, signing out
    sessions.py   the portal's own session, kept on the server
    words.py      what claims and errors are called in plain English
    pages.py      the pages themselves
    app.py        wiring: headers, static files, the pages for faults
"""
