"""Runs scenarios on both sides, compares the traces line by line, and shrinks what differs."""

import collections
import os
import subprocess

import language
from asyncio_side import OrderedWorld, World
from rules import TandemWorld

WORLDS = {"asyncio": World, "plain": OrderedWorld, "full": TandemWorld}
TRIO = {"trio": True, "trio as it is": False}  # whether by the rules


OBJECT_RULES = [frozenset(rules.split()) for rules in ("", "D47", "D48", "D49", "D50", "D51", "D47 D48 D49 D50 D51")]


def on_judge(kind, scenario, expected):
    """What the judge of this kind of scenario makes of it: Trio or asyncio."""
    if kind not in TRIO:
        return on_asyncio(kind, scenario, expected)
    import trio_side  # changes Trio, and takes a while

    world = trio_side.TrioWorld(scenario, TRIO[kind])
    return world.run(), world.met


def on_asyncio(kind, scenario, expected):
    """The trace, and the ids of the deviations that it met. asyncio's own locks and queues come first; where they give
    another trace than the expected one, those of ruled_objects.py."""
    ruled = {"lock", "condition", "queue", "priority_queue", "lifo_queue", "semaphore", "barrier"}
    concerned = any(words[0] in ruled for words in scenario["objects"])
    for rules in OBJECT_RULES if concerned and expected is not None else OBJECT_RULES[:1]:
        world = WORLDS[kind](scenario, rules)
        trace = world.run()
        if trace == expected:
            return trace, world.met | rules
    return trace, world.met


def on_tandem(program, scenarios):
    """One trace for each (head, scenario), from one process; after a crash from another one."""
    traces = []
    while len(traces) < len(scenarios):
        text = "".join(language.to_text(head, scenario) for head, scenario in scenarios[len(traces):])
        ended = subprocess.run([program], input=text, capture_output=True, text=True,
                               timeout=30 + len(scenarios) / 20, check=False)
        for line in ended.stdout.splitlines():
            if line.startswith("=== "):
                traces.append([])
            else:
                traces[-1].append(line)
        if ended.returncode != 0:
            if not ended.stdout:
                raise SystemExit(f"{program} failed: {ended.stderr}")
            traces[-1].append(f"crashed with {ended.returncode}: {ended.stderr.strip()}")
    return traces


class Difference:
    def __init__(self, head, scenario, judges_trace, tandem_trace):
        self.head = head
        self.scenario = scenario
        self.judges_trace = judges_trace
        self.tandem_trace = tandem_trace

    def text(self):
        judge = "Trio" if self.head[0] in TRIO else "asyncio"
        both = [language.to_text(self.head, self.scenario), f"{judge + ' by the rules':<50} | tandem"]
        longer = max(len(self.judges_trace), len(self.tandem_trace))
        for i in range(longer):
            left = self.judges_trace[i] if i < len(self.judges_trace) else ""
            right = self.tandem_trace[i] if i < len(self.tandem_trace) else ""
            both.append(f"{left:<50} {' ' if left == right else '!'} {right}")
        return "\n".join(both)


def compare(program, scenarios):
    """The differences, and how many scenarios met each deviation."""
    differences = []
    counts = collections.Counter()
    for (head, scenario), tandem_trace in zip(scenarios, on_tandem(program, scenarios)):
        judges_trace, met = on_judge(head[0], scenario, tandem_trace)
        counts.update(met)
        if judges_trace != tandem_trace:
            differences.append(Difference(head, scenario, judges_trace, tandem_trace))
    return differences, counts


# Shrinking

def smaller(scenario):
    """Each scenario that lacks one step, or has a block's inside in place of the block."""
    def of_steps(steps):
        for i, (words, blocks) in enumerate(steps):
            yield steps[:i] + steps[i + 1:]
            if blocks and words[0] not in ("soon", "later", "on_done"):
                for _, inside in blocks:
                    yield steps[:i] + inside + steps[i + 1:]
            if len(blocks) > 1:
                for j in range(1, len(blocks)):
                    yield steps[:i] + [[words, blocks[:j] + blocks[j + 1:]]] + steps[i + 1:]
            for j, (part, inside) in enumerate(blocks):
                for less in of_steps(inside):
                    yield steps[:i] + [[words, blocks[:j] + [[part, less]] + blocks[j + 1:]]] + steps[i + 1:]
            if words[0] in ("gather", "gather_results", "gather_tasks", "wait", "as_completed", "race", "any_of"):
                fixed = {"wait": 3, "as_completed": 2}.get(words[0], 1)
                for j in range(fixed, len(words)):
                    if len(words) > fixed + 1:
                        yield steps[:i] + [[words[:j] + words[j + 1:], blocks]] + steps[i + 1:]

    for name, steps in scenario["tasks"].items():
        for less in of_steps(steps):
            tasks = dict(scenario["tasks"])
            tasks[name] = less
            yield {"objects": scenario["objects"], "tasks": tasks}


def legal(scenario):
    """A `child` needs a group around it; a lock is released, and a condition used, by who holds it."""
    locks = {words[1] for words in scenario["objects"] if words[0] in ("lock", "condition")}

    def check(steps, in_group, held):
        before = [None]
        for words, blocks in steps:
            if words[0] in ("child", "cancel_group") and not in_group or words[0] == "with_finally" and len(blocks) < 2:
                return False
            if words[0] in ("release", "wait_condition", "notify", "notify_all") and words[1] in locks - held:
                return False
            inside = held
            if before[0] == "acquire" and before[1] in locks:
                if words[0] != "try" or ["release", before[1]] not in [step[0] for step in blocks[-1][1]]:
                    return False
                inside = held | {before[1]}
            if not all(check(inner, in_group or words[0] == "group", inside) for _, inner in blocks):
                return False
            before = words
        return before[0] != "acquire" or before[1] not in locks

    return all(check(steps, False, frozenset()) for steps in scenario["tasks"].values())


def shrink(program, difference):
    """The smallest scenario found that still differs. Candidates go to tandem together, for speed."""
    best = difference
    while True:
        candidates = [(best.head, less) for less in smaller(best.scenario) if legal(less)]
        for (head, scenario), tandem_trace in zip(candidates, on_tandem(program, candidates)):
            judges_trace, _ = on_judge(head[0], scenario, tandem_trace)
            if judges_trace != tandem_trace:
                best = Difference(head, scenario, judges_trace, tandem_trace)
                break
        else:
            return without_unused(best)


def without_unused(difference):
    used = {word for steps in difference.scenario["tasks"].values() for word in words_of(steps)} | {"t0"}
    difference.scenario = {
        "objects": [words for words in difference.scenario["objects"] if words[1] in used],
        "tasks": {name: steps for name, steps in difference.scenario["tasks"].items() if name in used}}
    return difference


def words_of(steps):
    for words, blocks in steps:
        yield from words
        for _, inside in blocks:
            yield from words_of(inside)


def program_path():
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(here, "../../build/clang/tests/differential/differential_tandem_side")
