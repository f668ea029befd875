"""How much memory this process has."""

import re
import resource
from pathlib import Path
from typing import Literal

STATUS = Path("/proc/self/status")


def mebibytes(which: Literal["VmRSS", "VmHWM"]) -> float:
    """What is resident now (VmRSS), or was at the most (VmHWM), in MiB."""
    if STATUS.exists():
        [found] = re.findall(rf"^{which}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
        return int(found) / 1024
    # Elsewhere than on Linux the most that it was, in bytes, stands for both.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
