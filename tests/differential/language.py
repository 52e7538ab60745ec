"""The scenario language: text to steps and back.

A scenario is a list of objects and of tasks; `t0` is the main one. A step is one line; some open a block that ends
with `end`. README.md has the table of steps.

In memory a scenario is {"objects": [[kind, name, args...]], "tasks": {name: steps}}, a step is [words, blocks], where
blocks is a list of [words, steps]: one for most, more for `try` (`catch cancelled`, `finally`).
"""

OBJECTS = {"event", "lock", "semaphore", "condition", "queue", "priority_queue", "lifo_queue", "barrier", "future",
           "variable"}
BLOCKS = {"try", "timeout", "move_on", "shield", "group", "soon", "later", "on_done", "repeat", "scope",
          "with_finally"}
PARTS = {"catch", "finally"}


def parse(text):
    """All scenarios of a text, as a list of (head words, scenario)."""
    scenarios = []
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    place = 0

    def block():
        nonlocal place
        steps = []
        while True:
            words = lines[place]
            if words[0] == "end" or words[0] in PARTS:
                return steps
            place += 1
            blocks = []
            if words[0] in BLOCKS:
                blocks.append([["do"], block()])
                while lines[place][0] in PARTS:
                    part = lines[place]
                    place += 1
                    blocks.append([part, block()])
                place += 1
            steps.append([words, blocks])

    while place < len(lines):
        words = lines[place]
        place += 1
        if words[0] == "scenario":
            scenarios.append((words[1:], {"objects": [], "tasks": {}}))
        elif words[0] in OBJECTS:
            scenarios[-1][1]["objects"].append(words)
        elif words[0] == "task":
            scenarios[-1][1]["tasks"][words[1]] = block()
            place += 1
        else:
            raise ValueError(f"no scenario begins with {' '.join(words)!r}")
    return scenarios


def to_text(head, scenario):
    lines = ["scenario " + " ".join(head)]
    lines += [" ".join(words) for words in scenario["objects"]]

    def put(steps, indent):
        for words, blocks in steps:
            lines.append(indent + " ".join(words))
            for number, (part, inner) in enumerate(blocks):
                if number > 0:
                    lines.append(indent + " ".join(part))
                put(inner, indent + "  ")
            if blocks:
                lines.append(indent + "end")

    for name, steps in scenario["tasks"].items():
        lines.append("task " + name)
        put(steps, "  ")
        lines.append("end")
    return "\n".join(lines) + "\n"
