#!/usr/bin/python3
"""Compares tandem with CPython's asyncio and with Trio: `run.py --help`."""

import argparse
import importlib.util
import sys
import time
import warnings

sys.dont_write_bytecode = True  # before our own modules: the source tree stays as it is

import case_files
import compare
import generate
import generate_scopes
import language


def main():
    parser = argparse.ArgumentParser(description="random scenarios on asyncio or Trio, and on tandem: compared")
    parser.add_argument("--program", default=compare.program_path(), help="tandem's side, differential_tandem_side")
    parser.add_argument("--trio", action="store_true", help="scenarios of scopes, shields and nurseries, judged by Trio")
    parser.add_argument("--count", type=int, default=1000, help="how many scenarios")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--file", help="compare the scenarios of a file instead")
    parser.add_argument("--cases", choices=("check", "write"), help="the hand-written scenarios of cases/ instead")
    parser.add_argument("--show", type=int, default=3, help="how many differences to shrink and print")
    options = parser.parse_args()

    if sys.version_info[:2] != (3, 11):
        print(f"run.py: the judge is CPython 3.11, this is {sys.version.split()[0]}: use Debian 12's /usr/bin/python3")
        return 77
    if options.trio and importlib.util.find_spec("trio") is None:
        print("run.py: scopes are judged by Trio: apt install python3-trio")
        return 77
    # What a hang leaves behind is destroyed with a complaint.
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    begun = time.monotonic()
    if options.cases:
        count, complaints = case_files.check(options.program, options.cases == "write")
        print("\n\n".join(complaints + [f"{count} hand-written scenarios, {len(complaints)} complaints"]))
        return 1 if complaints else 0
    if options.file:
        with open(options.file, encoding="utf-8") as text:
            scenarios = language.parse(text.read())
    else:
        scenarios = []
        for seed in range(options.seed, options.seed + options.count):
            head, scenario = (generate_scopes if options.trio else generate).generate(seed)
            scenarios.append((head + [f"seed={seed}"], scenario))
    differences, counts = compare.compare(options.program, scenarios)
    for difference in differences[:options.show]:
        print(compare.shrink(options.program, difference).text(), end="\n\n")
    met = " ".join(f"{name}:{count}" for name, count in sorted(counts.items(), key=lambda item: int(item[0].strip("DTR"))))
    print(f"{len(scenarios)} scenarios in {time.monotonic() - begun:.1f} s, {len(differences)} differ; "
          f"deviations met: {met or 'none'}")
    if differences:
        print("they differ: " + " ".join(" ".join(d.head) for d in differences[:20]))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
