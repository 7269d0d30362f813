"""dev.py's own promises: what it says, what it leaves alone, and that it leaves nothing running."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtools import demo, guide, ports, system, verbs
from devtools.children import PATIENCE, Children
from devtools.environment import WITH_CHECKS, Environment
from devtools.terminal import ROOT, Progress, StopError, run

ALIVE = "import time\nprint('here', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def until(true: Callable[[], bool]) -> bool:
    """Whether it comes true within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# Words


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verbs.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"python3 dev.py {verb}" in said for verb in ("demo", "test", "check", "bench", "lock"))


@pytest.mark.parametrize(
    "words", [[], ["demonstrate"], ["demo", "--port", "0"], ["demo", "--port", "x"], ["check", "it"]]
)
def test_words_that_mean_nothing_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verbs.main(words)
    assert ended.value.code == 2
    assert "usage: python3 dev.py" in capsys.readouterr().err


def test_it_runs_on_the_standard_library_alone() -> None:
    ask = "import devtools.verbs, sys; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {ask}"],
        capture_output=True,
        text=True,
        check=True,
    )
    foreign = set(json.loads(answer.stdout.replace("'", '"'))) - set(sys.stdlib_module_names) - {"devtools", "__main__"}
    assert not foreign


# Ports


def test_a_taken_port_is_said_with_its_use_its_holder_and_the_way_out(taken: int) -> None:
    with pytest.raises(StopError) as stop:
        ports.check_free([ports.Port(taken, "provider", "--port")])
    said = str(stop.value)
    assert f"Port {taken} is taken by process {os.getpid()}" in said
    assert "The provider needs it; --port picks another." in said
    assert stop.value.code == 1


def test_all_taken_ports_are_said_at_once(taken: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        second = other.getsockname()[1]
        with pytest.raises(StopError) as stop:
            ports.check_free([ports.Port(taken, "provider", "--port"), ports.Port(second, "portal", "--portal-port")])
    assert str(taken) in str(stop.value)
    assert str(second) in str(stop.value)


def test_a_port_that_was_just_given_back_is_free(taken: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        caller = socket.create_connection(("127.0.0.1", number))
        answerer, _ = listener.accept()
        answerer.close()  # whoever closes first keeps the port in TIME_WAIT
        caller.close()
    assert not ports.is_taken(number)
    assert ports.is_taken(taken)


def test_one_option_moves_every_port_of_the_demo() -> None:
    assert [port.number for port in demo.placed(6000, None, None).ports()] == [6000, 6001, 6025]
    assert [port.number for port in demo.placed(6000, 7001, None).ports()] == [6000, 7001, 6025]


def test_settings_of_a_real_installation_do_not_reach_the_demo() -> None:
    given = {"IDP_CONFIG": "/etc/guidon.toml", "DATABASE_URL": "postgresql://real/one", "LANG": "C.UTF-8"}
    env = demo.placed(6000, None, None).environment(given)
    assert "IDP_CONFIG" not in env
    assert env["DATABASE_URL"].startswith("sqlite:///")
    assert env["IDP_ISSUER"] == "http://localhost:6000"
    assert env["LANG"] == "C.UTF-8"


def test_whom_to_try_is_a_table_with_the_longest_part_last() -> None:
    rows = [
        {"shows": "everything goes well", "name": "Dana Example", "ssn": "900-00-0015", "totp_secret": None},
        {"shows": "no e-mail", "name": "Max", "ssn": None, "totp_secret": None},
    ]
    page = guide.page(issuer="http://p:1", portal="http://q:2", folder=Path("/var/demo"), people={"to_register": rows})
    assert "  http://p:1/demo/mailbox    the mails and letters that it sends" in page
    assert "To register\n  name          ssn          shows\n" in page
    assert "\n  Dana Example  900-00-0015  everything goes well\n" in page
    assert "totp" not in page, "a column with nothing in it"


# The environment


@pytest.fixture
def checkout(tmp_path: Path) -> Environment:
    """An environment that looks made, in a checkout with two lock files."""
    for lock in WITH_CHECKS:
        tmp_path.joinpath(lock).write_text(f"# {lock}\n")
    tmp_path.joinpath("setup.cfg").write_text("[metadata]\nversion = 1.0\n")
    made = Environment(tmp_path)
    made.python.parent.mkdir(parents=True)
    made.python.symlink_to(sys.executable)
    made.stamp.write_text(json.dumps(made.wanted(WITH_CHECKS)))
    return made


def test_nothing_is_installed_twice(checkout: Environment) -> None:
    assert checkout.is_ready(WITH_CHECKS)
    assert checkout.is_ready(WITH_CHECKS[:1]), "what holds more than was asked for is as good"


def test_a_changed_lock_file_is_installed_again(checkout: Environment) -> None:
    checkout.root.joinpath(WITH_CHECKS[0]).write_text("flask==0\n")
    assert not checkout.is_ready(WITH_CHECKS)
    assert checkout.stamped(), "the environment itself may stay"


def test_a_new_version_is_known_at_once(checkout: Environment) -> None:
    checkout.root.joinpath("setup.cfg").write_text("[metadata]\nversion = 1.1\n")
    assert not checkout.is_ready(WITH_CHECKS)


def test_the_tests_packages_are_missing_after_a_demo(checkout: Environment) -> None:
    checkout.stamp.write_text(json.dumps(checkout.wanted(WITH_CHECKS[:1])))
    assert checkout.is_ready(WITH_CHECKS[:1])
    assert not checkout.is_ready(WITH_CHECKS)


def test_an_installation_that_was_killed_is_made_anew(checkout: Environment) -> None:
    checkout.unfinished.touch()
    assert not checkout.is_ready(WITH_CHECKS)
    assert not checkout.is_sound()


@pytest.mark.parametrize("cut_off", ["", "{", "[]", '"x"'])
def test_a_stamp_that_was_cut_off_counts_as_none(checkout: Environment, cut_off: str) -> None:
    checkout.stamp.write_text(cut_off)
    assert checkout.stamped() == {}
    assert not checkout.is_ready(WITH_CHECKS)


def test_an_environment_without_its_python_is_not_sound(checkout: Environment) -> None:
    checkout.python.unlink()
    checkout.python.symlink_to("/nowhere/python3")
    assert not checkout.is_ready(WITH_CHECKS)
    assert not checkout.is_sound()


def test_an_environment_of_another_python_is_made_anew(checkout: Environment) -> None:
    stamped = checkout.stamped() | {"python": "3.10.1"}
    checkout.stamp.write_text(json.dumps(stamped))
    assert not checkout.is_ready(WITH_CHECKS)


def test_where_we_may_not_install_the_one_command_is_said() -> None:
    said = system.by_hand(["chromium"])
    if shutil.which("apt-get"):
        assert said.endswith('sh -c "apt-get update && apt-get install -y --no-install-recommends chromium"')
        assert said.startswith("sudo ") is (os.geteuid() != 0)
    else:
        assert said.endswith("chromium")
    assert system.venv_package() == f"python3.{sys.version_info.minor}-venv"


# Running things


def test_a_command_that_fails_is_shown_with_its_words() -> None:
    with pytest.raises(StopError) as stop:
        run(
            [sys.executable, "-c", "import sys; print('out'); sys.exit('because')"],
            doing="Trying",
            otherwise="Do this.",
        )
    said = str(stop.value)
    assert said.startswith("Trying failed")
    assert "out" in said
    assert "because" in said
    assert said.endswith("Do this.")


def test_progress_is_silent_at_first_and_then_tells_the_seconds() -> None:
    shown = io.StringIO()
    progress = Progress("Waiting", shown)
    progress.tick()
    assert shown.getvalue() == ""
    progress.began -= 3
    progress.tick()
    progress.tick()
    progress.end("done")
    assert shown.getvalue() == "Waiting ... 3 s\nWaiting: done (3 s)\n"


def test_a_child_that_dies_is_said_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Children(env=dict(os.environ), logs=tmp_path) as children:
        children.start("worker", [sys.executable, "-c", "print('the last words'); raise SystemExit(3)"])
        with pytest.raises(StopError, match=r"(?s)The worker ended by itself \(code 3\).*the last words"):
            children.watch()


def test_children_and_their_children_are_stopped(tmp_path: Path) -> None:
    parent = (
        f"import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', {ALIVE!r}]).pid, flush=True)\n{ALIVE}"
    )
    with Children(env=dict(os.environ), logs=tmp_path) as children:
        children.start("server", [sys.executable, "-c", parent])
        log = tmp_path / "server.log"
        assert until(lambda: log.exists() and log.read_text().count("here") == 2)
        pids = [children.running[0].process.pid, int(log.read_text().split()[0].replace("here", ""))]
        assert all(is_running(pid) for pid in pids)
        began = time.monotonic()
    assert until(lambda: not any(is_running(pid) for pid in pids))
    assert time.monotonic() - began < PATIENCE / 2, "they were killed, not asked"


def test_a_child_that_will_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{ALIVE}"
    with Children(env=dict(os.environ), logs=tmp_path, patience=0.3) as children:
        children.start("server", [sys.executable, "-c", deaf])
        assert until(lambda: (tmp_path / "server.log").read_text() == "here\n")
        pid = children.running[0].process.pid
    assert not is_running(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_however_the_demo_ends_no_child_is_left(tmp_path: Path, number: signal.Signals) -> None:
    program = textwrap.dedent(f"""
        import os, pathlib, sys
        from devtools.children import Children, StoppedError, listen
        listen()
        try:
            with Children(env=dict(os.environ), logs=pathlib.Path({str(tmp_path)!r})) as children:
                children.start("server", [sys.executable, "-c", {ALIVE!r}])
                print(children.running[0].process.pid, flush=True)
                children.watch()
        except StoppedError:
            print("stopped", flush=True)
    """)
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert until(lambda: (tmp_path / "server.log").read_text() == "here\n")
        parent.send_signal(number)
        said = parent.stdout.read()
    assert until(lambda: not is_running(child))
    if number is not signal.SIGKILL:
        assert (said, parent.returncode) == ("stopped\n", 0)
