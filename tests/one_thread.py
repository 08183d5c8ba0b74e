"""How many processors a piece of code keeps busy."""

import os

from command import python

TEMPLATE = """
import time
import numpy as np
{setup}
{work}
time.sleep(0.5)  # what libraries start when they are loaded turns in circles for a while
start = time.process_time(), time.thread_time()
for _ in range(5):
    {work}
print((time.process_time() - start[0]) / (time.thread_time() - start[1]))
"""


def processors_used(setup: str, work: str) -> float:
    """1 where all is done by the thread itself, more where BLAS, which may use four here, starts others."""
    code = TEMPLATE.format(setup=setup, work=work)
    threads = {**os.environ, "OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"}
    return float(python("-c", code, env=threads).stdout)
