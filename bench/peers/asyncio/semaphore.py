# bench/peers/asyncio/semaphore.py
# What does a permit cost that is free, and what when 16 tasks share 4 permits?
# asyncio.Semaphore.
#
# Usage: semaphore.py [permits]

import asyncio
import sys

from report import Usage, report_ns

TASKS = 16


async def acquire_free_ones(permits):
    semaphore = asyncio.Semaphore(4)
    for _ in range(permits):
        async with semaphore:
            pass


async def contend(semaphore, permits):
    for _ in range(permits):
        async with semaphore:
            await asyncio.sleep(0)


async def share(permits):
    semaphore = asyncio.Semaphore(4)
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(contend(semaphore, permits // TASKS))


def main():
    permits = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    for figure, work in (("ns_per_free_permit", acquire_free_ones), ("ns_per_hand_over", share)):
        usage = Usage()
        asyncio.run(work(permits))
        report_ns("semaphore", "asyncio", figure, usage, permits)


main()
