"""What every benchmark program in Python needs: a meter and a report, as report.hpp is for C++."""

import json
import resource
import time


class Usage:
    """CPU and wall time since it was made."""

    def __init__(self):
        self._before = self._now()

    @staticmethod
    def _now():
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime, used.ru_stime, time.monotonic()

    def so_far(self):
        """(user, system, wall) seconds."""
        return tuple(now - before for now, before in zip(self._now(), self._before))


def memory_bytes(field):
    """"VmRSS" now or "VmHWM" at its highest; ru_maxrss would survive exec()."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def report(bench, who, figure, value, unit):
    value = float(f"{value:.6g}")
    print(json.dumps({"bench": bench, "who": who, "figure": figure, "value": value, "unit": unit}))


def report_ns(bench, who, figure, usage, pieces):
    user, system, _ = usage.so_far()
    report(bench, who, figure, (user + system) * 1e9 / pieces, "ns")
