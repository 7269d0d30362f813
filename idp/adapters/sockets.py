"""What the sockets of this process are told that the server has no setting for."""

import os
import socket
import stat
import sys
from pathlib import Path


def cut_deaf_clients(seconds: float) -> int:
    """Let the system end every connection, from now on accepted by this process, whose client takes nothing of what is sent
    to it for so long; tell how many listening sockets were told.

    The server waits for ever with an answer that nobody reads. A connection inherits this from the socket that accepted it
    (tcp(7), TCP_USER_TIMEOUT); elsewhere than on Linux nothing is done.
    """
    if sys.platform != "linux":
        return 0
    told = 0
    for number in _open_sockets():
        with socket.socket(fileno=os.dup(number)) as one:
            listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if listens and one.family in {socket.AF_INET, socket.AF_INET6}:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
                told += 1
    return told


def _open_sockets() -> list[int]:
    """The sockets among this process's files."""
    found = []
    for file in Path("/proc/self/fd").iterdir():
        try:
            if stat.S_ISSOCK(os.fstat(int(file.name)).st_mode):
                found.append(int(file.name))
        except OSError:
            continue  # the one that lists them is closed again
    return found
