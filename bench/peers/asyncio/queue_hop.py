# bench/peers/asyncio/queue_hop.py
# What does handing an item from one task to another cost? Room for 64 and for 1.
# asyncio.Queue, which has no form without room.
#
# Usage: queue_hop.py [items]

import asyncio
import sys

from report import Usage, report_ns


async def put(queue, items):
    for item in range(items):
        await queue.put(item)


async def get(queue, items):
    total = 0
    for _ in range(items):
        total += await queue.get()
    assert total == items * (items - 1) // 2


async def through_queue(items, room):
    queue = asyncio.Queue(room)
    await asyncio.gather(put(queue, items), get(queue, items))


def main():
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    for room in (64, 1):
        usage = Usage()
        asyncio.run(through_queue(items, room))
        report_ns("queue_hop", "asyncio", f"ns_per_item_queue_{room}", usage, items)


main()
