"""House rules that no tool knows: each reads one file and gives the lines that break it."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

Found = Iterator[tuple[int, str]]

CODE = ("idp/**.py", "portal/**.py")
TEMPLATES = ("templates/**", "portal/templates/**")
TESTS = ("tests/**test_*.py",)
LONGEST = 400
CLOCK_READERS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
NETWORK = {"socket", "socketserver", "smtplib", "http.client", "urllib.request", "ftplib", "asyncio"}
SKIPS = {"skip", "skipif", "xfail", "importorskip"}
CHECKING_VERBS = ("assert", "expect", "check", "must", "raises", "fail")


@dataclass(frozen=True)
class Rule:
    """One rule: what it says to whoever breaks it, which files it reads, and which it lets be."""

    says: str
    where: tuple[str, ...]
    find: Callable[[str, str], Found]
    but_not: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        return matches(path, self.where) and not matches(path, self.but_not)

    def broken_by(self, path: str, text: str) -> list[str]:
        return (
            [f"{path}:{line}: {what}: {self.says}" for line, what in self.find(path, text)] if self.covers(path) else []
        )


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern fits; as in fnmatch, a star also crosses folders."""
    return any(fnmatchcase(path, pattern.replace("**", "*")) for pattern in patterns)


def nodes(text: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(text))


def dotted(node: ast.AST) -> str:
    """`a.b.c` as it is written; empty for anything that is no plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def imported(text: str) -> Iterator[tuple[int, str]]:
    """Every module, and every name out of a module, that a file imports."""
    for node in nodes(text):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def environment(_: str, text: str) -> Found:
    for node in nodes(text):
        if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.getenv", "os.environb", "os.putenv"}:
            yield node.lineno, dotted(node)
    yield from ((line, name) for line, name in imported(text) if name in {"os.environ", "os.getenv", "os.environb"})


def time(_: str, text: str) -> Found:
    for node in nodes(text):
        if isinstance(node, ast.Attribute) and any(dotted(node).endswith(name) for name in CLOCK_READERS):
            yield node.lineno, dotted(node)
    yield from ((line, name) for line, name in imported(text) if name in {"time.time", "time.time_ns"})


def commit(_: str, text: str) -> Found:
    for node in nodes(text):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield node.lineno, ".commit()"


def printing(_: str, text: str) -> Found:
    for node in nodes(text):
        if isinstance(node, ast.Call) and dotted(node.func) in {"print", "pprint", "pprint.pprint"}:
            yield node.lineno, "print()"


def mocks(_: str, text: str) -> Found:
    for line, name in imported(text):
        if name.startswith(("unittest.mock", "mock", "pytest_mock")):
            yield line, name


def chance(_: str, text: str) -> Found:
    yield from ((line, name) for line, name in imported(text) if name == "random")


def sockets(_: str, text: str) -> Found:
    yield from ((line, name) for line, name in imported(text) if name in NETWORK)


def code_in_map(_: str, text: str) -> Found:
    body = ast.parse(text).body
    if not body or ast.get_docstring(ast.parse(text)) is None:
        yield 1, "no docstring"
    yield from ((node.lineno, "code") for node in body[1:])


def length(_: str, text: str) -> Found:
    lines = len(text.splitlines())
    if lines > LONGEST:
        yield LONGEST, f"{lines} lines"


def depth(path: str, _: str) -> Found:
    parts = PurePosixPath(path).parts
    deepest = 4 if parts[:2] == ("portal", "templates") else 3
    if len(parts) > deepest:
        yield 1, "too deep"


def unescaped(_: str, text: str) -> Found:
    yield from _lines(r"\|\s*safe\b|autoescape\s+false|\{%-?\s*endautoescape", text)


def inline(_: str, text: str) -> Found:
    """Event handlers, style attributes, and scripts with a body."""
    without_comments = re.sub(r"\{#.*?#\}", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.DOTALL)
    yield from _lines(r"\s(on[a-z]+|style)\s*=\s*[\"']|<script(?![^>]*\bsrc=)|<style\b|javascript:", without_comments)


def headings(path: str, text: str) -> Found:
    """A base has the one <h1>; a page that extends it fills its `heading` block; a part has neither."""
    count = len(re.findall(r"<h1\b", re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)))
    if "{% extends" in text:
        if count or not re.search(r"\{%-?\s*block heading\b", text):
            yield 1, f"{count} <h1> of its own, or no heading block"
    elif "<html" in text and count != 1:
        yield 1, f"{count} <h1>"
    elif "<html" not in text and "/macros/" not in f"/{path}" and count:
        yield 1, "<h1> in a part of a page"


def skips(_: str, text: str) -> Found:
    for node in nodes(text):
        if isinstance(node, ast.Attribute) and node.attr in SKIPS and dotted(node).startswith("pytest."):
            yield node.lineno, dotted(node)


def nothing_asserted(_: str, text: str) -> Found:
    """A test may leave the asserting to a function of the same file."""
    functions = [node for node in nodes(text) if isinstance(node, ast.FunctionDef)]
    asserting: set[str] = set()
    while more := {f.name for f in functions if any(_checks(node, asserting) for node in ast.walk(f))} - asserting:
        asserting |= more
    for test in functions:
        if test.name.startswith("test_") and test.name not in asserting:
            yield test.lineno, test.name


def index_addresses(_: str, text: str) -> Found:
    yield from _lines(
        r"^\s*(-i\b|--(extra-)?index-url|--find-links|--trusted-host)|\"resolved\"|://[^\s]*/simple\b", text
    )


def unfinished(_: str, text: str) -> Found:
    yield from _lines(r"\b(TODO|FIXME|XXX|lorem ipsum)\b", text)


def _checks(node: ast.AST, asserting: set[str]) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
    return name in asserting or name.removeprefix("_").startswith(CHECKING_VERBS)


def _lines(pattern: str, text: str) -> Found:
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.search(pattern, line, flags=re.IGNORECASE):
            yield number, found[0].strip()


RULES = {
    "environment": Rule(
        "the environment is read in idp/config.py (and the portal's settings) alone",
        CODE,
        environment,
        ("idp/config.py", "portal/settings.py"),
    ),
    "time": Rule("the time comes from idp.clock, so that tests can travel", ("idp/**.py",), time, ("idp/clock.py",)),
    "commit": Rule("writes go through db.write(), which commits", CODE, commit, ("idp/db.py",)),
    "printing": Rule("commands speak through click, everything else through the log", CODE, printing),
    "mocks": Rule(
        "a mock repeats the code; use the stand-ins that the product ships",
        (*CODE, "tests/**.py", "bench/**.py"),
        mocks,
    ),
    "chance": Rule("chance comes from idp.crypto; random is for invented people", CODE, chance, ("idp/directory/**",)),
    "sockets": Rule("the network is touched in idp/adapters alone", ("idp/**.py",), sockets, ("idp/adapters/**",)),
    "code in a map": Rule(
        "an __init__.py is the folder's map: a docstring and nothing else", ("*__init__.py",), code_in_map
    ),
    "length": Rule(
        "split it by noun",
        ("*.py", *TEMPLATES, ".ci/run", "Dockerfile", "assets/*.mjs", "assets/js/*"),
        length,
        ("migrations/versions/*",),  # what has run once is never split
    ),
    "depth": Rule("folders are one deep", (*CODE, *TEMPLATES, "tests/**", "migrations/**", "bench/**"), depth),
    "unescaped": Rule("what is shown is escaped", TEMPLATES, unescaped),
    "inline": Rule("the Content-Security-Policy refuses it, and it works without (R94)", TEMPLATES, inline),
    "headings": Rule("every page has exactly one <h1>", ("templates/**.html", "portal/templates/**.html"), headings),
    "skips": Rule("a test runs or is not there; what a machine lacks is said by dev.py", ("tests/**.py",), skips),
    "nothing asserted": Rule("a test without an assertion passes whatever happens", TESTS, nothing_asserted),
    "index addresses": Rule(
        "the package index is whatever pip and npm are configured with",
        (
            "requirements*",
            "assets/package*.json",
            "assets/.npmrc",
            "bench/peer/package*.json",
            "tests/interop/package*.json",
            "Dockerfile",
            ".ci/run",
            "setup.cfg",
            "pyproject.toml",
        ),
        index_addresses,
    ),
    "unfinished": Rule(
        "finish it, or leave it out",
        ("*.py", *TEMPLATES, "assets/scss/*", "assets/js/*"),
        unfinished,
        ("tests/house/rules.py", "tests/house/test_architecture.py"),
    ),
}
