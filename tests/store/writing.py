"""A process that writes until it is killed or refused, and says on stdout what was acknowledged.

Usage: writing.py DATABASE ROUND THREADS [FILE_SIZE_LIMIT]
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

from devvault.errors import Unavailable
from devvault.store.base import LIVE, AuditRow, Row, Writing
from devvault.store.sqlite import SqliteStore


def main() -> None:
    path, told, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if len(sys.argv) > 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
    store = SqliteStore(path)
    refused = threading.Event()

    def write(thread: int) -> None:
        number = 0
        while not refused.is_set():
            name = f"r{told}-t{thread}-{number}"

            def work(tx: Writing, name: str = name, number: int = number) -> None:
                tx.put(Row("secret", "v", name, "", LIVE, None, 1, b"w" * 60, name.encode() * 40))
                head = tx.audit_head()
                seq = 1 if head is None else head.seq + 1
                tx.append_audit(AuditRow(seq, 0, 1, name.encode(), b"m" * 32))
                if thread == 0 and number % 5 == 4:
                    tx.drop("secret", "v", f"r{told}-t0-{number - 1}")

            try:
                store.write(work)
            except Unavailable as error:
                os.write(1, f"refused: {error.message}\n".encode())
                refused.set()
                return
            os.write(1, f"{name}\n".encode())
            number += 1
            if thread == 0 and number % 10 == 0:
                try:
                    store.truncate() if number % 20 else store.compact()
                except Unavailable:
                    continue

    started = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    store.close()


if __name__ == "__main__":
    main()
