#!/usr/bin/env python3
"""The front door of the checkout: `python3 dev.py demo | test | check | bench`.

It needs nothing but Python, because it is what installs everything else. This file stays readable by old Pythons, so
that they can say that they are too old; the work is done in `devtools/`.
"""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - an old Python must get here to be told so
        sys.exit("dev.py needs Python 3.11 or newer, and this is Python " + sys.version.split()[0] + ".")

    from devtools import verbs

    sys.exit(verbs.main(sys.argv[1:]))
