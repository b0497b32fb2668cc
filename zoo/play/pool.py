"""How a worker process of `zoo reproduce` begins."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process

from zoo.work.pool import limit_threads


def start_worker() -> None:
    """A worker ends when the process that started it does, however that ends."""

    def leave() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
    limit_threads()
