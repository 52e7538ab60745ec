# bench/peers/asyncio/cancel.py
# What does it cost to cancel and join a task that sleeps, 100,000 of them at once? Starting them is not counted.
# Task.cancel for each, and asyncio.wait.
#
# Usage: cancel.py [tasks]

import asyncio
import sys

from report import Usage, report_cpu

CROWD_SIZE = 100_000


async def sleep_an_hour():
    await asyncio.sleep(3600)


async def cancel_crowds(crowds):
    used = 0
    for _ in range(crowds):
        tasks = [asyncio.create_task(sleep_an_hour()) for _ in range(CROWD_SIZE)]
        await asyncio.sleep(0.001)  # now all of them sleep

        usage = Usage()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        used += usage.cpu_s()
    return used


def main():
    crowds = -(-(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000) // CROWD_SIZE)
    used = asyncio.run(cancel_crowds(crowds))
    report_cpu("cancel", "asyncio", "ns_per_task", used, crowds * CROWD_SIZE)


main()
