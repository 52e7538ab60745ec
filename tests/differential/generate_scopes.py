"""Random scenarios of scopes, shields, deadlines and nurseries, for Trio to judge."""

from generate import Generator


class ScopeGenerator(Generator):
    def __init__(self, seed):
        super().__init__(seed, False)
        self.scopes = [f"s{i}" for i in range(1, self.random.randint(2, 6))]
        self.unentered = list(self.scopes)
        self.events = [f"e{i}" for i in range(self.random.choice((0, 0, 1, 2)))]
        self.kinds = ["semaphore"]
        self.objects = [["event", name] for name in self.events]
        if self.random.random() < 0.3:
            self.objects.append(["semaphore", "m0", self.random.choice("0112")])

    def step(self, me, place, depth):
        choices = [("sleep", 10), ("checkpoint", 1), ("log", 1), ("state", 1), ("cancel", 4), ("is_cancelled", 1),
                   ("when", 1), ("cancel_scope", 5), ("deadline", 2), ("shielded", 2), ("raise", 0.7), ("return", 0.3),
                   ("call", 1)]
        if self.named("semaphore"):
            choices += [("sync", 6)]
        if self.events:
            choices += [("wait_event", 4), ("set", 3)]
        if place == "group":
            choices += [("child", 6), ("cancel_group", 1)]
        if depth < 4:
            choices += [("scope", 5), ("timeout", 2), ("move_on", 2), ("shield", 2), ("with_finally", 2), ("try", 3),
                        ("group", 4)]
        ops, weights = zip(*choices)
        return getattr(self, "make_" + self.random.choices(ops, weights)[0])(me, place, depth) or []

    def make_checkpoint(self, me, place, depth):
        return self.simple("checkpoint")

    def make_is_cancelled(self, me, place, depth):
        return self.simple("is_cancelled")

    def make_when(self, me, place, depth):
        return self.simple("when")

    def make_cancel_scope(self, me, place, depth):
        return self.simple("cancel_scope", self.random.choice(self.scopes))

    def make_deadline(self, me, place, depth):
        limit = self.random.choice((self.ticks(), self.ticks(), "-"))
        return self.simple("deadline", self.random.choice(self.scopes), limit)

    def make_shielded(self, me, place, depth):
        return self.simple("shielded", self.random.choice(self.scopes), self.random.choice(("on", "on", "off")))

    def make_wait_event(self, me, place, depth):
        return self.simple("wait_event", self.random.choice(self.events))

    def make_set(self, me, place, depth):
        return self.simple("set", self.random.choice(self.events))

    def make_child(self, me, place, depth):
        return [step for name in self.take("free") for step in self.simple("child", name)]

    def make_cancel_group(self, me, place, depth):
        return self.simple("cancel_group")

    def make_call(self, me, place, depth):
        return [step for name in self.take("free") for step in self.simple("call", name)]

    def make_scope(self, me, place, depth):
        if not self.unentered:
            return None
        words = ["scope", self.unentered.pop(self.random.randrange(len(self.unentered)))]
        if self.random.random() < 0.4:
            words.append(self.ticks())
        return self.opened(words, self.inner(me, place, depth))

    def make_shield(self, me, place, depth):
        return self.opened(("shield",), self.inner(me, place, depth))

    def make_with_finally(self, me, place, depth):
        body, cleanup = self.inner(me, place, depth), self.block(me, place, depth + 1, self.random.randint(1, 3))
        return [[["with_finally", self.random.choice("1234")], [[["do"], body], [["finally"], cleanup]]]]

    def make_group(self, me, place, depth):
        steps = []
        for name in self.take("free", self.random.randint(1, 3)):
            steps += self.simple("child", name)
            steps += self.block(me, "group", depth + 1, self.random.randint(0, 2))
        steps += self.block(me, "group", depth + 1, self.random.randint(0, 2))
        return self.opened(("group",), steps)


def generate(seed):
    return ["trio"], ScopeGenerator(seed).generate()
