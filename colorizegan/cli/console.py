"""What the commands say: lines, JSON lines and a progress bar. Data to standard output, all else to standard error."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorizegan.batch.plan import shown
