"""What `dev.py` does, with the standard library alone (`camera` runs inside `.venv`).

verbs        demo, test, check, bench, lock: which words exist and what each needs
terminal     what a person sees: lines, progress, faults; and running a command under it
system       packages of the operating system: what is missing, whether we may install it, the command if not
environment  `.venv` and the lock files: made, remade when half-made, left alone when nothing changed
phrases      the words for people: gathered, brought into each language, compiled
lock         the lock files themselves, made anew
checks       lint, types, import contracts, migrations, generated pages, tests
demo         the demo: its data and its programs, in order
guide        what the demo tells a person once it runs
screenshots  the pictures of README.md: a demo started for them
camera       walks that demo in a browser
requirements what tests cite, written into docs/requirements.md
ports        free, or taken and by whom
children     the programs that the demo starts, watches and stops
"""
