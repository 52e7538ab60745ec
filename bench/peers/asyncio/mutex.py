# bench/peers/asyncio/mutex.py
# What does a lock cost that is free, and what when it goes from hand to hand among eight tasks?
# asyncio.Lock.
#
# Usage: mutex.py [locks]

import asyncio
import sys

from report import Usage, report_ns

TASKS = 8


async def lock_free_one(locks):
    lock = asyncio.Lock()
    for _ in range(locks):
        async with lock:
            pass


async def contend(lock, locks):
    for _ in range(locks):
        async with lock:
            await asyncio.sleep(0)


async def hand_over(locks):
    lock = asyncio.Lock()
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(contend(lock, locks // TASKS))


def main():
    locks = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    for figure, work in (("ns_per_free_lock", lock_free_one), ("ns_per_hand_over", hand_over)):
        usage = Usage()
        asyncio.run(work(locks))
        report_ns("mutex", "asyncio", figure, usage, locks)


main()
