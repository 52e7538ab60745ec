"""Runs a scenario on Trio and gives its trace.

`TrioWorld` does every step with Trio's own scopes and nurseries under Trio's mock clock. Trio leaves open in which order it
runs what is ready at once; here it is the order of getting ready, and of entering for what is cancelled at once
(`in_order`). With the rules on, the points TR1 to TR10 of README.md are tandem's; without them it is Trio as it is.
"""

import heapq
import itertools
import math

import trio
import trio.testing
from trio._core import _run

from interpreter import Interpreter, name_of

HANG_TICKS = 1000  # what has not ended by then never will
Cancelled = trio.Cancelled


# Trio without chance

class Unshuffled:
    """In place of Trio's random numbers: a batch of tasks runs first in, first out."""

    @staticmethod
    def random():
        return 0.0


class OrderedSet(dict):
    """In order of arrival, where Trio has a set."""

    def add(self, item):
        self[item] = None

    def remove(self, item):
        del self[item]


class Order:
    """Who came first: scopes in the order of entering, a child's from its `start_soon` on."""

    def __init__(self):
        self.places = {}
        self.count = itertools.count()

    def note(self, scope):
        self.places.setdefault(scope, next(self.count))


order = Order()
at_once = False  # TR2
sticky = False  # TR7


def status_made(status):
    status._children = OrderedSet()
    status._tasks = OrderedSet()
    order.note(status._scope)
    if status._parent is not None:
        status._parent._children.add(status)
        status.recalculate()


def recalculate(status):
    """Trio's own, from the first child to the last."""
    todo = [status]
    while todo:
        current = todo.pop()
        cancelled = current._scope._cancel_called or current.parent_cancellation_is_visible_to_us
        if sticky and current.effectively_cancelled:
            cancelled = True
        if cancelled != current.effectively_cancelled:
            current.effectively_cancelled = cancelled
            if cancelled:
                for task in list(current._tasks):
                    task._attempt_delivery_of_any_pending_cancel()
            todo.extend(sorted(current._children, key=lambda child: order.places[child._scope], reverse=True))


def deadline_added(deadlines, deadline, scope):
    """Equal deadlines come in the order of their making, also if one is made anew."""
    deadlines._heap = [entry for entry in deadlines._heap if entry[2] is not scope]
    heapq.heapify(deadlines._heap)
    heapq.heappush(deadlines._heap, (deadline, next(order.count), scope))
    deadlines._active += 1


def expire(deadlines, now):
    """Trio's own, but for TR7: the deadline of a scope that is cancelled from outside already changes nothing."""
    did_something = False
    while deadlines._heap and deadlines._heap[0][0] <= now:
        deadline, _, scope = heapq.heappop(deadlines._heap)
        if deadline != scope._registered_deadline:
            continue
        did_something = True
        if sticky and scope._cancel_status.effectively_cancelled:
            scope._registered_deadline = math.inf
            deadlines._active -= 1
        else:
            scope.cancel()
    deadlines._prune()
    return did_something


async def checkpoint_of_an_empty_nursery():
    """TR2: nothing is to be waited for; a cancel from outside is thrown behind the nursery."""
    if not at_once:
        await trio.lowlevel.checkpoint()


def in_order():
    _run.checkpoint = checkpoint_of_an_empty_nursery
    _run._r = Unshuffled()
    _run.CancelStatus.__attrs_post_init__ = status_made
    _run.CancelStatus.recalculate = recalculate
    _run.Deadlines.add = deadline_added
    _run.Deadlines.expire = expire


class Steps(trio.abc.Instrument):
    """Counts the steps of each task."""

    def __init__(self):
        self.of = {}

    def before_task_step(self, task):
        self.of[task] = self.of.get(task, 0) + 1


class Running:
    """A started task: what it is told of."""

    def __init__(self):
        self.scope = trio.CancelScope()
        order.note(self.scope)
        self.outcome = "pending"


class TrioWorld(Interpreter):
    Cancelled = Cancelled
    ruled = True

    def __init__(self, scenario, ruled=True):
        global order, at_once, sticky
        super().__init__(scenario)
        self.ruled = at_once = sticky = ruled
        order = Order()
        self.steps_taken = Steps()
        self.handles = {}
        self.nurseries = {}
        self.scopes = {}
        self.limits = {}
        self.asked = set()  # the scopes that a step has cancelled
        self.open_scopes = []
        self.thrown = {}  # task -> the step in which it got Cancelled
        self.scenario = scenario

    def now(self):
        return trio.current_time()

    def meet(self, rule):
        self.met.add(rule)

    # The run

    def run(self):
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(self.whole, clock=clock, instruments=[self.steps_taken], strict_exception_groups=True)
        return self.lines

    async def whole(self):
        self.objects = {}
        for kind, name, *size in self.scenario["objects"]:
            self.objects[name] = trio.Semaphore(int(size[0])) if kind == "semaphore" else trio.Event()
            if kind == "event":
                self.objects[name]._tasks = OrderedSet()
        async with trio.open_nursery() as nursery:
            self.root = nursery
            self.begin("t0", nursery)
            await trio.sleep(HANG_TICKS)
            self.finish()
            for scope in self.open_scopes:
                scope.shield = False
            nursery.cancel_scope.cancel()

    def finish(self):
        hangs = "".join(f" {name}" for name, task in sorted(self.handles.items()) if task.outcome == "pending")
        self.say("-", "hang" + hangs if hangs else "over")
        for name, task in sorted(self.handles.items()):
            self.say(name, task.outcome)
        self.over = True

    # Tasks: each is a scope of its own

    def begin(self, name, nursery):
        running = self.handles[name] = Running()
        nursery.start_soon(self.child, name, running)

    async def child(self, name, running):
        try:
            with running.scope:
                try:
                    if self.ruled and self.is_cancelled():
                        self.meet("TR3")  # the body never runs
                        raise Cancelled._create()
                    running.outcome = "value " + await self.main(name)
                except Cancelled:
                    running.outcome = "cancelled"
                    raise
                except BaseException as error:
                    running.outcome = "error " + name_of(error)
                    raise
        except BaseException as error:
            if name != "t0" or isinstance(error, Cancelled):
                raise

    @staticmethod
    def is_cancelled():
        return trio.lowlevel.current_task()._cancel_status.effectively_cancelled

    def note_thrown(self):
        me = trio.lowlevel.current_task()
        self.thrown[me] = self.steps_taken.of[me]

    async def checkpoint(self):
        """TR2: in a cancelled scope a wait throws at once, and gives up its turn only from the second time in one step on;
        where nothing is to be waited for, it goes on at once."""
        if self.over:
            raise Cancelled._create()
        if not self.is_cancelled():
            return
        self.meet("TR2")
        me = trio.lowlevel.current_task()
        if self.thrown.get(me) == self.steps_taken.of[me]:
            await trio.lowlevel.cancel_shielded_checkpoint()
        self.note_thrown()
        raise Cancelled._create()

    # Steps that do not wait

    def now_log(self, args, _):
        return None

    def now_child(self, args, _):
        self.begin(args[0], self.nurseries[self.who][-1])

    def now_cancel_group(self, args, _):
        self.nurseries[self.who][-1].cancel_scope.cancel()

    def now_cancel(self, args, _):
        running = self.handles.get(args[0])
        if running is None:
            return "none"
        if running.outcome != "pending":
            return "over"
        running.scope.cancel()
        return "asked"

    def now_state(self, args, _):
        return self.handles[args[0]].outcome if args[0] in self.handles else "none"

    def now_set(self, args, _):
        self.objects[args[0]].set()

    def now_release(self, args, _):
        self.objects[args[0]].release()

    def scope(self, name):
        return self.scopes.setdefault(name, trio.CancelScope())

    @staticmethod
    def has_left(scope):
        return scope._has_been_entered and scope._cancel_status is None

    def now_cancel_scope(self, args, _):
        scope = self.scope(args[0])
        if self.has_left(scope):
            return "over"
        if not scope._cancel_called:
            self.asked.add(scope)
        scope.cancel()
        return "asked"

    def now_deadline(self, args, _):
        scope = self.scope(args[0])
        if self.has_left(scope):
            return
        if self.ruled and scope._cancel_called and scope not in self.asked:
            self.meet("TR4")  # it has fired, and is no longer moved
            return
        self.limits[args[0]] = None if args[1] == "-" else int(args[1])
        if scope._has_been_entered:
            self.arm(scope, self.limits[args[0]])

    def arm(self, scope, limit):
        scope.deadline = math.inf  # a new place among equal deadlines
        if limit is not None:
            scope.deadline = trio.current_time() + limit
            if limit <= 0 and self.ruled:
                self.meet("TR4")  # Trio's loop looks at deadlines once a turn
                if not scope._cancel_status.effectively_cancelled:
                    scope.cancel()

    def now_shielded(self, args, _):
        on = args[1] == "on"
        scope = self.scope(args[0])
        if on and scope._cancel_status and scope._cancel_status.effectively_cancelled:
            self.meet("TR7")
        scope.shield = on

    def now_is_cancelled(self, args, _):
        return "yes" if self.is_cancelled() else "no"

    def now_when(self, args, _):
        """TR8: the nearest deadline, also of what is cancelled."""
        status = trio.lowlevel.current_task()._cancel_status
        if not self.ruled:
            when = trio.current_effective_deadline()
            return str(int(when)) if math.isfinite(when) else "never" if when > 0 else "cancelled"
        if status.effectively_cancelled:
            self.meet("TR8")
        nearest = math.inf
        while status:
            nearest = min(nearest, status._scope.deadline)
            status = None if status._scope.shield else status._parent
        return "never" if nearest == math.inf else str(int(nearest))

    # Steps that wait

    async def do_checkpoint(self, who, args, _):
        await self.sleep(0)

    async def do_sleep(self, who, args, _):
        await self.sleep(int(args[0]))

    async def sleep(self, ticks):
        if not self.ruled:
            await trio.sleep(ticks)
            return
        await self.checkpoint()
        if ticks == 0:
            await trio.lowlevel.cancel_shielded_checkpoint()
            if self.is_cancelled():
                self.meet("TR5")
            return
        # TR5: what has ended has ended, also if a cancel comes in the same turn.
        ended = False
        alarm = trio.CancelScope(deadline=trio.current_time() + ticks)
        order.places[alarm] = -1  # it stands for the task itself, which is asked before what lies in its scope

        def abort(_):
            nonlocal ended
            ended = not alarm._cancel_status.parent_cancellation_is_visible_to_us
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            with alarm:
                await trio.lowlevel.wait_task_rescheduled(abort)
        except Cancelled:
            if not ended:
                self.note_thrown()
                raise
            self.meet("TR5")

    async def do_wait_event(self, who, args, _):
        event = self.objects[args[0]]
        if not self.ruled:
            await event.wait()
            return
        await self.checkpoint()
        if not event.is_set():
            await self.undoable(event.wait(), lambda: None)

    async def do_acquire(self, who, args, _):
        semaphore = self.objects[args[0]]
        if not self.ruled:
            await semaphore.acquire()
            return
        await self.checkpoint()
        try:
            semaphore.acquire_nowait()
        except trio.WouldBlock:
            await self.undoable(semaphore.acquire(), semaphore.release)

    async def undoable(self, wait, undo):
        """TR6: what was given to a task that is cancelled before it runs goes back, and the wait is cancelled after all."""
        try:
            await wait
        except Cancelled:
            self.note_thrown()
            raise
        if self.is_cancelled():
            self.meet("TR6")
            undo()
            self.note_thrown()
            raise Cancelled._create()

    async def do_call(self, who, args, _):
        return await self.main(args[0])

    async def inside(self, scope, body, limit=None):
        """The body's result; None and `scope.cancelled_caught` if the scope ended it."""
        self.open_scopes.append(scope)
        result = None
        try:
            with scope:
                if limit is not None:
                    self.arm(scope, limit)
                result = await body
        finally:
            self.open_scopes.remove(scope)
        if scope.cancelled_caught and not scope._cancel_called:
            self.note_thrown()
            raise Cancelled._create()  # TR7: it was an outer scope's, which a shield came too late for
        return result

    async def do_scope(self, who, args, blocks):
        name = args[0]
        scope = self.scope(name)
        if len(args) > 1 and name not in self.limits:
            self.limits[name] = int(args[1])
        limit = self.limits.get(name)
        if limit is not None and not self.ruled:
            scope.deadline = trio.current_time() + limit
        result = await self.inside(scope, self.steps(who, blocks[0][1]), limit if self.ruled else None)
        return "absorbed" if scope.cancelled_caught else result

    async def do_timeout(self, who, args, blocks):
        if self.ruled and int(args[0]) <= 0:
            self.meet("TR9")  # without time it is not begun
            raise TimeoutError
        scope = trio.CancelScope(deadline=trio.current_time() + int(args[0]))
        result = await self.inside(scope, self.steps(who, blocks[0][1]))
        if scope.cancelled_caught:
            raise TimeoutError  # fail_after's TooSlowError
        return result

    async def do_move_on(self, who, args, blocks):
        if self.ruled and int(args[0]) <= 0:
            self.meet("TR9")
            return "moved on"
        scope = trio.CancelScope(deadline=trio.current_time() + int(args[0]))
        result = await self.inside(scope, self.steps(who, blocks[0][1]))
        return "moved on" if scope.cancelled_caught else result

    async def do_shield(self, who, args, blocks):
        return await self.inside(trio.CancelScope(shield=True), self.steps(who, blocks[0][1]))

    async def do_with_finally(self, who, args, blocks):
        error = result = late = None
        try:
            result = await self.steps(who, blocks[0][1])
        except BaseException as raised:
            error = raised
        scope = trio.CancelScope(deadline=trio.current_time() + int(args[0]), shield=True)
        try:
            await self.inside(scope, self.steps(who, blocks[1][1]))
            if scope.cancelled_caught:
                late = TimeoutError()
        except BaseException as raised:
            late = raised
        if error and late:
            self.meet("TR10")  # in Trio the cleanup's error goes on, with the body's as its context
            if not self.ruled:
                raise late
        if error or late:
            raise error or late
        return result

    async def do_group(self, who, args, blocks):
        body_cancelled = False
        try:
            async with trio.open_nursery() as nursery:
                self.open_scopes.append(nursery.cancel_scope)
                self.nurseries.setdefault(who, []).append(nursery)
                try:
                    result = await self.steps(who, blocks[0][1])
                except Cancelled:
                    body_cancelled = True
                    raise
                finally:
                    self.nurseries[who].pop()
        except BaseExceptionGroup as group:
            raise self.without_cancelled(group, body_cancelled) from None
        if self.ruled and self.is_cancelled():
            self.meet("TR2")
            self.note_thrown()
            raise Cancelled._create()
        return "cancelled" if body_cancelled else result

    def without_cancelled(self, group, body_cancelled):
        """TR1: a group holds failures; Cancelled is none, and goes on alone where there are no others."""
        failures = [error for error in group.exceptions if not isinstance(error, Cancelled)]
        if not self.ruled:
            return group
        if not failures:
            if not body_cancelled:  # else it is the one that was thrown in the body
                self.note_thrown()
            return Cancelled._create()
        if len(failures) < len(group.exceptions):
            self.meet("TR1")
        return BaseExceptionGroup("", failures)


in_order()
