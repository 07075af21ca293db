"""Runs envlock and uv by turns on the same recorded pages and prints medians and ratios. See resolve.sh."""

import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

ROUNDS = int(os.environ.get("ROUNDS", "7"))
# For uv, which would else look for one in every run: it asks an interpreter about the machine, and remembers.
PYTHON = os.environ.get("PYTHON", sys.executable)
FORMS = {"html": "HTML, ranges", "json": "JSON, .metadata"}
# The same requirements for both. torch and torchvision are pinned where CUDA 13.0 ends: uv does not look.
REQUIREMENTS = ["pip", "torch==2.14.1", "torchvision==0.29.1", "torch_geometric",
          "ray[default,data,train,tune,serve,client]", "pyzmq", "marimo"]
SPEC = """
[python]
version = "3.14.2"
source = "base"
[target]
glibc = "2.39"
[base]
runtime = "{registry}/base:v1"
devel = "{registry}/base:v1"
[groups.python]
packages = ["pip"]
"""
STACK = open(os.path.join(os.path.dirname(__file__), "stack.toml")).read()
SPEC += STACK.replace('"torch", "torchvision"', '"torch==2.14.1", "torchvision==0.29.1"')

if sys.argv[1:] == ["requirements"]:
    sys.exit(print("\n".join(REQUIREMENTS)))
ENVLOCK, UV, PLAIN, SECURE, CERTIFICATE, FOLDER = sys.argv[1:7]


def control(order):
    with urllib.request.urlopen(f"{PLAIN}control/{order}") as answer:
        return answer.read().decode()


def at(*parts):
    return os.path.join(FOLDER, *parts)


def emptied(*parts):
    shutil.rmtree(at(*parts), ignore_errors=True)
    os.makedirs(at(*parts))
    return at(*parts)


def timed(command, environment, directory):
    """Milliseconds, peak MiB, requests and milliseconds of processor time of one run."""
    control("count")
    with open(at("output.log"), "wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        wall = (time.perf_counter() - start) * 1000
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{open(at('output.log')).read()}")
    return wall, usage.ru_maxrss / 1024, int(control("count")), (usage.ru_utime + usage.ru_stime) * 1000


class Envlock:
    def __init__(self, form):
        self.form = form

    def run(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": at("home"), "SSL_CERT_FILE": CERTIFICATE,
                       "ENVLOCK_STORE": at("store"), "UV_DEFAULT_INDEX": f"{SECURE}{self.form}/simple/"}
        return timed([*self.command(), *arguments], environment, at("project"))

    def command(self):
        return [ENVLOCK, "resolve", "--quiet"]

    def forget_cache(self):
        emptied("store")

    def forget_answer(self):
        with open(os.path.join(emptied("project"), "envlock.toml"), "w") as spec:
            spec.write(SPEC.format(registry=PLAIN.removeprefix("http://").rstrip("/")))

    def again(self):
        return self.run("--upgrade", "pip")

    def packages(self):
        lines = open(at("project", "env.lock")).read()
        return lines.count("[[package]]")


class Uv:
    def __init__(self, form):
        self.form = form

    def run(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": at("home"), "SSL_CERT_FILE": CERTIFICATE,
                       "UV_PYTHON_DOWNLOADS": "never"}
        return timed([*self.command(), *arguments], environment, at("uv"))

    def command(self):
        return [UV, "pip", "compile", "requirements.in", "--python", PYTHON, "--python-version", "3.14.2",
                "--python-platform", "x86_64-manylinux_2_39", "--generate-hashes", "--only-binary", ":all:",
                "--no-config", "--quiet", "--default-index", f"{SECURE}{self.form}/simple", "--cache-dir",
                at("uv-cache"), "--output-file", "answer.txt"]

    def forget_cache(self):
        emptied("uv-cache")

    def forget_answer(self):
        with open(os.path.join(emptied("uv"), "requirements.in"), "w") as requirements:
            requirements.write("\n".join(REQUIREMENTS) + "\n")

    def again(self):
        return self.run("--upgrade-package", "pip")

    def packages(self):
        return sum("==" in line for line in open(at("uv", "answer.txt")))


def cold(tool):
    tool.forget_cache()
    tool.forget_answer()
    return tool.run()


def warm(tool):
    tool.forget_answer()
    return tool.run()


def with_lock(tool):
    tool.forget_cache()
    return tool.again()


def compared(form, delay, name, case, prepare=None):
    tools = [Envlock(form), Uv(form)]
    control("delay?ms=0")
    for tool in tools:
        cold(tool)
        if prepare:
            prepare(tool)
    control(f"delay?ms={delay}")
    runs = [[], []]
    for number in range(ROUNDS):
        for i in ((0, 1), (1, 0))[number % 2]:
            runs[i].append(case(tools[i]))
    ours, theirs = ([statistics.median(column) for column in zip(*rows)] for rows in runs)
    ratios = [a[0] / b[0] for a, b in zip(*runs)]
    packages = f"{tools[0].packages()}/{tools[1].packages()}"
    print(f"| {FORMS[form]} | {delay} ms | {name} | {ours[0]:.0f} ms | {theirs[0]:.0f} ms | **{ours[0] / theirs[0]:.2f}** "
          f"({min(ratios):.2f}–{max(ratios):.2f}) | {ours[3]:.0f} / {theirs[3]:.0f} ms | {ours[2]:.0f} / {theirs[2]:.0f} "
          f"| {ours[1]:.0f} / {theirs[1]:.0f} MiB | {packages} |", flush=True)


def check():
    control("delay?ms=0")
    tool = Envlock("html")
    cold(tool)
    runs = [tool.run("--check") for _ in range(ROUNDS * 3)]
    wall, peak, _, cpu = (statistics.median(column) for column in zip(*runs))
    print(f"\n`resolve --check`: {wall:.1f} ms ({cpu:.1f} ms of processor time), {max(r[2] for r in runs)} requests, {peak:.0f} MiB")


if __name__ == "__main__":
    wanted = os.environ.get("CASES", "cold,lock,warm").split(",")
    cases = {"cold": ("cold", cold), "lock": ("cold, with the previous lock", with_lock), "warm": ("warm", warm)}
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {ROUNDS} rounds, by turns; medians, ratio (least–most)\n")
    for tool in Envlock("html"), Uv("html"):
        print(f"    {shlex.join(tool.command())}")
    print("    with the previous lock: envlock … --upgrade pip; uv … --upgrade-package pip\n")
    print("| index | latency | run | envlock | uv | ratio | processor | requests | peak memory | packages |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for form in os.environ.get("INDEX", "html,json").split(","):
        for delay in os.environ.get("LATENCY", "0,30").split(","):
            for case in wanted:
                compared(form, int(delay), *cases[case])
    check()
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
