"""The hand-written scenarios of cases/: each file holds one scenario and what each side makes of it.

`--- both` where they agree, `--- asyncio` (or `--- trio`) and `--- tandem` where a deviation is shown. asyncio's part is
CPython as it is, Trio's is Trio as it is, without any rule.
"""

import pathlib

import compare
import language

FOLDER = pathlib.Path(__file__).parent / "cases"


def sections(judge, judges_trace, tandem_trace):
    if judges_trace == tandem_trace:
        return "\n".join(["--- both", *tandem_trace]) + "\n"
    return "\n".join([f"--- {judge}", *judges_trace, "--- tandem", *tandem_trace]) + "\n"


def check(program, write):
    """The complaints."""
    paths = sorted(FOLDER.glob("*.txt"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    scenarios = [language.parse(text.partition("--- ")[0])[0] for text in texts]
    complaints = []
    for path, text, (head, scenario), tandem_trace in zip(paths, texts, scenarios,
                                                         compare.on_tandem(program, scenarios)):
        source = text.partition("--- ")[0]
        judge = "trio" if head[0] in compare.TRIO else "asyncio"
        judges_trace, _ = compare.on_judge("trio as it is" if judge == "trio" else "asyncio", scenario, None)
        ruled_trace, _ = compare.on_judge(head[0], scenario, tandem_trace)
        now = source + sections(judge, judges_trace, tandem_trace)
        if ruled_trace != tandem_trace:
            complaints.append(compare.Difference(head, scenario, ruled_trace, tandem_trace).text())
        if write:
            path.write_text(now, encoding="utf-8")
        elif now != text:
            complaints.append(f"{path.name} should read\n{now}")
    return len(paths), complaints
