"""CPython's own event loop under a clock that jumps, and the two rules that concern the loop itself.

`_run_once`, `call_soon`, `call_at`, futures and tasks are CPython's (the Python forms of `Future` and `Task`, which the
standard library holds equal to the C ones). Added are D16 and D46, both optional, so that the same scenario can also
run with asyncio exactly as it is.
"""

import asyncio
import asyncio.futures
import asyncio.tasks
import collections
import heapq
import selectors

PyTask = asyncio.tasks._PyTask
PyFuture = asyncio.futures._PyFuture


class Hang(Exception):
    """Nothing is ready and no timer is left."""


class JumpingSelector(selectors.SelectSelector):
    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise Hang
        if timeout > 0:
            self.loop.now += timeout
        return []


def of_library(callback):
    """Is this asyncio's own callback, of gather or a timeout, say, and not a task's step?"""
    function = getattr(callback, "__func__", callback)
    module = getattr(function, "__module__", None) or ""
    return getattr(callback, "library", False) or (
        module.startswith("asyncio.") and getattr(function, "__name__", "") not in ("_Task__wakeup", "_Task__step",
                                                                                     "__wakeup", "__step"))


class OrderedTimer(asyncio.TimerHandle):
    """D16 (DEV10): equal deadlines in the order of registration."""

    count = 0

    def __init__(self, *args):
        super().__init__(*args)
        OrderedTimer.count += 1
        self.sequence = OrderedTimer.count

    def __lt__(self, other):
        return (self._when, self.sequence) < (other._when, other.sequence)


class PollQueue(collections.deque):
    """D46: a timer of the library (a sleep's, a timeout's) acts when the poll finds it due, and what it wakes runs in its
    place in this turn. Only `_run_once` appends timers here."""

    def append(self, handle):
        if isinstance(handle, asyncio.TimerHandle) and of_library(handle._callback) and not handle._cancelled:
            handle._run()
        else:
            super().append(handle)


class RuledTask(PyTask):
    """A task that knows its steps. D46: the library's callbacks at a task's end (of gather, wait, TaskGroup) run at the
    end itself, not a turn later, and for a task that has ended at once."""

    steps = 0
    direct = False
    untold = ()  # callbacks that have not heard yet that it has ended

    def forget(self, callback):
        """Will not call it any more; whether it would have."""
        kept = [pair for pair in self.untold if pair[0] != callback]
        forgotten = len(kept) < len(self.untold)
        if forgotten:
            self.untold[:] = kept
        return self.remove_done_callback(callback) > 0 or forgotten

    def _Task__step(self, exc=None):
        self.steps += 1
        PyTask._Task__step(self, exc)

    def _Future__schedule_callbacks(self):
        self.untold = self._callbacks[:]
        self._callbacks[:] = []
        while self.untold:
            callback, context = self.untold.pop(0)
            if self.direct and of_library(callback):
                callback(self)
            else:
                self._loop.call_soon(callback, self, context=context)


    def add_done_callback(self, callback, *, context=None):
        if self.direct and self.done() and of_library(callback):
            callback(self)
        else:
            super().add_done_callback(callback, context=context)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, rules):
        selector = JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        self.now = 0
        self.rules = rules
        self._clock_resolution = 1e-9
        if rules:
            self._ready = PollQueue()
        self.set_task_factory(self.make_task)

    def time(self):
        return self.now

    def create_future(self):
        return PyFuture(loop=self)

    def make_task(self, loop, coroutine, context=None):
        task = RuledTask(coroutine, loop=loop, context=context)
        task.direct = self.rules
        return task

    def call_at(self, when, callback, *args, context=None):
        if not self.rules:
            return super().call_at(when, callback, *args, context=context)
        timer = OrderedTimer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer
