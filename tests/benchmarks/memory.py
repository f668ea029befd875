"""Measure the memory of this process."""

import re
import resource
from pathlib import Path
from typing import Literal

STATUS = Path("/proc/self/status")


def mebibytes(which: Literal["VmRSS", "VmHWM"]) -> float:
    """Return the present resident memory (VmRSS), or its peak (VmHWM), in MiB."""
    if STATUS.exists():
        [found] = re.findall(rf"^{which}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
        return int(found) / 1024
    # Other systems than Linux report only the peak, in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
