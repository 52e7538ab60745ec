"""Random scenarios: small, and weighted towards races (equal deadlines, a cancel in the turn of a completion)."""

import random

QUEUES = ("queue", "priority_queue", "lifo_queue")
SYNC = ("event", "lock", "semaphore", "condition", "queue", "queue", "queue", "priority_queue", "lifo_queue", "future",
        "future", "variable", "barrier")


class Generator:
    """`plain` scenarios have no cancel, no timeout and no failure inside a combinator: asyncio's own functions judge
    them."""

    def __init__(self, seed, plain):
        self.random = random.Random(seed)
        self.plain = plain
        self.raises = self.random.random() < 0.5
        self.bodies = {}
        self.size = self.random.randint(3, 8)
        self.unused = [f"t{i}" for i in range(1, self.size + 1)]
        self.queue = []
        self.counts = {}
        self.objects = []
        self.calls = []
        self.sync = self.random.random() < 0.7
        if self.sync:
            self.make_objects()

    def make_objects(self):
        # Few objects that many tasks meet at.
        self.kinds = self.random.sample(SYNC, self.random.randint(1, 2))
        for kind in self.kinds:
            for number in range(self.random.choice((1, 1, 1, 2))):
                words = [kind, f"{kind[0]}{number}"]
                if kind == "semaphore":
                    words.append(str(self.random.randint(0, 2)))
                if kind == "barrier":
                    words.append(self.random.choice("1223"))
                    words[1] = f"p{number}"
                if kind == "future":  # each ends but once
                    self.objects += [[kind, f"f{number}{again}"] for again in "ab"]
                if kind in QUEUES:
                    words[1] = f"q{len(self.objects)}"
                    words.append(str(self.random.choice((0, 1, 2))))
                self.objects.append(words)

    def named(self, kind):
        found = [words[1] for words in self.objects if words[0] == kind]
        return self.random.choice(found) if found else None

    def generate(self):
        self.queue.append(("t0", "free"))
        tasks = {}
        while self.queue:
            name, place = self.queue.pop(0)
            tasks[name] = self.block(name, place, 0, self.random.randint(3, 9))
        return {"objects": self.objects, "tasks": dict(sorted(tasks.items(), key=lambda item: int(item[0][1:])))}

    # What is free to use

    def take(self, place, count=1):
        """Names of bodies that nobody runs yet; they are written later."""
        taken = [self.unused.pop(0) for _ in range(min(count, len(self.unused)))]
        self.queue += [(name, place) for name in taken]
        return taken

    def new(self, letter):
        self.counts[letter] = self.counts.get(letter, 0) + 1
        return f"{letter}{self.counts[letter]}"

    def later_task(self, me):
        """A task with a higher number than ours: whoever waits for it closes no cycle."""
        number = int(me[1:])
        return f"t{self.random.randint(number + 1, self.size)}" if number < self.size else None

    def any_task(self):
        return f"t{self.random.randint(0, self.size)}"

    def ticks(self):
        return str(self.random.choice((0, 1, 1, 2, 2, 2, 3, 4)))

    # Blocks and steps

    def block(self, me, place, depth, count):
        steps = []
        for _ in range(count):
            steps += self.step(me, place, depth)
        return steps

    def step(self, me, place, depth):
        choices = [("sleep", 8), ("spawn", 5), ("log", 1), ("state", 1), ("soon", 2), ("later", 2), ("on_done", 2),
                   ("uncall", 1), ("call", 1)]
        if place != "calm" or not self.raises:
            choices += [("join", 4)]
        if place != "quiet":
            choices += [("gather_tasks", 0 if self.plain else 1), ("join_within", 0 if self.plain else 2), ("gather", 2),
                        ("gather_results", 2), ("wait", 3), ("as_completed", 1), ("return", 0.3),
                        ("race", 0 if self.plain else 2), ("any_of", 0 if self.plain else 2)]
        if self.plain:
            if place == "free" and self.raises:
                choices += [("raise", 1)]
            if place != "quiet" and depth < 2:
                choices += [("group", 1)]
        else:
            choices += [("cancel", 5), ("raise", 0.7)]
            if place != "quiet" and depth < 3:
                choices += [("timeout", 3), ("move_on", 2), ("group", 2), ("shield", 2)]
        if depth < 2:
            choices += [("try", 3)]
        if self.sync and place != "quiet":
            choices += [("sync", 25)]
        ops, weights = zip(*choices)
        op = self.random.choices(ops, weights)[0]
        return getattr(self, "make_" + op)(me, place, depth) or []

    def simple(self, *words):
        return [[list(words), []]]

    def opened(self, words, steps):
        return [[list(words), [[["do"], steps]]]]

    def make_sleep(self, me, place, depth):
        return self.simple("sleep", self.ticks())

    def make_log(self, me, place, depth):
        return self.simple("log", self.random.choice("abc"))

    def make_spawn(self, me, place, depth):
        return [step for name in self.take("free") for step in self.simple("spawn", name)]

    def make_state(self, me, place, depth):
        return self.simple("state", self.any_task())

    def make_cancel(self, me, place, depth):
        return self.simple("cancel", self.any_task())

    def make_join(self, me, place, depth):
        name = self.later_task(me)
        return self.simple("join", name) if name else None

    def make_join_within(self, me, place, depth):
        name = self.later_task(me)
        return self.simple("join_within", self.ticks(), name) if name else None

    def make_gather_tasks(self, me, place, depth):
        names = {name for name in (self.later_task(me) for _ in range(2)) if name}
        return self.simple("gather_tasks", *sorted(names)) if names else None

    def make_call(self, me, place, depth):
        return [step for name in self.take(place) for step in self.simple("call", name)]

    def make_raise(self, me, place, depth):
        return self.simple("raise", self.random.choice(("E1", "E2")))

    def make_return(self, me, place, depth):
        return self.simple("return", self.random.choice("xyz"))

    def make_uncall(self, me, place, depth):
        return self.simple("uncall", self.random.choice(self.calls)) if self.calls else None

    def callback_steps(self):
        steps = []
        for _ in range(self.random.randint(0, 2)):
            kinds = ["log", "state"] + ([] if self.plain else ["cancel"] * 2) + (["sync"] * 4 if self.sync else [])
            kind = self.random.choice(kinds)
            steps += (self.now_sync() if kind == "sync" else getattr(self, "make_" + kind)(None, None, 0)) or []
        return steps

    def make_soon(self, me, place, depth):
        name = self.new("c")
        self.calls.append(name)
        return self.opened(("soon", name), self.callback_steps())

    def make_later(self, me, place, depth):
        name = self.new("c")
        self.calls.append(name)
        return self.opened(("later", name, self.ticks()), self.callback_steps())

    def make_on_done(self, me, place, depth):
        return self.opened(("on_done", self.new("d"), self.any_task()), self.callback_steps())

    def make_gather(self, me, place, depth):
        names = self.take("calm" if self.plain else "free", self.random.randint(1, 3))
        return self.simple("gather", *names) if names else None

    def make_gather_results(self, me, place, depth):
        names = self.take("free", self.random.randint(1, 3))
        return self.simple("gather_results", *names) if names else None

    def make_race(self, me, place, depth):
        names = self.take("free", self.random.randint(1, 3))
        return self.simple("race", *names) if names else None

    def make_any_of(self, me, place, depth):
        names = self.take("free", self.random.randint(1, 3))
        return self.simple("any_of", *names) if names else None

    def make_as_completed(self, me, place, depth):
        names = self.take("calm" if self.plain else "free", self.random.randint(1, 3))
        limit = "-" if self.plain else self.random.choice(("-", "-", self.ticks()))
        return self.simple("as_completed", limit, *names) if names else None

    def make_wait(self, me, place, depth):
        names = {name for name in (self.later_task(me) for _ in range(3)) if name}
        limit = self.random.choice(("-", self.ticks()))
        mode = self.random.choice(("all", "first", "error"))
        return self.simple("wait", mode, limit, *sorted(names)) if names else None

    def inner(self, me, place, depth):
        return self.block(me, place, depth + 1, self.random.randint(1, 4))

    def make_timeout(self, me, place, depth):
        return self.opened(("timeout", self.ticks()), self.inner(me, place, depth))

    def make_move_on(self, me, place, depth):
        return self.opened(("move_on", self.ticks()), self.inner(me, place, depth))

    def make_shield(self, me, place, depth):
        return self.opened(("shield",), self.inner(me, "quiet", depth))

    def make_group(self, me, place, depth):
        steps = []
        for name in self.take("calm" if self.plain else "free", self.random.randint(0, 3)):
            steps += self.simple("child", name)
            steps += self.block(me, "calm" if self.plain else place, depth + 1, self.random.randint(0, 2))
        steps += self.block(me, "calm" if self.plain else place, depth + 1, self.random.randint(0, 2))
        return self.opened(("group",), steps)

    def guarded(self, steps):
        """A plain scenario's combinators must not fail."""
        return [[["try"], [[["do"], steps], [["catch", "error"], []]]]] if self.plain else steps

    def item(self):
        return self.random.choice("12345") + self.random.choice("abc")

    def now_sync(self):
        kind = self.random.choice(self.kinds)
        name = self.named(kind)
        return self.now_sync_of(kind, name) if name else None

    def now_sync_of(self, kind, name):
        if kind == "event":
            return self.simple(self.random.choice(("set", "set", "clear")), name)
        if kind == "semaphore":
            return self.simple("release", name)
        if kind == "barrier":
            return self.simple(self.random.choice(("reset", "abort")), name) if self.random.random() < 0.3 else None
        if kind == "future":
            return self.end_of_future(name)
        if kind == "variable":
            return self.simple(*self.random.choice((("let", name, self.random.choice("xyz")), ("look", name))))
        if kind in QUEUES:
            return self.simple(*self.random.choice((("put_nowait", name, self.item()), ("get_nowait", name))))
        return None

    def end_of_future(self, name):
        ends = [("set_result", name, self.random.choice("xyz")), ("set_exception", name, self.random.choice(("E1", "E2")))]
        return self.simple(*self.random.choice(ends[:1] * 2 + ends + ([] if self.plain else [("cancel_future", name)])))

    def make_sync(self, me, place, depth):
        kind = self.random.choice(self.kinds)
        name = self.named(kind)
        if not name:
            return None
        if kind == "event":
            return self.simple(self.random.choice(("wait_event", "wait_event", "set", "clear")), name)
        if kind == "variable":
            return self.now_sync_of(kind, name)
        if kind == "barrier":
            return self.guarded(self.now_sync_of(kind, name) or self.simple("barrier", name))
        if kind == "future":
            waits = self.random.random() < 0.6
            return self.guarded(self.simple("await_future", name) if waits else self.end_of_future(name))
        if kind in QUEUES:
            op = self.random.choice(("put", "put", "get", "get", "put_nowait", "get_nowait", "task_done", "join_queue"))
            words = [op, name] + ([self.item()] if op.startswith("put") else [])
            steps = self.simple(*words)
            return self.guarded(steps) if op.endswith("nowait") or op == "task_done" else steps
        if kind == "semaphore" and self.random.random() < 0.3:
            return self.simple("release", name)
        if depth > 2:
            return None
        inside = self.block(me, place, depth + 1, self.random.randint(0, 2))
        if kind == "condition":
            inside += self.random.choice((self.simple("wait_condition", name), self.simple("wait_condition", name),
                                          self.simple("notify", name, self.random.choice("12")),
                                          self.simple("notify_all", name)))
            inside += self.block(me, place, depth + 1, self.random.randint(0, 1))
        release = self.simple("release", name)
        return self.simple("acquire", name) + [[["try"], [[["do"], inside], [["finally"], release]]]]

    def make_try(self, me, place, depth):
        parts = [[["do"], self.inner(me, place, depth)]]
        kind = self.random.choice(("catch", "finally", "both"))
        if kind != "finally":
            caught = self.random.choice(("error", "any", "any", "cancelled"))
            parts.append([["catch", caught], self.block(me, place, depth + 1, self.random.randint(0, 2))])
        if kind != "catch":
            parts.append([["finally"], self.block(me, place, depth + 1, self.random.randint(0, 2))])
        return [[["try"], parts]]


def generate(seed):
    """Every second seed makes a plain scenario."""
    generator = Generator(seed, seed % 2 == 1)
    return ["plain" if generator.plain else "full"], generator.generate()
