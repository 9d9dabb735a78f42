"""For processes under libfaketime, whose `time.sleep` fails with EINVAL (its 0.9.10, Python 3.11).

Python sleeps until an instant of the monotonic clock, which libfaketime shifts though it was asked
to leave that clock alone. The driver's threads would end at their first pause.
"""

import threading
import time


def sleep(seconds: float) -> None:
    threading.Event().wait(seconds)


time.sleep = sleep
