#!/usr/bin/env python3
"""Asks tandem and its peers the same questions, in turn, and prints who needs how much.

    bench/run.py --build-dir build                       every question, every contestant that is there
    bench/run.py --build-dir build --only http_fanout    one question
    bench/run.py --build-dir build --only timer --who raw,asio --runs 3

A question is a file name: bench/<question>.cpp asks tandem (program <build-dir>/bench/<question>),
bench/peers/<library>/<question>.* asks a library (program <build-dir>/bench/peers/<library>/<question>;
Python runs from the source folder; uvloop is asked by asyncio's sources). bench/peers/raw is the limit. The target
bench_programs builds them.

A program takes its work as arguments and prints one line of JSON per figure, more of them if it likes:

    {"bench":"timer","who":"asio","figure":"ns_per_timer","value":158.3,"unit":"ns"}

    http_fanout URL REQUESTS CONNECTIONS    cpu_s_per_100k_<C> s, user_us_per_request_<C> us,
                                            wall_s_per_100k_<C> s, peak_rss_mib_<C> MiB,
                                            errors_<C> (must be 0), body_bytes_per_request_<C> (must be 1024)
    blocking_get URL REQUESTS               wall_us_per_request, cpu_us_per_request us (one after the other),
                                            body_bytes_per_request (must be 1024)
    task_call CALLS                         ns_per_call ns
    task_spawn_join TASKS                   ns_per_task ns (groups of 1000)
    task_million TASKS                      ns_per_task ns, bytes_per_task B (resident, all of them alive)
    fiber_switch SWITCHES                   ns_per_switch, ns_per_get, ns_per_yield ns
    fiber_spawn_join FIBERS                 ns_per_call ns (one by one), ns_per_fiber ns (groups of 1000)
    fiber_live FIBERS                       ns_per_fiber ns, bytes_per_fiber B (resident, all of them alive)
    queue_hop ITEMS                         ns_per_item_channel_0, ns_per_item_queue_64, ns_per_item_queue_1 ns
    mutex LOCKS                             ns_per_free_lock, ns_per_hand_over ns (8 tasks, each keeps it for a turn)
    sleepers WAKE_UPS                       ns_per_wake_up ns (10,000 tasks, each sleeps 10 to 20 ms in a loop)
    gather CHILDREN                         ns_per_child ns (10,000 at once)
    cancel TASKS                            ns_per_task ns (cancel and join 100,000 that sleep; starting is free)
    call_detection CALLS                    ns_per_call_detected, ns_per_call_tagged, ns_per_call_static ns (one blocking body)
    semaphore PERMITS                       ns_per_free_permit, ns_per_hand_over ns (16 tasks share 4)
    bridge_call CALLS                       p50_<C>, p99_<C>, cpu_<C> ns of one call, C one_core and two_cores
    bridge_callers_16 CALLS                 calls_per_s 1/s, cpu_per_call ns (16 threads at once)
    bridge_forms CALLS                      ns_per_start_and_on_done, ns_per_refusal,
                                            ns_per_get_in_portal, ns_per_turn[_with_portal] ns
    timer WAITING PAIRS                     ns_per_timer ns (cancel the oldest, start one anew)

ns and s are CPU time, user and system, of the whole process, from getrusage; only wall_* is the wall's.
How the kernel divides CPU time into user and system may be an estimate, so user_* is less certain than
cpu_*. Memory is VmRSS and VmHWM of /proc/self/status. tandem's programs may add "backend":"uring" to a line.

Contestants alternate: one run of each, then the next run of each. Clients are pinned to one core, the server
(nginx, 1 KiB from memory, over loopback) to another. A ratio below 1 means: less than the limit, or than the
best peer (the least median that is neither the limit's nor tandem's), in this very session.
"""

import argparse
import contextlib
import dataclasses
import datetime
import html
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BODY_BYTES = 1024
LIMIT = "raw"
OURS = "tandem"
LIBRARIES = [LIMIT, OURS, "asio", "beast", "fiber", "libcurl", "tokio", "go", "aiohttp", "uvloop", "asyncio"]
SOURCES = {"uvloop": "asyncio"}  # of libraries that have no folder of their own
RUN_TIMEOUT_S = 600
URL, WORK = "URL", "WORK"


@dataclasses.dataclass(frozen=True)
class Question:
    starts: list  # the arguments of each start of a program
    work: int  # what WORK stands for in them
    work_in_python: int  # the same for peers in Python, which would take minutes otherwise


QUESTIONS = {
    "http_fanout": Question([[URL, WORK, 64], [URL, WORK, 256]], 200_000, 20_000),
    "blocking_get": Question([[URL, WORK]], 100_000, 20_000),
    "task_call": Question([[WORK]], 20_000_000, 1_000_000),
    "task_spawn_join": Question([[WORK]], 5_000_000, 200_000),
    "task_million": Question([[WORK]], 1_000_000, 1_000_000),
    "fiber_switch": Question([[WORK]], 10_000_000, 1_000_000),
    "fiber_spawn_join": Question([[WORK]], 2_000_000, 200_000),
    "fiber_live": Question([[WORK]], 100_000, 100_000),
    "queue_hop": Question([[WORK]], 10_000_000, 500_000),
    "mutex": Question([[WORK]], 10_000_000, 500_000),
    "call_detection": Question([[WORK]], 50_000_000, 1_000_000),
    "semaphore": Question([[WORK]], 10_000_000, 500_000),
    "sleepers": Question([[WORK]], 2_000_000, 200_000),
    "gather": Question([[WORK]], 5_000_000, 200_000),
    "cancel": Question([[WORK]], 2_000_000, 200_000),
    "bridge_call": Question([[WORK]], 300_000, 20_000),
    "bridge_callers_16": Question([[WORK]], 1_000_000, 50_000),
    "bridge_forms": Question([[WORK]], 300_000, 20_000),
    "timer": Question([[1_000_000, WORK]], 5_000_000, 1_000_000),
}
CHECKS = {"errors": 0, "body_bytes_per_request": BODY_BYTES}


@dataclasses.dataclass
class Contestant:
    library: str
    command: list
    work: int
    backend: str = ""
    who: str = ""  # by its own account
    values: dict = dataclasses.field(default_factory=dict)  # figure -> one value per run
    units: dict = dataclasses.field(default_factory=dict)  # figure -> unit
    failure: str = ""

    @property
    def name(self):
        who = self.who or self.library
        return f"{who} ({self.backend})" if self.backend not in ("", "auto") else who


def python_with(module):
    """A python3 that can import `module`; Debian's packages are there for Debian's own only."""
    for python in (sys.executable, "/usr/bin/python3"):
        probe = [python, "-c", f"import asyncio, {module}; asyncio.TaskGroup"]
        if shutil.which(python) and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return python
    return None


def find_contestants(question, build_dir, wanted, backends):
    work = QUESTIONS[question].work
    for library in LIBRARIES:
        if wanted and library not in wanted:
            continue
        if library == OURS:
            program = build_dir / "bench" / question
            source = HERE / f"{question}.cpp"
        else:
            program = build_dir / "bench" / "peers" / library / question
            source = next((HERE / "peers" / SOURCES.get(library, library)).glob(f"{question}.*"), None)
        if source is None:
            continue  # the library has no answer to this question
        if source.suffix == ".py":
            python = python_with(library)
            if python:
                yield Contestant(library, [python, str(source)], QUESTIONS[question].work_in_python)
            else:
                print(f"{question}: {library} is skipped: no python3 (3.11 or later) has a module {library}")
        elif not program.is_file():
            why = f"{program} is not there" if source.exists() else f"{source} is not written"
            print(f"{question}: {library} is skipped: {why}")
        elif library == OURS:
            for backend in backends:
                yield Contestant(library, [str(program)], work, backend)
        else:
            yield Contestant(library, [str(program)], work)


# Two threads that call each other choose their cores.
PLACE_THEMSELVES = {"bridge_call", "bridge_callers_16", "bridge_forms"}


def pinned(command, core):
    if core is None or not shutil.which("taskset"):
        return command
    return ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def nginx(core):
    """An nginx that answers every GET with the same 1 KiB; gives the URL."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if not program:
        raise SystemExit("http_fanout needs nginx (apt-get install nginx-light)")
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        os.chmod(folder, 0o755)
        root = pathlib.Path(folder)
        (root / "1k.txt").write_bytes(b"0123456789abcdef" * (BODY_BYTES // 16))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        temporary = "".join(
            f"  {kind}_temp_path {root}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # sendfile off: header and body then leave in one segment. open_file_cache: the file stays in memory.
        (root / "nginx.conf").write_text(
            f"""{"user root;" if os.geteuid() == 0 else ""}
daemon off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {root}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile off;
  open_file_cache max=16 inactive=1h;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  default_type text/plain;
{temporary}
  server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; }}
}}
""",
            encoding="utf-8",
        )
        command = [program, "-p", folder, "-c", str(root / "nginx.conf"), "-e", str(root / "error.log")]
        server = subprocess.Popen(pinned(command, core), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_port(server, port, root / "error.log")
            yield f"http://127.0.0.1:{port}/1k.txt"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for_port(server, port, log):
    for _ in range(100):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"nginx did not start: {log.read_text() if log.exists() else 'it left no log'}")


def run_once(contestant, arguments, question, core):
    """One start of one program; keeps its figures, or why there are none."""
    command = pinned([*contestant.command, *map(str, arguments)], core)
    environment = dict(os.environ, PYTHONPATH=str(HERE / "support"), PYTHONDONTWRITEBYTECODE="1")
    if contestant.library in SOURCES:
        environment["TANDEM_BENCH_LOOP"] = contestant.library
    if contestant.library == OURS and contestant.backend:
        environment["TANDEM_BACKEND"] = contestant.backend
    try:
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done after {RUN_TIMEOUT_S} s: {' '.join(command)}"
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return f"ended with status {result.returncode}: {last}"

    figures = 0
    for line in result.stdout.splitlines():
        try:
            entry = json.loads(line)
            figure, value, unit = entry["figure"], float(entry["value"]), entry["unit"]
        except (ValueError, KeyError, TypeError):
            return f"printed something other than a figure: {line[:200]}"
        if entry.get("bench") != question:
            continue
        check = CHECKS.get(figure.rstrip("0123456789").rstrip("_"))
        if check is not None:
            if value != check:
                return f"{figure} is {value:g}, not {check}"
            continue
        contestant.who = entry["who"]
        contestant.backend = entry.get("backend", contestant.backend)
        contestant.values.setdefault(figure, []).append(value)
        contestant.units[figure] = unit
        figures += 1
    return "" if figures else "printed no figure"


def ask(question, options):
    print()
    contestants = list(find_contestants(question, options.build_dir, options.who, options.backend))
    if not contestants:
        print(f"{question}: nobody to ask")
        return [], {}
    load_before = os.getloadavg()[0]
    server = nginx(options.server_core) if URL in QUESTIONS[question].starts[0] else contextlib.nullcontext("")
    with server as url:
        for number in range(options.runs):
            for contestant in contestants:
                if contestant.failure:
                    continue
                show_progress(f"{question}: run {number + 1} of {options.runs}, {contestant.name}")
                meaning = {URL: url, WORK: max(1, contestant.work // options.divide)}
                for start in QUESTIONS[question].starts:
                    arguments = [meaning.get(argument, argument) for argument in start]
                    core = None if question in PLACE_THEMSELVES else options.client_core
                    contestant.failure = run_once(contestant, arguments, question, core)
                    if contestant.failure:
                        break
    show_progress("")
    for contestant in contestants:
        if contestant.failure:
            print(f"{question}: {contestant.name} is left out: {contestant.failure}")
    circumstances = {"load_before": round(load_before, 2), "load_after": round(os.getloadavg()[0], 2)}
    return contestants, circumstances


def show_progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def compare(contestants):
    """figure -> one row per contestant that answered, in their order, with median, spread and ratios."""
    answered = [contestant for contestant in contestants if not contestant.failure]
    figures = {}
    for contestant in answered:
        for figure, values in contestant.values.items():
            figures.setdefault(figure, []).append({
                "name": contestant.name,
                "library": contestant.library,
                "unit": contestant.units[figure],
                "values": values,
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
            })
    for rows in figures.values():
        limit = next((row["median"] for row in rows if row["library"] == LIMIT), None)
        best_peer = min((row["median"] for row in rows if row["library"] not in (LIMIT, OURS)), default=None)
        for row in rows:
            row["to_limit"] = row["median"] / limit if limit else None
            row["to_best_peer"] = row["median"] / best_peer if best_peer else None
    return figures


def print_tables(question, figures):
    number = lambda value: f"{value:.4g}" if value < 10_000 else f"{value:.0f}"
    ratio = lambda value: "-" if value is None else f"{value:.2f}"
    for figure, rows in figures.items():
        width = max(len(row["name"]) for row in rows)
        print(f"\n{question}  {figure} [{rows[0]['unit']}]")
        print(f"  {'':{width}}  {'median':>9}  {'min - max':>19}  {'/ limit':>8}  {'/ best peer':>11}")
        for row in rows:
            spread = f"{number(row['min'])} - {number(row['max'])}"
            print(f"  {row['name']:{width}}  {number(row['median']):>9}  {spread:>19}  "
                  f"{ratio(row['to_limit']):>8}  {ratio(row['to_best_peer']):>11}")


def first_line(path, prefix):
    with contextlib.suppress(OSError):
        for line in pathlib.Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(prefix):
                return line[len(prefix):].strip(" \t:=\"")
    return ""


def output_of(*command):
    with contextlib.suppress(OSError):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return result.stdout.strip()
    return ""


def describe_machine(options):
    commit = output_of("git", "-C", str(HERE), "rev-parse", "--short=12", "HEAD") or "none yet"
    if output_of("git", "-C", str(HERE), "status", "--porcelain", "--untracked-files=no"):
        commit += " with changes"
    cache = options.build_dir / "CMakeCache.txt"
    compiler = next(filter(None, (first_line(cache, f"CMAKE_CXX_COMPILER:{kind}=") for kind in
                                  ("FILEPATH", "STRING", "UNINITIALIZED"))), "")
    return {
        "machine": f"{first_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "system": first_line("/etc/os-release", "PRETTY_NAME="),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "compiler": (output_of(compiler or "c++", "--version").splitlines() or ["unknown"])[0],
        "commit": commit,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "runs": options.runs,
        "client_core": options.client_core,
        "server_core": options.server_core,
    }


def backends_of(contestants):
    return sorted({contestant.backend or "auto" for contestant in contestants if contestant.library == OURS})


def write_json(path, question, contestants, figures, machine, circumstances, divide):
    document = {"bench": question, **machine, **circumstances, "backend": backends_of(contestants)}
    document["arguments"] = QUESTIONS[question].starts
    document["work"] = {contestant.name: contestant.work // divide for contestant in contestants}
    document["left_out"] = {c.name: c.failure for c in contestants if c.failure}
    document["figures"] = figures
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def write_svg(path, question, contestants, figures, machine):
    """Bars, one panel per figure. What is longer than eight times the least is cut, and its end is open."""
    row_height, panel_gap, left, bar_width, width = 20, 34, 170, 480, 860
    colors = {LIMIT: "#9aa0a6", OURS: "#1a73e8"}
    lines = []
    y = 46
    for figure, rows in figures.items():
        y += panel_gap
        lines.append(f'<text x="12" y="{y - 10}" class="head">{html.escape(figure)} '
                     f'[{html.escape(rows[0]["unit"])}], less is better</text>')
        longest = min(max(row["max"] for row in rows), 8 * min(row["median"] for row in rows)) or 1
        scale = bar_width / longest
        for row in rows:
            length = min(row["median"], longest) * scale
            middle = y + row_height / 2
            name = html.escape(row["name"])
            lines.append(f'<text x="{left - 8}" y="{middle + 4}" text-anchor="end">{name}</text>')
            lines.append(f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="{row_height - 6}" '
                         f'fill="{colors.get(row["library"], "#e8a33d")}"/>')
            text_at = left + length + 8
            if row["median"] > longest:
                lines.append(f'<path d="M{left + length - 14:.1f} {y + row_height} l8 -{row_height}" '
                             f'stroke="#fff" stroke-width="4"/>')
            elif row["max"] <= longest:
                low, high = left + row["min"] * scale, left + row["max"] * scale
                lines.append(f'<path d="M{low:.1f} {middle} H{high:.1f}" stroke="#202124"/>')
                text_at = max(text_at, high + 8)
            label = f'{row["median"]:.4g}'
            if row["to_limit"]:
                label += f'  ({row["to_limit"]:.2f} x limit)'
            lines.append(f'<text x="{text_at:.1f}" y="{middle + 4}">{label}</text>')
            y += row_height
    backend = ", ".join(backends_of(contestants)) or "-"
    about = (f'{machine["machine"]} · {machine["kernel"]} · backend {backend} · '
             f'commit {machine["commit"]} · {machine["date"]} · medians of {machine["runs"]}, spread as a line')
    height = y + 20
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">\n'
        "<style>text{font:12px sans-serif;fill:#202124}.head{font-weight:bold}.title{font-size:16px}"
        ".about{font-size:10px;fill:#5f6368}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        f'<text x="12" y="24" class="head title">{question}</text>\n'
        f'<text x="12" y="42" class="about">{html.escape(about)}</text>\n' + "\n".join(lines) + "\n</svg>\n",
        encoding="utf-8",
    )


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog="More at the top of this file.")
    listed = lambda text: [part for part in text.split(",") if part]
    parser.add_argument("--build-dir", type=pathlib.Path, required=True,
                        help="where bench_programs was built")
    parser.add_argument("--only", type=listed, default=list(QUESTIONS), metavar="QUESTION[,...]",
                        help=f"of {', '.join(QUESTIONS)}")
    parser.add_argument("--who", type=listed, default=[], metavar="LIBRARY[,...]",
                        help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--backend", type=listed, default=["auto"], metavar="BACKEND[,...]",
                        help="ask tandem once with each TANDEM_BACKEND: auto, uring, epoll, sim")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--divide", type=int, default=1, metavar="N", help="an Nth of the work, for a busy machine")
    parser.add_argument("--quick", action="store_true",
                        help="one run with a twentieth of the work, to see that all run; writes no results")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results", metavar="FOLDER")
    options = parser.parse_args()

    if unknown := [name for name in options.only if name not in QUESTIONS]:
        parser.error(f"--only: no question is called {unknown[0]}; there are {', '.join(QUESTIONS)}")
    if unknown := [name for name in options.who if name not in LIBRARIES]:
        parser.error(f"--who: no library is called {unknown[0]}; there are {', '.join(LIBRARIES)}")
    if options.runs < 1:
        parser.error(f"--runs is {options.runs}, the least is 1")
    if options.divide < 1:
        parser.error(f"--divide is {options.divide}, the least is 1")
    if options.quick:
        options.runs, options.divide = 1, 20 * options.divide
    options.build_dir = options.build_dir.resolve()
    cores = os.sched_getaffinity(0)
    if not {options.server_core, options.client_core} <= cores:
        print("the two cores are not both there: nothing is pinned, so clients and server share theirs")
        options.server_core = options.client_core = None
    return options


def main():
    options = parse_options()
    machine = describe_machine(options)
    print(" · ".join(str(machine[key]) for key in ("machine", "kernel", "compiler", "commit", "date")))
    if os.getloadavg()[0] > 0.5:
        print(f"the machine is busy (load {os.getloadavg()[0]:.2f}): trust the ratios, not the figures")
    failed = False
    for question in options.only:
        contestants, circumstances = ask(question, options)
        figures = compare(contestants)
        print_tables(question, figures)
        failed = failed or any(contestant.failure for contestant in contestants)
        if figures and not options.quick:
            options.results.mkdir(parents=True, exist_ok=True)
            result = options.results / question
            write_json(result.with_suffix(".json"), question, contestants, figures, machine, circumstances,
                       options.divide)
            write_svg(result.with_suffix(".svg"), question, contestants, figures, machine)
            print(f"\nwritten: {result}.json, {result}.svg")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
