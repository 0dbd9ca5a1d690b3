# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of nodes: started, kept running, changed, ended with all that they have started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import ansible
import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.resources import service
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import inside

from .conftest import LAB, Hamlet, shell, until

HOME = Path(f"/run/netvirt/{LAB}/services/forge")
WEB: dict[str, Any] = {
    "netns": "forge",
    "name": "smith.web",
    "command": ["python3", "-m", "http.server", "8123", "--bind", "127.0.0.1"],
    "files": {"index.html": "horseshoes\n"},
}


def lab(*services: dict[str, Any]) -> dict[str, Any]:
    return {"namespaces": [{"name": "forge"}], "services": list(services)}


def page(port: int = 8123, path: str = "") -> str:
    """Return what the service answers, '' if it does not."""
    try:
        with inside("forge"), urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=1) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def pid(pattern: str) -> int:
    """Return the one process of that command line."""
    found = shell(f"pgrep -f '{pattern}'").split()
    assert len(found) == 1
    return int(found[0])


def test_it_answers_is_kept_and_goes(hamlet: Hamlet) -> None:
    hamlet.changed(lab(WEB))
    until(lambda: page() == "horseshoes\n")
    first = pid("^python3 -m http.server 8123")
    assert os.stat(f"/proc/{first}/ns/net").st_ino == os.stat("/run/netns/forge").st_ino
    os.kill(first, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{first}").exists())
    until(lambda: page() == "horseshoes\n")
    assert hamlet.bring(lab(WEB)) == {}

    moved = {**WEB, "command": ["python3", "-m", "http.server", "8124"], "environment": {"LC_ALL": "C"}}
    shown = hamlet.changed(lab(moved))
    assert shown["before"] == {"service": {"forge/smith.web": {"command": WEB["command"], "environment": {}}}}
    until(lambda: page(8124) == "horseshoes\n")
    assert page() == ""
    hamlet.changed(lab({**moved, "files": {"deep/er.html": "nails\n"}}))
    until(lambda: page(8124, "deep/er.html") == "nails\n")

    hamlet.changed(lab())
    shell("pgrep -f '^python3 -m http.server'", code=1)
    assert not HOME.parent.exists()


def test_it_sees_what_it_should(hamlet: Hamlet) -> None:
    resolver = Path("/etc/netns/forge/resolv.conf")
    resolver.parent.mkdir(parents=True)
    resolver.write_text("nameserver 192.0.2.9\n")
    script = "cat /etc/resolv.conf; ls /sys/class/net; pwd; id -un; id -Gn; printenv WHO HOME; cat own; exec sleep 3600"
    hamlet.changed(
        lab({**WEB, "command": ["sh", "-c", script], "user": "nobody", "environment": {"WHO": "a 'b' $c"}, "files": {"own": "nuts\nbolts"}})
    )
    said = (HOME / "smith.web" / "log").read_text().splitlines()
    assert said == [
        "nameserver 192.0.2.9",
        "lo",
        str(HOME / "smith.web" / "files"),
        "nobody",
        "nogroup",
        "a 'b' $c",
        "/root",
        "nuts",
        "bolts",
    ]
    own = (HOME / "smith.web" / "files" / "own").stat()
    assert (oct(own.st_mode & 0o777), own.st_uid) == ("0o640", 0)
    resolver.unlink()
    resolver.parent.rmdir()
    resolver.parent.parent.rmdir()


def test_all_that_it_has_started_ends_with_it(hamlet: Hamlet) -> None:
    # One more in the same session, one in a session and a mount namespace of its own, and one that has forgotten its environment.
    script = "sleep 54321 & setsid unshare -m sleep 54322 & env -i sleep 54323 & wait"
    hamlet.changed(lab({**WEB, "command": ["sh", "-c", script]}))
    until(lambda: shell("pgrep -xfc 'sleep 5432.'").strip() == "3")
    hamlet.changed(lab())
    shell("pgrep -xf 'sleep 5432.'", code=1)


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        ("pkill -9 -f '^sh /run/netvirt/hamlet/services/'", "stopped"),
        ("pkill -9 -f '^sh /run/netvirt/hamlet/services/'; pkill -9 -f ^python3.*http.server", "stopped"),
        ("ip netns del forge", "stale"),
    ],
    ids=["supervisor killed", "all killed", "namespace gone"],
)
def test_it_is_noticed_and_started_again(hamlet: Hamlet, damage: str, state: str) -> None:
    web = {**WEB, "user": "nobody"}
    hamlet.changed(lab(web))
    until(page)
    shell(damage)
    assert hamlet.changed(lab(web))["before"]["service"] == {"forge/smith.web": {"state": state}}
    until(page)
    pid("^python3 -m http.server 8123")


def test_one_that_waits_for_its_next_start_is_started(hamlet: Hamlet, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    web = {**WEB, "command": ["sh", "-c", f"test ! -e {flag} && exec python3 -m http.server 8123"]}
    hamlet.changed(lab(web))
    until(page)
    flag.touch()
    os.kill(pid("^python3 -m http.server 8123"), signal.SIGKILL)
    until(lambda: (HOME / "smith.web" / "log").read_text().count("it has ended") >= 2)
    flag.unlink()
    assert hamlet.changed(lab(web))["before"]["service"] == {"forge/smith.web": {"state": "failing"}}
    until(page)


def test_one_that_needs_a_second_start_has_started(hamlet: Hamlet) -> None:
    hamlet.changed(lab({**WEB, "command": ["sh", "-c", "test -e been || { touch been; exit 1; }; exec python3 -m http.server 8123"]}))
    until(page)
    assert (HOME / "smith.web" / "log").read_text().count("it has ended") == 1


def test_those_that_end_at_once_say_why(hamlet: Hamlet) -> None:
    broken = [{**WEB, "name": name, "command": ["sh", "-c", f"echo {name} is out of coal; exit 3"]} for name in ("a", "b")]
    began = time.monotonic()
    with pytest.raises(LabError) as caught:
        hamlet.bring(lab(WEB, *broken, {**WEB, "name": "c", "directory": "/no/such"}))
    assert time.monotonic() - began < 15  # one budget for all: it would be six seconds for each
    problems = caught.value.problems  # type: ignore[attr-defined]
    assert [problem.splitlines()[0] for problem in problems] == [
        f"The service '{name}' in 'forge' does not keep running; it said:" for name in "abc"
    ]
    assert "b is out of coal" in problems[1]
    assert "/no/such" in problems[2]
    until(page)  # the others run
    shell("pgrep -f '^sh -c echo [ab] is out of coal'", code=1)
    assert hamlet.bring(lab(WEB, broken[0]), check=True)["before"]["service"]["forge/a"] == {"state": "stopped"}


def test_one_that_is_not_to_be_restarted(hamlet: Hamlet) -> None:
    once = {**WEB, "restart": False}
    hamlet.changed(lab(once))
    until(page)
    os.kill(pid("^python3 -m http.server 8123"), signal.SIGKILL)
    until(lambda: not shell("pgrep -f '^sh /run/netvirt' || true"))
    assert hamlet.changed(lab(once))["before"]["service"] == {"forge/smith.web": {"state": "stopped"}}


def test_a_run_that_was_killed(hamlet: Hamlet, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    for place, name in ((service, "_start"), (time, "sleep")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, die)
            with pytest.raises(KeyboardInterrupt):
                hamlet.bring(lab(WEB))
    assert hamlet.bring(lab(WEB)) == {}
    until(page)


def module(**options: Any) -> dict[str, Any]:
    """Run the module topology and return its answer."""
    arguments = {"ANSIBLE_MODULE_ARGS": options}
    place = Path(__file__).resolve().parents[3] / ".cache"
    environment = {**os.environ, "PYTHONPATH": f"{place}:{Path(ansible.__file__).parents[1]}"}
    name = "ansible_collections.netvirt.lab.plugins.modules.topology"
    done = subprocess.run(
        [sys.executable, "-m", name], input=json.dumps(arguments), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_by_the_module(hamlet: Hamlet) -> None:
    share = {"lab": LAB, **lab(WEB), "commands": [{"netns": "forge", "name": "smith", "commands": ["sleep 54321 &"]}]}
    assert module(share=share)["changes"] == {"create": 3, "update": 0, "replace": 0, "remove": 0}
    until(page)
    assert module(share=share)["changed"] is False
    assert module(lab=LAB, state="absent")["changes"]["remove"] == 4
    shell("pgrep -xf 'sleep 54321'", code=1)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"files": {"../../etc/passwd": ""}}, "has a file '../../etc/passwd'"),
        ({"name": "a/b"}, "'a/b' of 'forge' cannot be called that"),
        ({"command": []}, "has no command"),
        ({"user": "nobody-such"}, "the lab host has no user 'nobody-such'"),
    ],
)
def test_what_cannot_be(hamlet: Hamlet, wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(LabError, match=problem):
        hamlet.bring(lab({**WEB, **wrong}))
