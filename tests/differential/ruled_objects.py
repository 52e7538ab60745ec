"""What tandem does otherwise among locks, queues and barriers: D24, D47 to D51. A scenario is judged by asyncio's own
classes first, and by these where the trace differs."""

import asyncio
import heapq


class Item(str):
    """A number and anything behind it; the number alone gives the order."""

    def number(self):
        return int("".join(letter for letter in self if letter.isdigit()))

    def __lt__(self, other):
        return self.number() < other.number()


class StableQueue(asyncio.PriorityQueue):
    """D24: first in, first out among equals."""

    count = 0

    def _put(self, item):
        self.count += 1
        super()._put((item.number(), self.count, item))

    def _get(self):
        return super()._get()[2]


class LeavingLock(asyncio.Lock):
    """D50: a cancelled waiter has left the line at once. In asyncio it stays until it runs, and whoever releases the lock
    meanwhile wakes nobody; the next one is woken by the cancelled one, a turn later."""

    def _wake_up_first(self):
        first = next((waiter for waiter in self._waiters or () if not waiter.cancelled()), None)
        if first and not first.done():
            first.set_result(True)


class HandingOver:
    """D48: whoever puts gives the item to the first getter, whoever gets takes the first putter's item in; nobody
    overtakes. In asyncio a newcomer may take what another was woken for, who then goes to the back of the line."""

    def __init__(self, maxsize):
        super().__init__(maxsize)
        self.takers = []  # those who were served and did not run yet, then those who wait
        self.givers = []
        self.on_their_way = 0

    def full(self):
        return 0 < self._maxsize <= self.qsize() + self.on_their_way

    def waiting(self, line):
        return next((waiter for waiter in line if not waiter.done()), None)

    def put_nowait(self, item):
        if self.waiting(self.takers):
            self.hand_over(item)
        elif self.full():
            raise asyncio.QueueFull
        else:
            self._put(item)
        self.count_in()

    def count_in(self):
        self._unfinished_tasks += 1
        self._finished.clear()

    def hand_over(self, item):
        taker = self.waiting(self.takers)
        taker.item = item
        taker.set_result(None)
        self.on_their_way += 1

    async def put(self, item):
        if not self.waiting(self.takers) and self.full():
            giver = self._get_loop().create_future()
            giver.item = item
            self.givers.append(giver)
            try:
                await giver
            finally:
                self.givers.remove(giver)
        else:
            self.put_nowait(item)

    def accept(self):
        giver = self.waiting(self.givers)
        giver.set_result(None)
        self.count_in()
        return giver.item

    def refill(self):
        while self.waiting(self.givers) and not self.full():
            self._put(self.accept())

    def get_nowait(self):
        if not self.empty():
            item = self._get()
            self.refill()
            return item
        if self.waiting(self.givers):
            return self.accept()
        raise asyncio.QueueEmpty

    async def get(self):
        if not self.empty() or self.waiting(self.givers):
            return self.get_nowait()
        taker = self._get_loop().create_future()
        self.takers.append(taker)
        try:
            await taker
        except asyncio.CancelledError:
            if not taker.cancelled():
                self.take_back(taker)
            self.takers.remove(taker)
            raise
        self.takers.remove(taker)
        self.on_their_way -= 1
        self.refill()
        return taker.item

    def take_back(self, taker):
        """Those served later move up by one item; the last one goes to the next, or to the front."""
        self.on_their_way -= 1
        for later in self.takers[self.takers.index(taker) + 1:]:
            if later.done() and not later.cancelled():
                taker.item, later.item = later.item, taker.item
        if self.waiting(self.takers):
            self.hand_over(taker.item)
        else:
            self.put_back(taker.item)


class FairQueue(HandingOver, asyncio.Queue):
    def put_back(self, item):
        self._queue.appendleft(item)


class FairLifoQueue(HandingOver, asyncio.LifoQueue):
    def put_back(self, item):
        self._queue.append(item)


class FairStableQueue(HandingOver, StableQueue):
    def put_back(self, item):
        heapq.heappush(self._queue, (item.number(), -self.count, item))


class ReadySemaphore(asyncio.Semaphore):
    """D49: a permit that is free and that nobody waits for is taken at once. In asyncio one also waits until those who
    were given theirs have run."""

    def locked(self):
        return self._value == 0 or any(not waiter.done() for waiter in (self._waiters or ()))


class LineCondition(asyncio.Condition):
    """D47: who is notified stands in the lock's line from then on. In asyncio it runs first, and asks for the lock then.
    A notification that a cancelled task got goes to the next (D10), and the lock is taken again in any case."""

    async def wait(self):
        if not self.locked():
            raise RuntimeError("cannot wait on un-acquired lock")
        waiter = self._get_loop().create_future()
        waiter.notified = waiter.asked = False
        self._waiters.append(waiter)
        self.release()
        await waiter
        self._lock._waiters.remove(waiter)
        self._lock._locked = True
        if waiter.asked:
            raise asyncio.CancelledError
        scope = getattr(asyncio.current_task(), "scope", None)
        if scope and scope.cancelled:
            self.pass_on()
            raise asyncio.CancelledError

    def notify(self, n=1):
        if not self.locked():
            raise RuntimeError("cannot notify on un-acquired lock")
        for waiter in list(self._waiters)[:n]:
            self.to_the_lock(waiter)

    def pass_on(self):
        if self._waiters:
            self.to_the_lock(self._waiters[0])

    def to_the_lock(self, waiter):
        self._waiters.remove(waiter)
        waiter.notified = True
        if self._lock._waiters is None:
            self._lock._waiters = type(self._waiters)()
        self._lock._waiters.append(waiter)
        if not self._lock._locked:
            self._lock._wake_up_first()

    def ask(self, waiter):
        """Its task is cancelled; `waiter` has not got the lock."""
        waiter.asked = True
        if waiter.notified:
            self.pass_on()
        else:
            self.to_the_lock(waiter)


class LineBarrier(asyncio.Barrier):
    """D51: who was let through has passed, whatever becomes of the barrier before it runs; who comes meanwhile stands in
    line for the next round, first in, first out; who is cancelled has left. In asyncio each passes when it gets the lock
    inside, an `abort()` before that sends it away, and a cancelled one counts until it runs."""

    def __init__(self, parties):
        super().__init__(parties)
        self.line = []
        self.draining = 0  # let through, have not run yet
        self.is_broken = False

    async def wait(self):
        if self.is_broken:
            raise asyncio.BrokenBarrierError
        self.forget_cancelled()
        if self.draining == 0 and len(self.line) + 1 >= self._parties:
            self.let_through(self._parties - 1)
            return self._parties - 1
        place = asyncio.get_running_loop().create_future()
        self.line.append(place)
        try:
            return await place
        finally:
            if place in self.line:
                self.line.remove(place)
            elif not place.cancelled() and not place.exception():
                self.gone_on()

    def forget_cancelled(self):
        self.line = [place for place in self.line if not place.cancelled()]

    def let_through(self, count):
        self.draining = count
        for place in range(count):
            self.line.pop(0).set_result(place)

    def gone_on(self):
        self.draining -= 1
        self.forget_cancelled()
        if self.draining == 0 and len(self.line) >= self._parties:
            self.let_through(self._parties)

    def send_away(self):
        self.forget_cancelled()
        while self.line:
            self.line.pop(0).set_exception(asyncio.BrokenBarrierError())

    async def reset(self):
        self.is_broken = False
        if self.draining == 0:
            self.send_away()

    async def abort(self):
        self.is_broken = True
        self.send_away()
