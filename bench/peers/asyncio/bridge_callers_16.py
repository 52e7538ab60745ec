# bench/peers/asyncio/bridge_callers_16.py
# How many calls a second does one loop serve, made by 16 plain threads at once?
# asyncio.run_coroutine_threadsafe.
#
# Usage: bridge_callers_16.py [calls]

import asyncio
import sys
import threading

from report import Usage, report, report_ns

THREADS = 16


async def next_value(value):
    return value + 1


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call_many():
        for i in range(calls // THREADS):
            asyncio.run_coroutine_threadsafe(next_value(i), loop).result()

    callers = [threading.Thread(target=call_many) for _ in range(THREADS)]
    usage = Usage()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    _, _, wall = usage.so_far()
    report("bridge_callers_16", "asyncio", "calls_per_s", calls / wall, "1/s")
    report_ns("bridge_callers_16", "asyncio", "cpu_per_call", usage, calls)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


main()
