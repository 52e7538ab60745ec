"""Runs a scenario on CPython's asyncio and gives its trace.

`World` does every step with asyncio's own functions, as they are. It serves as it stands for the scenarios without
cancels and failures inside combinators, and shows on request what asyncio does where tandem differs.
"""

import asyncio
import contextlib
import contextvars

import ruled_objects
from interpreter import Interpreter, ScenarioError, name_of
from ruled_objects import Item, StableQueue
from virtual_loop import Hang, VirtualLoop

HANG_TICKS = 1000  # what has not ended by then never will


class TaskCancelled(Exception):
    """D6 (DEV4): the task that was awaited had been cancelled by somebody."""


class WouldDeadlock(Exception):
    pass


def ending(task):
    if not task.done():
        return "pending"
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return "error " + name_of(error) if error else f"value {task.result()}"


class World(Interpreter):
    Cancelled = asyncio.CancelledError
    loop_rules = False

    def __init__(self, scenario, object_rules=frozenset()):
        super().__init__(scenario)
        self.object_rules = object_rules  # of D47 to D51
        self.loop = VirtualLoop(self.loop_rules)
        self.loop.set_exception_handler(lambda loop, context: None)
        self.handles = {}
        self.calls = {}
        self.objects = {words[1]: self.make_object(words) for words in scenario["objects"]}

    def make_object(self, words):
        kind, _, *rest = words
        if kind == "event":
            return asyncio.Event()
        if kind == "lock":
            return self.make_lock()
        size = int(rest[0]) if rest else 0
        if kind == "semaphore":
            return (ruled_objects.ReadySemaphore if "D49" in self.object_rules else asyncio.Semaphore)(size)
        if kind == "condition":
            return (ruled_objects.LineCondition if "D47" in self.object_rules else asyncio.Condition)(self.make_lock())
        fair = "D48" in self.object_rules
        if kind == "queue":
            return (ruled_objects.FairQueue if fair else asyncio.Queue)(size)
        if kind == "lifo_queue":
            return (ruled_objects.FairLifoQueue if fair else asyncio.LifoQueue)(size)
        if kind == "priority_queue":
            if not self.loop_rules:
                return asyncio.PriorityQueue(size)
            return (ruled_objects.FairStableQueue if fair else StableQueue)(size)
        if kind == "barrier":
            return (ruled_objects.LineBarrier if "D51" in self.object_rules else asyncio.Barrier)(size)
        if kind == "future":
            return self.loop.create_future()
        if kind == "variable":
            return contextvars.ContextVar(words[1], default="none")
        raise ValueError(kind)

    def make_lock(self):
        return ruled_objects.LeavingLock() if "D50" in self.object_rules else asyncio.Lock()

    def now(self):
        return self.loop.now

    # The run

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.handles["t0"] = self.spawn("t0")
        self.loop.call_later(HANG_TICKS, self.loop.stop)
        with contextlib.suppress(Hang):
            self.loop.run_forever()
        self.finish()
        return self.lines

    def finish(self):
        hangs = [name for name, task in self.handles.items() if not task.done()]
        self.say("-", "hang " + " ".join(sorted(hangs)) if hangs else "over")
        for name in sorted(self.handles):
            self.say(name, ending(self.handles[name]))
        self.over = True
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False
            with contextlib.suppress(BaseException):  # what hangs may not like to be closed
                task.get_coro().close()
        self.loop.close()

    def callback(self, name, steps):
        def run(*_):
            self.say(name, "runs")
            for words, blocks in steps:
                self.do_plain(name, " ".join(words), getattr(self, "now_" + words[0]), words[1:], blocks)

        return run

    # Steps that do not wait; callbacks consist of them

    def now_log(self, args, _):
        return None

    def now_spawn(self, args, _):
        if args[0] not in self.handles:
            self.handles[args[0]] = self.spawn(args[0])

    def spawn(self, name):
        return self.loop.create_task(self.main(name))

    def now_cancel(self, args, _):
        task = self.handles.get(args[0])
        return "none" if task is None else self.cancel(task)

    def cancel(self, task):
        return "asked" if task.cancel() else "over"

    def now_state(self, args, _):
        return ending(self.handles[args[0]]) if args[0] in self.handles else "none"

    def now_soon(self, args, blocks):
        self.calls[args[0]] = self.loop.call_soon(self.callback(args[0], blocks[0][1]))

    def now_later(self, args, blocks):
        self.calls[args[0]] = self.loop.call_later(int(args[1]), self.callback(args[0], blocks[0][1]))

    def now_uncall(self, args, _):
        if args[0] not in self.calls:
            return "none"
        self.calls[args[0]].cancel()

    def now_on_done(self, args, blocks):
        if args[1] not in self.handles:
            return "none"
        self.handles[args[1]].add_done_callback(self.callback(args[0], blocks[0][1]))

    def now_set(self, args, _):
        self.objects[args[0]].set()

    def now_clear(self, args, _):
        self.objects[args[0]].clear()

    def now_release(self, args, _):
        self.objects[args[0]].release()

    def now_notify(self, args, _):
        self.objects[args[0]].notify(int(args[1]))

    def now_notify_all(self, args, _):
        self.objects[args[0]].notify_all()

    def now_put_nowait(self, args, _):
        self.objects[args[0]].put_nowait(Item(args[1]))

    def now_get_nowait(self, args, _):
        return self.objects[args[0]].get_nowait()

    def now_task_done(self, args, _):
        self.objects[args[0]].task_done()

    def now_reset(self, args, _):
        # Asyncio's is a coroutine, which never waits here.
        self.run_through(self.objects[args[0]].reset())

    def now_abort(self, args, _):
        self.run_through(self.objects[args[0]].abort())

    @staticmethod
    def run_through(coroutine):
        with contextlib.suppress(StopIteration):
            coroutine.send(None)

    def now_set_result(self, args, _):
        self.objects[args[0]].set_result(args[1])

    def now_set_exception(self, args, _):
        self.objects[args[0]].set_exception(ScenarioError(args[1]))

    def now_cancel_future(self, args, _):
        return "asked" if self.objects[args[0]].cancel() else "over"

    def now_let(self, args, _):
        self.objects[args[0]].set(args[1])

    def now_look(self, args, _):
        return self.objects[args[0]].get()

    # Steps that wait

    async def wait_on(self, kind, awaitable):
        """Every wait for something of asyncio's goes through here."""
        return await awaitable

    async def do_sleep(self, who, args, _):
        await self.wait_on("sleep", asyncio.sleep(int(args[0])))

    async def do_wait_event(self, who, args, _):
        await self.wait_on("event", self.objects[args[0]].wait())

    async def do_acquire(self, who, args, _):
        await self.wait_on("acquire", self.objects[args[0]].acquire())

    async def do_put(self, who, args, _):
        await self.wait_on("put", self.objects[args[0]].put(Item(args[1])))

    async def do_get(self, who, args, _):
        return await self.wait_on("get", self.objects[args[0]].get())

    async def do_join_queue(self, who, args, _):
        await self.wait_on("event", self.objects[args[0]].join())

    async def do_wait_condition(self, who, args, _):
        await self.wait_on("condition", self.objects[args[0]].wait())

    async def do_barrier(self, who, args, _):
        return await self.wait_on("barrier", self.objects[args[0]].wait())

    async def do_await_future(self, who, args, _):
        return await self.wait_on("future", self.objects[args[0]])

    async def do_join(self, who, args, _):
        task = self.handles.get(args[0])
        return "none" if task is None else await self.join(task)

    async def join(self, task):
        return await task

    async def do_join_within(self, who, args, _):
        task = self.handles.get(args[1])
        return "none" if task is None else await asyncio.wait_for(task, int(args[0]))

    async def do_gather_tasks(self, who, args, _):
        tasks = [self.handles[name] for name in args if name in self.handles]
        return ",".join(await asyncio.gather(*tasks))

    async def do_call(self, who, args, _):
        return await self.main(args[0])

    async def do_gather(self, who, args, _):
        return ",".join(await asyncio.gather(*[self.main(name) for name in args]))

    async def do_race(self, who, args, _):
        """By hand: the first to end decides, the others are cancelled and joined."""
        tasks = [self.loop.create_task(self.main(name)) for name in args]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self.end_all(tasks)
        first = next(task for task in tasks if task in done)
        return f"{tasks.index(first)}:{await first}"

    async def do_any_of(self, who, args, _):
        """By hand: the first to succeed decides."""
        tasks = [self.loop.create_task(self.main(name)) for name in args]
        try:
            for next_one in asyncio.as_completed(tasks):
                try:
                    await next_one
                except Exception:
                    continue
                first = next(task for task in tasks if task.done() and not task.exception())
                return f"{tasks.index(first)}:{first.result()}"
        finally:
            await self.end_all(tasks)
        raise BaseExceptionGroup("", [task.exception() for task in tasks])

    @staticmethod
    async def end_all(tasks):
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def do_gather_results(self, who, args, _):
        results = await asyncio.gather(*[self.main(name) for name in args], return_exceptions=True)
        return ",".join(name_of(r) if isinstance(r, BaseException) else r for r in results)

    async def do_wait(self, who, args, _):
        mode, limit, *names = args
        tasks = {self.handles[name]: name for name in names if name in self.handles}
        if not tasks:
            return "none"
        ended = []  # D13: `done` in order of completion
        before = [task for task in tasks if task.done()]
        mode = {"all": asyncio.ALL_COMPLETED, "first": asyncio.FIRST_COMPLETED, "error": asyncio.FIRST_EXCEPTION}[mode]

        def note(task):
            ended.append(task)

        note.library = True
        for task in tasks:
            if not task.done():
                task.add_done_callback(note)
        done, pending = await self.wait_on("wait", asyncio.wait(tasks, return_when=mode,
                                                                timeout=None if limit == "-" else int(limit)))
        if not self.loop_rules:  # asyncio's sets have no order: any will do
            before, ended = sorted(done, key=lambda task: tasks[task]), []
        order = [tasks[task] for task in before + ended if task in done]
        return ",".join(order) + "/" + ",".join(name for task, name in tasks.items() if task in pending)

    async def do_as_completed(self, who, args, _):
        limit, *names = args
        given = 0
        tasks = [self.spawn(name) for name in names]  # D41: started in order; asyncio goes through a set
        for next_one in asyncio.as_completed(tasks, timeout=None if limit == "-" else int(limit)):
            try:
                told = "value " + await next_one
            except ScenarioError as error:
                told = f"error {error}"  # D41: asyncio throws what tandem leaves in the handle
            self.say(who, "next " + told)
            given += 1
        return given

    async def do_timeout(self, who, args, blocks):
        async with asyncio.timeout(int(args[0])):
            return await self.steps(who, blocks[0][1])

    async def do_move_on(self, who, args, blocks):
        try:
            async with asyncio.timeout(int(args[0])) as limit:
                return await self.steps(who, blocks[0][1])
        except TimeoutError:
            if not limit.expired():
                raise
            return "moved on"

    async def do_shield(self, who, args, blocks):
        return await asyncio.shield(self.steps(who, blocks[0][1]))

    async def do_group(self, who, args, blocks):
        async with asyncio.TaskGroup() as group:
            self.open_group(who, group)
            try:
                return await self.steps(who, blocks[0][1])
            finally:
                self.groups[who].pop()

    groups = None

    def open_group(self, who, group):
        if self.groups is None:
            self.groups = {}
        self.groups.setdefault(who, []).append(group)

    def now_child(self, args, _):
        self.handles[args[0]] = self.groups[self.who][-1].create_task(self.main(args[0]))


class OrderedWorld(World):
    """asyncio as it is, but for the rules of the loop: D16 and D46."""

    loop_rules = True
