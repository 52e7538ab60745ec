"""For run_suite: runs GoogleTest's tests as ctest lists them, many to a process.

Starting a process costs more than most tests do, with sanitizers ten times. What a shared process leaves open runs again
in one of its own: the tests that it did not get to because another ended it, and those that failed, whose names
are told even if they pass then.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import tempfile

A_PROCESS = 16  # as many tests
FILTER = "--gtest_filter="
STARTED = re.compile(r"\[ RUN      \] (\S+)$", re.MULTILINE)
ENDED = re.compile(r"\[ +(OK|FAILED|SKIPPED) +\] (\S+?)(?:, where .*)? \(\d+ ms\)$", re.MULTILINE)

Test = collections.namedtuple("Test", "name id program folder limit")


def preset_environment(root, preset):
    """What CMakePresets.json sets for the tests of a preset."""
    presets = {each["name"]: each for each in json.loads((root / "CMakePresets.json").read_text())["testPresets"]}
    found, name = {}, preset
    while name:
        found = {**presets[name].get("environment", {}), **found}
        name = presets[name].get("inherits")
    return {**os.environ, **found}


def list_tests(root, preset):
    """The GoogleTest tests of a preset, and the first word of the names of all others."""
    said = subprocess.run(["ctest", "--preset", preset, "--show-only=json-v1"], cwd=root, text=True, check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    tests, others = [], set()
    for each in json.loads(said[said.index("{"):])["tests"]:
        properties = {entry["name"]: entry["value"] for entry in each.get("properties", [])}
        ids = [argument[len(FILTER):] for argument in each.get("command", []) if argument.startswith(FILTER)]
        if len(ids) == 1 and not properties.get("DISABLED"):
            tests.append(Test(each["name"], ids[0], each["command"][0], properties["WORKING_DIRECTORY"],
                              properties["TIMEOUT"]))
        else:
            others.add(each["name"].split(".")[0])
    return tests, others


def share(tests):
    """Splits them over processes. Neighbours, which tend to take equally long, go to different ones."""
    programs = collections.defaultdict(list)
    for test in tests:
        programs[test.program].append(test)
    shares = []
    for each in programs.values():
        count = -(-len(each) // A_PROCESS)
        shares += [each[start::count] for start in range(count)]
    return shares


def results_of(tests, output, code):
    """What a process said of its tests. Nothing counts of one that did not end as GoogleTest ends it: by a crash, or with
    the code of a sanitizer, whose complaint may be about any of them."""
    said = {match[2]: match[1] for match in ENDED.finditer(output)}
    if code != 0 and not (code == 1 and "FAILED" in said.values()):
        return {}
    kinds = {"OK": "passed", "SKIPPED": "skipped", "FAILED": "failed"}
    return {test: kinds[said[test.id]] for test in tests if test.id in said}


def run_process(tests, environment):
    """Results by test, why others are missing, and all that was printed."""
    with tempfile.TemporaryFile() as file:  # a grandchild that lives on would keep a pipe open
        command = [tests[0].program, FILTER + ":".join(test.id for test in tests), "--gtest_also_run_disabled_tests",
                   "--gtest_color=no"]
        process = subprocess.Popen(command, cwd=tests[0].folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=file, stderr=subprocess.STDOUT)
        try:
            process.wait(timeout=tests[0].limit + len(tests))
            why = f"exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            why = "took too long"
        file.seek(0)
        output = file.read().decode(errors="replace")
    return results_of(tests, output, process.returncode), why, output


def run_all(root, preset, tests, jobs, log, say):
    """Name of a test -> passed, skipped or failed; of every test given."""
    environment = preset_environment(root, preset)
    found, again, told = {}, [], []
    shares = share(tests)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for each, (results, why, output) in zip(shares, pool.map(lambda each: run_process(each, environment), shares)):
            log.write(output)
            failed = [test for test in each if results.get(test, "failed") == "failed"]
            again += failed
            found.update((test.name, results[test]) for test in each if test not in failed)
            if failed:
                started = STARTED.findall(output)
                told.append((failed, ", ".join(test.name for test in failed) if results else
                             f"a process of {len(each)} tests, the last of them {started[-1] if started else 'none'}, {why}"))
        alone = dict(zip(again, pool.map(lambda test: run_process([test], environment), again)))
    for test, (results, why, output) in alone.items():
        log.write(output)
        found[test.name] = results.get(test, "failed")
        if found[test.name] == "failed":
            say(f"{output.rstrip()}\n{preset}: failed: {test.name} ({why})")
    for failed, text in told:
        if not any(found[test.name] == "failed" for test in failed):
            say(f"{preset}: failed in a shared process and passed alone: {text}")
    return found
