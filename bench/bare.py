"""Nothing but argon2, in a program of its own: `python -m bench.bare`, told by one JSON object what to check.

What a sign-in costs above this is ours.
"""

from __future__ import annotations

import json
import sys
import time

from argon2 import PasswordHasher


def main() -> None:
    """Check one password again and again, as long as was asked; the argon2 string carries the parameters (R10)."""
    order = json.load(sys.stdin)
    encoded, peppered = order["encoded"], bytes.fromhex(order["peppered"])
    hasher = PasswordHasher()
    hasher.verify(encoded, peppered)
    runs = 0
    print(json.dumps({"event": "begin"}), flush=True)
    began, spent = time.monotonic(), time.process_time()
    while (seconds := time.monotonic() - began) < order["seconds"]:
        hasher.verify(encoded, peppered)
        runs += 1
    cpu = time.process_time() - spent
    print(json.dumps({"event": "end", "done": runs, "seconds": seconds, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main()
