# bench/peers/asyncio/sleepers.py
# What CPU does it cost to wake one of 10,000 sleepers? Each sleeps 10 to 20 ms, again and again.
# asyncio.sleep.
#
# Usage: sleepers.py [wake-ups]

import asyncio
import sys

from report import Usage, naps, report_ns

SLEEPERS = 10_000


async def sleep_often(number, rounds):
    seconds = naps(number)
    for _ in range(rounds):
        await asyncio.sleep(next(seconds))


async def run_all(rounds):
    async with asyncio.TaskGroup() as group:
        for number in range(SLEEPERS):
            group.create_task(sleep_often(number, rounds))


def main():
    rounds = -(-(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000) // SLEEPERS)
    usage = Usage()
    asyncio.run(run_all(rounds))
    report_ns("sleepers", "asyncio", "ns_per_wake_up", usage, rounds * SLEEPERS)


main()
