# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the project's checks, as many side by side as there are cores, and say how each went.

    .venv/bin/python tests/tools/run_checks.py [quick | all | NAME...]

The output of each check is in .cache/logs/NAME.log and shown when it fails. A check that measures time runs alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LOGS = CHECKOUT / ".cache" / "logs"
BIN = Path(sys.executable).parent
PYTEST = f"{BIN}/pytest --color=no"
HOST = f"exec tests/labhost once {{name}} --bind {sys.prefix} -- "
MOLECULE = f"{BIN}/molecule test -s "
ENVIRONMENT = {
    "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache"),
    "ANSIBLE_NOCOLOR": "1",
    "MYPY_CACHE_DIR": str(CHECKOUT / ".cache" / "mypy"),
    "COLUMNS": "200",  # molecule and rich wrap lines at 80 else
    "NO_COLOR": "1",
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(CHECKOUT / ".cache" / "pycache"),
    "PYTHONUNBUFFERED": "",  # with it, modules would be read from a pipe byte by byte
}
KEPT = 'XDG_CACHE_HOME="$PWD/.cache"'  # outside of simulated lab hosts, what a run keeps would stay on the machine
KERNEL_LAB_IMAGE = f"{KEPT} {BIN}/ansible-playbook -i molecule/kernel_lab/outer playbooks/site.yml --tags image"
IMAGES = f"{KEPT} {BIN}/ansible -i inventory/ovs_kvm lab_hosts --become -m netvirt.lab.image -a 'names=tiny,debian-12'"
HEARTBEAT = 60.0  # seconds
LIMIT = 1500  # seconds; a check that takes longer, and three times as long as it should, hangs and has failed
# pytest's closing line: '3 failed, 4 passed in 1.2s'.
CLOSING = re.compile(r"^\W*((?:(?:\d+ [a-z]+(?:, )?)+|no tests ran) in [\d.]+s)")


@dataclass(frozen=True)
class Check:
    """One command; ``after`` names the check that makes what it needs, ``alone`` wants no other beside it, ``extra`` is not in 'all'."""

    name: str
    command: str
    seconds: int
    quick: bool = False
    after: str = ""
    alone: bool = False
    extra: bool = False


def _below(names: Iterable[str], option: str = "") -> str:
    return " ".join(f"{option}tests/kernel/{name}" for name in names)


# Of about the same length, to run side by side, each in a lab host of its own; what is not named here is in kernel-labs.
KERNEL: dict[str, tuple[str, ...]] = {
    "kernel-network": ("links", "ovs", "services", "shaping", "test_examples.py", "test_interrupted.py"),
    "kernel-changes": ("changes", "machines"),
    "kernel-course": ("labs",),
    "kernel-nodes": ("node_work", "reach", "vm", "test_image_boot.py"),
}
CHECKS = (
    Check("ruff", f"{BIN}/ruff check . && {BIN}/ruff format --check .", 1, quick=True),
    Check("mypy", f"cd .cache && {BIN}/mypy --config-file ../pyproject.toml -p ansible_collections.netvirt.lab", 20, quick=True),
    Check("yamllint", f"{BIN}/yamllint --strict .", 3, quick=True),
    Check("unit", f"{PYTEST} tests/unit", 15, quick=True),
    Check("ansible-lint", f"{BIN}/ansible-lint --offline", 30),
    Check("docs", f"cd .cache/ansible_collections/netvirt/lab && {BIN}/antsibull-docs lint-collection-docs --plugin-docs .", 15),
    Check("changelog", f"{BIN}/antsibull-changelog lint", 2),
    Check("package", f"{PYTEST} tests/package", 10),
    Check("sanity", "tests/sanity/run", 60),
    # Simulated lab hosts have no network to fetch packages from: they share the machine's images.
    Check("images", IMAGES, 300),
    *(Check(name, f"{HOST}{PYTEST} -m 'not slow' {_below(names)}", 200, after="images") for name, names in KERNEL.items()),
    Check("kernel-labs", f"{HOST}{PYTEST} tests/kernel {_below(sum(KERNEL.values(), ()), '--ignore=')}", 200, after="images"),
    Check("molecule-default", f"{HOST}{MOLECULE}default", 60),
    Check("molecule-ovs_kvm", f"{HOST}{MOLECULE}ovs_kvm", 240, after="images"),
    Check("molecule-multi_host", f"{HOST}{MOLECULE}multi_host", 150, after="images"),
    Check("molecule-ovn", f"{HOST}{MOLECULE}ovn", 150, after="images"),
    # What takes minutes: guests where they are emulated, lab hosts that are lost or killed in every way.
    Check("slow-labs", f"{HOST}{PYTEST} -m slow tests/kernel/labs tests/kernel/machines", 1200, after="images", extra=True),
    # A lab inside a guest, for what this machine's kernel may lack.
    Check("image-kernel_lab", KERNEL_LAB_IMAGE, 120, extra=True),
    Check("molecule-kernel_lab", f"{HOST}{MOLECULE}kernel_lab", 840, after="image-kernel_lab", extra=True),
)


@dataclass(frozen=True)
class Outcome:
    check: Check
    code: int
    seconds: float

    @property
    def word(self) -> str:
        return "FAILED" if self.code else "ok"

    @property
    def log(self) -> Path:
        return LOGS / f"{self.check.name}.log"

    @property
    def closing(self) -> str:
        """Return the closing line of a pytest run, else nothing."""
        return next((found[1] for line in reversed(self.lines()) if (found := CLOSING.match(line))), "")

    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def failures(self) -> list[str]:
        """Return pytest's lines that name what failed."""
        return [line for line in self.lines() if line.startswith(("FAILED ", "ERROR tests/"))]

    def tail(self) -> list[str]:
        """Return what ansible-test calls an error, else the end of the log, where the failures are."""
        return [line for line in self.lines() if line.startswith(("ERROR: ", "FATAL: "))] or self.lines()[-80:]


def run(check: Check) -> Outcome:
    begin = time.monotonic()
    with (LOGS / f"{check.name}.log").open("w", encoding="utf-8") as log:
        environment = {**os.environ, **ENVIRONMENT}
        command = check.command.format(name=f"{check.name}-{os.getpid()}")
        # A simulated lab host ends with the process that started it.
        limit = max(LIMIT, 3 * check.seconds)
        limited = ["timeout", "--foreground", "--verbose", "--kill-after=30", str(limit), "/bin/sh", "-c", command]
        code = subprocess.call(limited, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    return Outcome(check, code, time.monotonic() - begin)


def chosen(names: list[str]) -> list[Check]:
    """Return the checks that the arguments mean and what they need, the longest first; 'kernel' means 'kernel-nodes' and so on."""
    known = {check.name: check for check in CHECKS}
    families = {name.partition("-")[0] for name in known}
    if unknown := [name for name in names if name not in (*known, *families, "quick", "all")]:
        raise SystemExit(f"No check '{unknown[0]}'; there are: quick, all, {', '.join(known)}")
    own = {check.name: {check.name, *(["quick"] if check.quick else [])} for check in CHECKS}
    for check in CHECKS:
        own[check.name].update(() if check.extra else ("all", check.name.partition("-")[0]))
    wanted = [check for check in CHECKS if own[check.name].intersection(names)]
    needed = [known[check.after] for check in wanted if check.after]
    return sorted({*wanted, *needed}, key=lambda check: (-check.seconds, check.name))


def startable(waiting: list[Check], running: Collection[Check]) -> Check | None:
    """Return the first of waiting that may start beside the running ones."""
    if any(check.alone for check in running):
        return None
    unfinished = {check.name for check in (*waiting, *running)}
    ready = [check for check in waiting if check.after not in unfinished]
    alone_only = all(check.alone for check in waiting) and not running
    return next((check for check in ready if alone_only or not check.alone), None)


class Report:
    """What is told while the checks run, and at the end."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.begin = time.monotonic()
        self.outcomes: list[Outcome] = []
        self.running: dict[str, float] = {}
        self.lock = threading.Lock()

    def run(self, check: Check) -> None:
        with self.lock:
            self.running[check.name] = time.monotonic()
            self.say(f"start  {check.name}")
        outcome = run(check)
        with self.lock:
            del self.running[check.name]
            self.outcomes.append(outcome)
            self.say(f"{outcome.word:6} {check.name}, {outcome.seconds:.0f} s {outcome.closing and f'({outcome.closing})'}")
            if outcome.code:
                print("".join(f"    | {line}\n" for line in outcome.tail()), end="", flush=True)

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.begin:4.0f} s, {len(self.outcomes)}/{self.total}] {text}".rstrip(), flush=True)

    def beat(self) -> None:
        with self.lock:
            now = time.monotonic()
            self.say("still  " + ", ".join(f"{name} ({now - since:.0f} s)" for name, since in self.running.items()))

    def summary(self) -> int:
        wrong = [outcome for outcome in self.outcomes if outcome.code]
        print(f"\n{'check':18} {'result':7} {'seconds':>7}  tests")
        for outcome in sorted(self.outcomes, key=lambda one: CHECKS.index(one.check)):
            print(f"{outcome.check.name:18} {outcome.word:7} {outcome.seconds:7.1f}  {outcome.closing}")
        print(f"\n{time.monotonic() - self.begin:.0f} s in all; logs in {LOGS.relative_to(CHECKOUT)}/")
        print("".join(f"{line}\n" for outcome in wrong for line in outcome.failures()), end="")
        if wrong:
            failed = [outcome.check.name for outcome in wrong]
            print(f"Failed: {', '.join(failed)}. One again: {Path(sys.executable)} tests/tools/run_checks.py {failed[0]}")
        print(f"checks: {len(self.outcomes) - len(wrong)} passed, {len(wrong)} failed", flush=True)
        return 1 if wrong else 0


def main() -> int:
    checks = chosen(sys.argv[1:] or ["all"])
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    report = Report(len(checks))
    running: dict[Future[None], Check] = {}
    lanes = max(2, os.cpu_count() or 2)
    with ThreadPoolExecutor(lanes) as pool:
        while checks or running:
            while len(running) < lanes and (check := startable(checks, running.values())):
                checks.remove(check)
                running[pool.submit(report.run, check)] = check
            done = wait(running, timeout=HEARTBEAT, return_when=FIRST_COMPLETED).done
            if not done:
                report.beat()
            for future in done:
                future.result()
                del running[future]
    return report.summary()


if __name__ == "__main__":
    sys.exit(main())
