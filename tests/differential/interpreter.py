"""Goes through the steps of a scenario and writes the trace; what a step does is its heir's: asyncio_side.py, trio_side.py.

A step `spawn` that does not wait is the method `now_spawn`, one that waits, like `sleep`, the coroutine `do_sleep`.
"""


class ScenarioError(Exception):
    pass


class Returned:
    def __init__(self, value):
        self.value = value


def name_of(error):
    if type(error).__name__ in ("CancelledError", "Cancelled"):
        return "Cancelled"
    if isinstance(error, ScenarioError):
        return str(error)
    if type(error).__name__ in ("BrokenBarrierError", "WouldDeadlock"):
        return type(error).__name__
    if isinstance(error, (RuntimeError, ValueError)) or type(error).__name__ == "InvalidStateError":
        return "Misuse"  # InvalidStateError in tandem
    if isinstance(error, BaseExceptionGroup):
        return "Group[" + ",".join(name_of(inner) for inner in error.exceptions) + "]"
    return type(error).__name__


class Interpreter:
    Cancelled = None  # the exception that ends what was cancelled
    over = False
    who = None  # the task whose step it is, for `now_...`

    def __init__(self, scenario):
        self.tasks = scenario["tasks"]
        self.lines = []
        self.met = set()  # ids of the deviations that made a difference

    def now(self):
        raise NotImplementedError

    def say(self, who, what):
        if not self.over:
            self.lines.append(f"{int(self.now()) if who != '-' else '-'} {who} {what}")

    async def main(self, name):
        """The body of a task, told from its first step to its last."""
        self.say(name, "begins")
        try:
            result = await self.steps(name, self.tasks[name])
        except self.Cancelled:
            self.say(name, "ends cancelled")
            raise
        except BaseException as error:
            self.say(name, "ends " + name_of(error))
            raise
        value = result.value if result else name
        self.say(name, f"ends with {value}")
        return value

    async def steps(self, who, steps):
        for words, blocks in steps:
            result = await self.step(who, words, blocks)
            if result is not None:
                return result
        return None

    async def step(self, who, words, blocks):
        op, *args = words
        text = " ".join(words)
        plain = getattr(self, "now_" + op, None)
        if plain:
            self.do_plain(who, text, plain, args, blocks)
            return None
        if op == "raise":
            self.say(who, text)
            raise ScenarioError(args[0])
        if op == "return":
            return Returned(args[0])
        if op == "try":
            return await self.do_try(who, blocks)
        if op == "repeat":
            for _ in range(int(args[0])):
                result = await self.steps(who, blocks[0][1])
                if result is not None:
                    return result
            return None
        self.say(who, "> " + text)
        try:
            result = await getattr(self, "do_" + op)(who, args, blocks)
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise
            self.say(who, f"! {text}: {name_of(error)}")
            raise
        if isinstance(result, Returned):
            self.say(who, f"< {text}")
            return result
        self.say(who, f"< {text}" if result is None else f"< {text} = {result}")
        return None

    def do_plain(self, who, text, function, args, blocks):
        self.who = who
        try:
            result = function(args, blocks)
        except Exception as error:
            self.say(who, f"{text}: {name_of(error)}")
            raise
        self.say(who, text if result is None else f"{text} = {result}")

    async def do_try(self, who, blocks):
        body, *parts = blocks
        catch = next((part for part in parts if part[0][0] == "catch"), None)
        last = next((part for part in parts if part[0][0] == "finally"), None)
        try:
            try:
                return await self.steps(who, body[1])
            except BaseException as error:
                kinds = {"error": Exception, "cancelled": self.Cancelled, "any": (Exception,
                                                                                          self.Cancelled)}
                if not catch or not isinstance(error, kinds[catch[0][1]]):
                    raise
                caught = name_of(error)
            self.say(who, "caught " + caught)
            return await self.steps(who, catch[1])
        finally:
            if last:
                self.say(who, "finally")
                await self.steps(who, last[1])
