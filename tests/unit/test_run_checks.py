# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of the checks: what it runs, in which order, and what it reads from a log."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.tests.tools import run_checks


@pytest.mark.parametrize(
    ("log", "closing"),
    [
        ("....\n4 passed in 0.11s\n", "4 passed in 0.11s"),
        ("===== 1 failed, 3 passed, 2 skipped in 12.50s =====\n", "1 failed, 3 passed, 2 skipped in 12.50s"),
        ("== 1 passed in 1.0s ==\nplay\n== 2 passed in 3.00s (0:00:03) ==\nINFO done\n", "2 passed in 3.00s"),
        ("  │ ====== 5 passed in 3.21s ======\n", "5 passed in 3.21s"),
        ("\nno tests ran in 0.02s\n", "no tests ran in 0.02s"),
        ("the test passed in 3s\nSuccess: no issues found in 49 source files\n", ""),
    ],
)
def test_pytests_closing_line_is_found(log: str, closing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_checks, "LOGS", tmp_path)
    outcome = run_checks.Outcome(run_checks.CHECKS[0], 0, 1.0)
    outcome.log.write_text(log, encoding="utf-8")
    assert outcome.closing == closing


def test_quick_is_part_of_all_and_names_can_be_given() -> None:
    everything = run_checks.chosen(["all"])
    quick = run_checks.chosen(["quick"])
    assert set(everything) == {check for check in run_checks.CHECKS if not check.extra}
    assert {check.name for check in quick} == {"ruff", "mypy", "yamllint", "unit"}
    assert [check.name for check in run_checks.chosen(["docs", "quick"])][-1] == "ruff"


def test_the_longest_starts_first() -> None:
    seconds = [check.seconds for check in run_checks.chosen(["all"])]
    assert seconds == sorted(seconds, reverse=True)


def test_what_a_check_needs_comes_with_it() -> None:
    assert [check.name for check in run_checks.chosen(["kernel-nodes"])] == ["images", "kernel-nodes"]
    assert run_checks.chosen(["kernel"])[0].name == "images"
    kernel = {"images", "kernel-network", "kernel-changes", "kernel-course", "kernel-nodes", "kernel-labs"}
    assert {check.name for check in run_checks.chosen(["kernel"])} == kernel
    assert {check.name for check in run_checks.chosen(["molecule-kernel_lab"])} == {"image-kernel_lab", "molecule-kernel_lab"}


def test_all_kernel_tests_are_run_once() -> None:
    words = [word for check in run_checks.CHECKS if check.name.startswith("kernel-") for word in check.command.split()]
    listed = [word for word in words if word.startswith("tests/kernel/")]
    ignored = [word.partition("=")[2] for word in words if word.startswith("--ignore=")]
    assert sorted(listed) == sorted(ignored) == sorted(set(listed))
    assert words.count("tests/kernel") == 1
    assert all((run_checks.CHECKOUT / path).exists() for path in listed)


PEAR = run_checks.Check("pear", "true", 9, after="plum")
PLUM = run_checks.Check("plum", "true", 5)
FIG = run_checks.Check("fig", "true", 7, alone=True)


@pytest.mark.parametrize(
    ("waiting", "running", "first"),
    [
        ([PEAR, FIG, PLUM], [], PLUM),  # what another waits for; alone comes last
        ([PEAR, FIG], [PLUM], None),
        ([PEAR, FIG], [], PEAR),
        ([FIG], [PEAR], None),
        ([FIG], [], FIG),
        ([PLUM], [FIG], None),
        ([], [], None),
    ],
)
def test_order(waiting: list[run_checks.Check], running: list[run_checks.Check], first: run_checks.Check | None) -> None:
    assert run_checks.startable(waiting, running) == first


def test_an_unknown_check_is_named() -> None:
    with pytest.raises(SystemExit, match="No check 'lint'; there are: quick, all, ruff"):
        run_checks.chosen(["ruff", "lint"])


@pytest.mark.parametrize(("command", "code", "shown"), [("echo fine", 0, []), ("echo sorry; exit 3", 3, ["sorry"])])
def test_a_failure_is_reported_with_its_end(
    command: str, code: int, shown: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_checks, "LOGS", run_checks.CHECKOUT / ".cache" / tmp_path.name)
    run_checks.LOGS.mkdir()
    check = run_checks.Check("invented", command, 1)
    monkeypatch.setattr(run_checks, "CHECKS", (check,))
    report = run_checks.Report(1)
    report.run(check)
    assert report.summary() == (1 if code else 0)
    said = capsys.readouterr().out
    assert [line.removeprefix("    | ") for line in said.splitlines() if line.startswith("    | ")] == shown
    assert said.splitlines()[-1] == ("checks: 0 passed, 1 failed" if code else "checks: 1 passed, 0 failed")
    run_checks.Outcome(check, code, 0).log.unlink()
    run_checks.LOGS.rmdir()
