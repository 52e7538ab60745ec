"""The deliberate differences between asyncio and tandem, each with its id, on top of CPython's asyncio.

A rule replaces what asyncio does only where its id stands. What no rule touches is CPython's: the loop and the order in
which it runs things, futures and tasks, callbacks, the whole of asyncio.locks and asyncio.queues, asyncio.wait, the
awaiting of a task.
"""

import asyncio

from asyncio_side import TaskCancelled, World, ending, name_of
from ruled_objects import LineCondition
from virtual_loop import PyFuture, PyTask


class Scope:
    """D7 (DEV5): a node of the cancellation tree."""

    def __init__(self, task=None, shielded=False):
        self.task = task  # whose code runs in it; None for the children of a gather
        self.shielded = shielded
        self.parent = None
        self.children = []
        self.requested = False
        self.cancelled = False
        self.expired = False
        self.timer = None

    def attach(self, parent):
        self.parent = parent
        parent.children.append(self)
        if parent.cancelled and not self.shielded:
            self.mark()

    def detach(self):
        self.parent.children.remove(self)

    def request(self):
        if not self.requested:
            self.requested = True
            self.mark()

    def mark(self):
        if self.cancelled:
            return
        self.cancelled = True
        if self.task and self.task.scope is self:
            ask(self.task)
        for child in list(self.children):
            if not child.shielded:
                child.mark()

    def outer_cancelled(self):
        return self.parent.cancelled and not self.shielded

    def absorbs(self):
        return self.requested and not self.outer_cancelled()

    # The innermost scope of a task

    def enter(self, task):
        self.task = task
        self.attach(task.scope)
        task.scope = self

    def leave(self):
        if self.timer:
            self.timer.cancel()
        self.task.scope = self.parent
        for child in list(self.children):
            child.detach()
            child.attach(self.task.own)
        self.detach()

    def set_deadline(self, loop, ticks):
        def due():
            if not self.cancelled:
                self.expired = True
                self.request()

        due.library = True
        self.timer = loop.call_later(ticks, due)


def ask(task):
    """D8 (DEV11): a request goes to what the task itself waits for, and to nobody else."""
    world = task.world
    waits_for = task._fut_waiter
    if task.steps == 0:
        PyTask.cancel(task)  # asyncio's own: the body never runs
    elif task.asked == task.steps:
        pass
    elif waits_for is None:
        if asyncio.current_task(task._loop) is not task:
            world.meet("D10")  # it gave up its turn and is ready again
    elif isinstance(waits_for, PyTask) and waits_for.forget(task._Task__wakeup):
        world.meet("D6")  # DEV3: only the wait ends
        task.asked = task.steps
        task._loop.call_soon(task._Task__step, asyncio.CancelledError())
    elif waits_for.done():
        if task.kind in world.undoable and not isinstance(task.condition, LineCondition):
            PyTask.cancel(task)  # asyncio's own: it throws, and the lock, the permit, the item goes to the next
        else:
            world.meet("D10")  # the result arrived, it is delivered
    elif task.kind == "children":
        pass  # they have been asked themselves
    elif task.kind == "condition" and isinstance(task.condition, LineCondition):
        task.asked = task.steps
        task.condition.ask(waits_for)
    elif task.kind == "future":
        world.meet("D36")  # only the wait ends here, too
        task.asked = task.steps
        waits_for.remove_done_callback(task._Task__wakeup)
        task._loop.call_soon(task._Task__step, asyncio.CancelledError())
    else:
        task.asked = task.steps
        waits_for.cancel()


class TandemWorld(World):
    loop_rules = True
    undoable = {"acquire", "get", "event", "condition", "barrier"}  # C74
    ready_in_a_row = 128

    def __init__(self, scenario, object_rules=frozenset()):
        super().__init__(scenario, object_rules)
        self.root = Scope()
        self.current_groups = {}

    def meet(self, deviation):
        if deviation:
            self.met.add(deviation)

    def start(self, body, parent):
        """A running task with a scope of its own below `parent`."""
        task = self.loop.create_task(self.whole(body))
        task.world = self
        task.kind = None
        task.asked = None
        task.cancel_thrown = None
        task.adopting = None
        task.condition = None
        task.budget = [None, 0]
        task.own = task.scope = Scope(task)
        if parent.cancelled:
            self.meet("D12")
        task.own.attach(parent)

        def gone(_):
            self.detach(task.own)

        gone.library = True
        task.add_done_callback(gone)
        return task

    async def whole(self, body):
        """D14: a task ends when what it adopted has ended."""
        task = asyncio.current_task(self.loop)
        try:
            return await body
        finally:
            if task.own.children:
                task.kind = "children"
                task.adopting = self.loop.create_future()
                await task.adopting

    def detach(self, scope):
        parent = scope.parent
        scope.detach()
        task = parent.task
        if task and task.own is parent and task.adopting and not parent.children:
            # In the step that ended the last of them, as if nothing had been between.
            running = asyncio.current_task(self.loop)
            asyncio.tasks._leave_task(self.loop, running)
            task.adopting.remove_done_callback(task._Task__wakeup)
            task.adopting.set_result(None)
            task._Task__wakeup(task.adopting)
            asyncio.tasks._enter_task(self.loop, running)

    def spawn(self, name):
        return self.start(self.main(name), self.root)

    def cancel(self, task):
        if task.done():
            return "over"
        self.meet("D7")
        if task is asyncio.current_task(self.loop):
            self.meet("D9")
        task.own.request()
        return "asked"

    async def checkpoint(self, task):
        """D7 (DEV5), D11: in a cancelled scope nothing is started, again and again."""
        if not task.scope.cancelled:
            return
        self.meet("D11")
        if task.cancel_thrown == task.steps:
            await asyncio.sleep(0)  # from the second throw within one step on
        task.cancel_thrown = task.steps
        raise asyncio.CancelledError

    async def wait_on(self, kind, awaitable):
        task = asyncio.current_task(self.loop)
        try:
            await self.checkpoint(task)
        except asyncio.CancelledError:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise
        step = task.steps
        task.kind = kind
        try:
            result = await awaitable
        except asyncio.CancelledError:
            if not (isinstance(awaitable, PyFuture) and awaitable.cancelled()):
                task.cancel_thrown = task.steps
                raise
            if task.asked == step:
                task.cancel_thrown = task.steps
                raise
            self.meet("D6")  # DEV4
            raise TaskCancelled from None
        finally:
            task.kind = None
        if task.steps == step:
            await self.use_budget(task)
        return result

    async def use_budget(self, task):
        """D30: 128 awaits in a row that need not wait, then one turn for the others."""
        if task.budget[0] != task.steps:
            task.budget = [task.steps, self.ready_in_a_row]
        if task.budget[1] == 0:
            self.meet("D30")
            await asyncio.sleep(0)
        else:
            task.budget[1] -= 1

    async def join(self, task):
        return await self.wait_on("join", task)

    async def do_wait_condition(self, who, args, _):
        task = asyncio.current_task(self.loop)
        condition = task.condition = self.objects[args[0]]
        try:
            await self.wait_on("condition", condition.wait())
        finally:
            task.condition = None

    # Combinators

    async def join_children(self, scope, live):
        """Waits for all of a scope's tasks, whatever is asked meanwhile; each of them was asked itself."""
        task = asyncio.current_task(self.loop)
        if not live[0]:
            return
        task.kind = "children"
        live[1] = self.loop.create_future()
        try:
            await live[1]
        finally:
            task.kind = None

    def start_child(self, body, scope, live, ended):
        child = self.start(body, scope)
        live[0] += 1

        def done(task):
            ended(task)
            live[0] -= 1
            if live[0] == 0 and live[1] == "adopted":
                self.detach(scope)
            elif live[0] == 0 and live[1]:
                live[1].set_result(None)

        done.library = True
        child.add_done_callback(done)
        return child

    async def do_gather(self, who, args, _):
        return await self.gather([self.main(name) for name in args])

    async def do_gather_tasks(self, who, args, _):
        return await self.gather([self.own(self.handles[name]) for name in args if name in self.handles])

    async def own(self, handle):
        """D3, D45: a handle that was handed over is cancelled and joined with its owner."""
        task = asyncio.current_task(self.loop)
        try:
            return await self.join(handle)
        except TaskCancelled:
            self.meet("D3")
            raise
        except asyncio.CancelledError:
            self.cancel(handle)
        scope = Scope(shielded=True)
        scope.enter(task)
        try:
            return await self.join(handle)
        except TaskCancelled:  # by us
            task.cancel_thrown = task.steps
            raise asyncio.CancelledError from None
        finally:
            scope.leave()

    async def gather(self, bodies):
        # D1, D2, D3 (DEV1, DEV2): a failure or a cancelled child ends the others, and all are waited for.
        task = asyncio.current_task(self.loop)
        scope, live, failures = Scope(), [0, None], []
        scope.attach(task.scope)

        def ended(child):
            if child.cancelled():
                if scope.cancelled:
                    return
                self.meet("D3")
                failures.append(TaskCancelled())
            elif child.exception():
                failures.append(child.exception())
            else:
                return
            if len(failures) == 1:
                if live[0] > 1:
                    self.meet("D1")
                scope.request()

        children = [self.start_child(body, scope, live, ended) for body in bodies]
        await self.join_children(scope, live)
        outer = scope.outer_cancelled()
        scope.detach()
        if failures:
            raise failures[0]
        if outer:
            self.meet("D2")
            task.cancel_thrown = task.steps
            raise asyncio.CancelledError
        return ",".join(child.result() for child in children)

    async def do_race(self, who, args, _):
        return await self.race(args, any_end_decides=True)

    async def do_any_of(self, who, args, _):
        return await self.race(args, any_end_decides=False)

    async def race(self, names, any_end_decides):
        # asyncio has none. The decision ends the others, as in D1; a value that comes in spite of a cancel is delivered.
        task = asyncio.current_task(self.loop)
        scope, live, failed, winner = Scope(), [0, None], {}, []
        scope.attach(task.scope)

        def ended(child):
            success = not child.cancelled() and not child.exception()
            if success and not winner or not success and not scope.cancelled and any_end_decides:
                winner.append(child)
                scope.request()
            elif not success and not scope.cancelled:
                failed[child] = TaskCancelled() if child.cancelled() else child.exception()

        children = [self.start_child(self.main(name), scope, live, ended) for name in names]
        await self.join_children(scope, live)
        scope.detach()
        if winner:
            if winner[0].cancelled():
                self.meet("D3")
                raise TaskCancelled
            return f"{children.index(winner[0])}:{winner[0].result()}"
        if len(failed) < len(children):
            self.meet("D2")
            task.cancel_thrown = task.steps
            raise asyncio.CancelledError
        raise BaseExceptionGroup("", [failed[child] for child in children])

    async def do_gather_results(self, who, args, _):
        task = asyncio.current_task(self.loop)
        scope, live = Scope(), [0, None]
        scope.attach(task.scope)
        children = [self.start_child(self.main(name), scope, live, lambda child: None) for name in args]
        await self.join_children(scope, live)
        outer = scope.outer_cancelled()
        scope.detach()
        if outer:
            self.meet("D2")
            task.cancel_thrown = task.steps
            raise asyncio.CancelledError

        def outcome(child):
            if child.cancelled():
                self.meet("D4")
                return "TaskCancelled"
            return name_of(child.exception()) if child.exception() else child.result()

        return ",".join(outcome(child) for child in children)

    async def do_wait(self, who, args, blocks):
        mode, limit, *names = args
        if not any(name in self.handles for name in names):
            return "none"
        # The limit is a scope with a deadline (D7), and the wait inside is asyncio's.
        task = asyncio.current_task(self.loop)
        scope = Scope()
        ended = []
        tasks = {self.handles[name]: name for name in names if name in self.handles}
        before = [waited for waited in tasks if waited.done()]

        def note(waited):
            ended.append(waited)

        note.library = True
        for waited in tasks:
            if not waited.done():
                waited.add_done_callback(note)
        scope.enter(task)
        if limit != "-":
            scope.set_deadline(self.loop, int(limit))
        modes = {"all": asyncio.ALL_COMPLETED, "first": asyncio.FIRST_COMPLETED, "error": asyncio.FIRST_EXCEPTION}
        try:
            await self.wait_on("wait", asyncio.wait(tasks, return_when=modes[mode]))
        except asyncio.CancelledError:
            if not scope.absorbs():
                raise
        finally:
            scope.leave()
        order = [tasks[one] for one in before + ended]
        return ",".join(order) + "/" + ",".join(name for one, name in tasks.items() if not one.done())

    async def do_timeout(self, who, args, blocks):
        # D15, D43: asyncio 3.12's rules; the body runs in the caller's task and its end is waited for.
        if int(args[0]) <= 0:
            raise TimeoutError
        scope = Scope()
        scope.enter(asyncio.current_task(self.loop))
        scope.set_deadline(self.loop, int(args[0]))
        try:
            return await self.steps(who, blocks[0][1])
        except asyncio.CancelledError:
            if not (scope.absorbs() and scope.expired):
                raise
        finally:
            scope.leave()
        self.meet("D43")
        raise TimeoutError

    async def do_join_within(self, who, args, _):
        # D44 (DEV3): past the limit only the wait ends.
        handle = self.handles.get(args[1])
        if handle is None:
            return "none"
        if int(args[0]) <= 0 and not handle.done():
            raise TimeoutError
        scope = Scope()
        scope.enter(asyncio.current_task(self.loop))
        if not handle.done():
            scope.set_deadline(self.loop, int(args[0]))
        try:
            return await self.join(handle)
        except asyncio.CancelledError:
            if not (scope.absorbs() and scope.expired):
                raise
        finally:
            scope.leave()
        self.meet("D44")
        raise TimeoutError

    async def do_move_on(self, who, args, blocks):
        if int(args[0]) <= 0:
            return "moved on"  # without time the body is not started, as under a timeout
        scope = Scope()
        scope.enter(asyncio.current_task(self.loop))
        scope.set_deadline(self.loop, int(args[0]))
        try:
            return await self.steps(who, blocks[0][1])
        except asyncio.CancelledError:
            if not scope.absorbs():
                raise
        finally:
            scope.leave()
        self.meet("D43")
        return "moved on"

    async def do_shield(self, who, args, blocks):
        # D5 (DEV7): runs to its end here; a request waits at the door.
        scope = Scope(shielded=True)
        task = asyncio.current_task(self.loop)
        scope.enter(task)
        try:
            return await self.steps(who, blocks[0][1])
        finally:
            if scope.parent.cancelled:
                self.meet("D5")
            scope.leave()

    async def do_group(self, who, args, blocks):
        # A group is a scope (D7) with tasks (D45, DEV2).
        task = asyncio.current_task(self.loop)
        scope, live, failures = Scope(), [0, None], []

        def ended(child):
            if child.cancelled() or not child.exception():
                return
            failures.append(child.exception())
            if len(failures) == 1:
                scope.request()

        groups = self.current_groups.setdefault(who, [])
        groups.append((scope, live, ended))
        scope.enter(task)
        error = result = None
        try:
            result = await self.steps(who, blocks[0][1])
        except BaseException as raised:
            error = raised
        groups.pop()
        body_cancelled = isinstance(error, asyncio.CancelledError)
        if error and not body_cancelled:
            failures.append(error)  # in its place among the children's
        if error and not scope.cancelled:
            scope.request()
        await self.join_children(scope, live)
        scope.leave()
        outer = scope.outer_cancelled()
        if failures:
            raise BaseExceptionGroup("", failures)
        if body_cancelled and (outer or not scope.requested):
            raise error
        if outer:
            self.meet("D45")
            task.cancel_thrown = task.steps
            raise asyncio.CancelledError
        return result

    def now_child(self, args, _):
        scope, live, ended = self.current_groups[self.who][-1]
        self.handles[args[0]] = self.start_child(self.main(args[0]), scope, live, ended)

    async def do_as_completed(self, who, args, _):
        # D41, D14: only the form that gives finished handles, and the rest ends when it is left early.
        limit, *names = args
        task = asyncio.current_task(self.loop)
        scope, live, ended = Scope(), [0, None], []
        scope.attach(task.scope)
        waiter = [None]

        def done(child):
            ended.append(child)
            if waiter[0] and not waiter[0].done():
                waiter[0].set_result(None)

        deadline = None if limit == "-" else self.loop.time() + int(limit)
        for name in names:
            self.start_child(self.main(name), scope, live, done)

        async def next_one():
            if not ended and live[0]:
                waiter[0] = self.loop.create_future()
                await waiter[0]

        given = 0
        try:
            while ended or live[0]:
                if deadline is None:
                    await self.wait_on("next", next_one())
                else:
                    inner = Scope()
                    inner.enter(task)
                    if deadline > self.loop.time():
                        inner.set_deadline(self.loop, deadline - self.loop.time())
                    elif not inner.cancelled:
                        inner.expired = True
                        inner.request()
                    try:
                        await self.wait_on("next", next_one())
                    except asyncio.CancelledError:
                        if not (inner.absorbs() and inner.expired):
                            raise
                        raise TimeoutError from None
                    finally:
                        inner.leave()
                child = ended.pop(0)
                given += 1
                self.say(who, "next " + ending(child))
        finally:
            self.leave_early(task, scope, live)
        return given

    def leave_early(self, task, scope, live):
        if live[0]:
            self.meet("D14")
            live[1] = "adopted"
            scope.request()
        else:
            scope.detach()
