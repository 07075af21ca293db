"""Specifiers and markers as envlock understands them, beside PyPI's `packaging`; run by ci/agree-with-packaging.sh.

Usage: agree-with-packaging.py PROGRAM SEED PAIRS MARKERS; PROGRAM is the example `agree`. Prints cases and differences;
exit 1 where one is not explained below.
"""

import collections
import operator
import random
import re
import subprocess
import sys

import packaging.markers
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

PACKAGINGS = packaging.markers._eval_op
program, seed, pairs, markers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rng = random.Random(seed)

RELEASES = ["0", "1", "1.0", "1.0.0", "1.1", "1.2", "1.10", "2", "2.0", "2.0.1", "2.14.1", "3.14", "3.14.2", "2026.1", "0.0.1", "1.0.0.0.1"]
PYTHONS = [f"3.{minor}.{patch}" for minor in range(7, 17) for patch in (0, 1, 2, 10)] + ["2.7.18", "4.0.0"]


def version():
    """A version, not always in its normal form."""
    text = rng.choice(RELEASES)
    if rng.random() < 0.08:
        text = rng.choice(["0!", "1!", "2!"]) + text
    if rng.random() < 0.25:
        text += rng.choice(["a", "b", "rc", "alpha", "c", ".pre", "-rc."]) + str(rng.randrange(4))
    if rng.random() < 0.2:
        text += rng.choice([".post", "post", "-", ".rev"]) + str(rng.randrange(4))
    if rng.random() < 0.2:
        text += rng.choice([".dev", "dev", "-dev"]) + str(rng.randrange(4))
    if rng.random() < 0.15:
        text += "+" + rng.choice(["cu130", "cpu", "1", "abc.1", "pt214cu130", "10", "2", "UPPER-case_x"])
    return text


def near(text):
    """Another version that differs in little, where mistakes are."""
    known = Version(text)
    release = list(known.release)
    kind = rng.randrange(9)
    if kind == 0:
        release[-1] += rng.choice([-1, 1])
        release[-1] = max(0, release[-1])
    if kind == 1:
        release.append(0)
    base = (f"{known.epoch}!" if known.epoch else "") + ".".join(map(str, release))
    pre = "".join(map(str, known.pre)) if known.pre else ""
    post = known.post
    if kind == 2:
        pre = rng.choice(["", "a0", "b1", "rc1"])
    if kind in (3, 4):
        post = None if post is not None and rng.random() < 0.4 else (post or 0) + rng.choice([0, 1])
    dev = known.dev
    if kind == 5:
        dev = None if dev is not None and rng.random() < 0.5 else (dev or 0) + rng.choice([0, 1])
    local = known.local
    if kind in (6, 7):
        local = rng.choice([None, "cu130", "0", "zzz.9"])
    return (
        base + pre + (f".post{post}" if post is not None else "") + (f".dev{dev}" if dev is not None else "") + (f"+{local}" if local else "")
    )


def specifier():
    chosen = rng.choice(["==", "!=", "<", "<=", ">", ">=", "~=", "==", "===", "==.*", "!=.*"])
    text = version()
    if chosen.endswith(".*"):
        return chosen[:2] + text.split("+")[0] + ".*", text
    if chosen in ("<", "<=", ">", ">=", "~=") and rng.random() < 0.9:
        text = text.split("+")[0]
    return chosen + rng.choice(["", " "]) + text, text


def specifiers():
    all_of_them = [specifier() for _ in range(rng.choice([1, 1, 1, 1, 2, 3]))]
    return rng.choice([",", ", ", " , "]).join(text for text, _ in all_of_them), rng.choice(all_of_them)[1]


VARIABLES = {
    "python_version": ["3.8", "3.13", "3.14", "3.14.1", "3.15", "3", "3.9.*", "4.0"],
    "python_full_version": ["3.14.2", "3.14.1", "3.14.10", "3.14.0rc1", "3.14.*", "3.13", "3.15.0a1"],
    "implementation_version": ["3.14.2", "3.14", "7.3.1"],
    "os_name": ["posix", "nt", "java"],
    "sys_platform": ["linux", "linux2", "win32", "darwin", "cygwin"],
    "platform_machine": ["x86_64", "aarch64", "arm64", "AMD64"],
    "platform_system": ["Linux", "Windows", "Darwin", "linux"],
    "platform_python_implementation": ["CPython", "PyPy"],
    "implementation_name": ["cpython", "pypy"],
    "extra": ["test", "Test", "te_st", "te-st", "all", "gpu"],
}
VERSIONS = ("python_version", "python_full_version", "implementation_version")
EXTRAS = ["", "test", "te-st", "all"]
ENVIRONMENT = {
    "implementation_name": "cpython",
    "implementation_version": "3.14.2",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.14.2",
    "python_version": "3.14",
    "sys_platform": "linux",
}


def comparison():
    variable = rng.choice(list(VARIABLES))
    value = rng.choice(VARIABLES[variable])
    operators = ["==", "!=", "in", "not in"]
    if variable in VERSIONS:
        operators += ["<", "<=", ">", ">=", "~=", "===", "<", ">="]
    elif variable != "extra" and rng.random() < 0.1:
        operators += ["<", ">="]
    chosen = rng.choice(operators)
    if chosen in ("in", "not in"):
        several = [rng.choice(VARIABLES[variable]) for _ in range(rng.randrange(1, 4))]
        value = rng.choice([" ", ", ", ","]).join(several)
    quote = rng.choice(["'", '"'])
    value = f"{quote}{value}{quote}"
    if rng.random() < 0.15:
        return f"{value} {chosen} {variable}"
    return f"{variable} {chosen} {value}"


def marker(depth=2):
    kind = rng.random()
    if depth == 0 or kind < 0.5:
        return comparison()
    left, right = marker(depth - 1), marker(depth - 1)
    joined = f"{left} {rng.choice(['and', 'or'])} {right}"
    return f"({joined})" if rng.random() < 0.4 else joined


def packagings_specifiers(text, versions, is_requirement):
    try:
        known = SpecifierSet(text)
    except InvalidSpecifier:
        return "E"
    bits = "".join("1" if known.contains(Version(v), prereleases=True) else "0" for v in versions)
    return bits + ("1" if known.prereleases else "0") if is_requirement else bits


def packagings_marker(text, extra):
    try:
        return "1" if Marker(text).evaluate({**ENVIRONMENT, "extra": extra}) else "0"
    except InvalidMarker:
        return "E"
    except (UndefinedComparison, UndefinedEnvironmentName):
        return "U"


def explained_specifier(text, versions, ours, theirs):
    """Why the two rightly differ; None: they must not."""
    if theirs == "E":
        return "packaging refuses the text; envlock mends what old packages wrote, as uv does"
    if "===" in text:
        return "=== compares spellings: 1.0 and 1.0.0 are one version in a set"
    return None


ORDERED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Otherwise:
    """packaging's evaluation of one comparison, with what envlock decides otherwise; notes what that was."""

    def __init__(self, extra):
        self.reasons, self.extra = set(), extra

    def __call__(self, lhs, op, rhs, *, key):
        text = op.serialize()
        value = self.extra if key == "extra" else ENVIRONMENT[key]
        literal, is_behind = (rhs, True) if lhs == value else (lhs, False)
        if key in VERSIONS and text in ("in", "not in"):
            self.reasons.add("`in` asks for a version, not for a part of a text (3.1 is no part of 3.14)")
            found = self.one_of(literal, value) if is_behind else self.begins(literal, value)
            return found == (text == "in")
        if key == "extra" and text in ("in", "not in"):
            self.reasons.add("`in` with extra asks for a name; without an extra none is meant, not a part of every text")
            names = re.split("[ ,]+", literal) if is_behind else [literal]
            names = [re.sub("[-_.]+", "-", name.lower()) for name in names]
            return (value != "" and value in names) == (text == "in")
        if key in VERSIONS and literal.endswith(".*"):
            self.reasons.add("X.* is read as X where it cannot stand, and a literal in front as if it were behind, as by uv")
            return self.starred(literal[:-2], text, value, is_behind)
        if key in VERSIONS and text == "~=" and not is_behind:
            self.reasons.add("`~=` with the literal in front is read as if it were behind, as by uv")
            return self.holds("~=" + literal, value)
        if key not in VERSIONS and text in ORDERED:
            self.reasons.add("text is ordered as text; packaging 26 orders none")
            return ORDERED[text](lhs, rhs)
        return PACKAGINGS(lhs, op, rhs, key=key)

    @staticmethod
    def one_of(several, version):
        return any(Version(version) in SpecifierSet("==" + one) for one in re.split("[ ,]+", several) if one)

    @staticmethod
    def begins(start, version):
        try:
            return Version(version) in SpecifierSet(f"=={Version(start)}.*")
        except (InvalidVersion, InvalidSpecifier):
            return False

    @staticmethod
    def starred(plain, text, value, is_behind):
        if not is_behind:
            text = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(text, text)
        star = ".*" if text in ("==", "!=", "===") else ""
        return Otherwise.holds(text[:2] + plain + star, value)

    @staticmethod
    def holds(text, version):
        try:
            return SpecifierSet(text).contains(version, prereleases=True)
        except InvalidSpecifier:
            # `~=3`: what the parser ignores holds.
            return True


def explained_marker(text, extra, ours, theirs):
    """Why the two rightly differ: the evaluation with what is decided otherwise gives our answer; None: it does not."""
    if theirs == "U":
        return "packaging has no answer: `~= 3`, `~=` with X.*"
    otherwise = Otherwise(extra)
    packaging.markers._eval_op = otherwise
    try:
        decided = packagings_marker(text, extra)
    finally:
        packaging.markers._eval_op = PACKAGINGS
    return " and ".join(sorted(otherwise.reasons)) if decided == ours and otherwise.reasons else None


def main():
    questions, expected, cases = [], [], 0
    while cases < pairs:
        text, about = specifiers()
        try:
            versions = [near(about) if rng.random() < 0.7 else version() for _ in range(8)]
            [Version(v) for v in versions]
        except InvalidVersion:
            continue
        questions.append("\t".join(["S", text, *versions]))
        expected.append((packagings_specifiers(text, versions, True), explained_specifier, (text, versions)))
        cases += len(versions)
        if rng.random() < 0.1:
            pythons = rng.sample(PYTHONS, 8)
            minor = rng.choice(["3.14", "3.14.1", "3.13", "3.9", "4", "3", "3.10.0", "3.14.2.post1", "3.15.0b1"])
            text = rng.choice([">=", "<", "<=", ">", "!=", "==", "~="]) + minor
            text += rng.choice(["", ".*"]) if text[:2] in ("==", "!=") else ""
            text += rng.choice(["", "", ", !=3.9.7", ",<3.15"])
            questions.append("\t".join(["P", text, *pythons]))
            expected.append((packagings_specifiers(text, pythons, False), explained_specifier, (text, pythons)))
            cases += len(pythons)
    for _ in range(markers):
        text, extra = marker(), rng.choice(EXTRAS)
        questions.append(f"M\t{text}\t{extra}")
        expected.append((packagings_marker(text, extra), explained_marker, (text, extra)))
    answers = subprocess.run([program], input="\n".join(questions) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(answers) == len(questions), (len(answers), len(questions))
    reasons, bad = collections.Counter(), []
    for ours, (theirs, explain, about) in zip(answers, expected):
        if ours == theirs:
            continue
        reason = explain(*about, ours, theirs)
        reasons[reason] += 1
        if reason is None:
            bad.append((about, ours, theirs))
    print(f"seed {seed}: {cases} pairs of specifiers and versions, {markers} markers")
    for reason, count in reasons.most_common():
        if reason is not None:
            print(f"  {count} differ: {reason}")
    for about, ours, theirs in bad[:40]:
        print(f"  UNEXPLAINED {about}: envlock {ours}, packaging {theirs}")
    print(f"{len(bad)} unexplained differences")
    return 1 if bad else 0


sys.exit(main())
