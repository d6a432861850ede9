"""What a server answers with when it starts: real releases of a real application, under changing code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.digest import Digest
from assay.errors import InputError
from assay.releases import code
from assay.releases.file.scaffold import scaffold
from assay.releases.history.environments import point
from assay.releases.history.snapshots import Snapshots
from assay.releases.project import Project
from assay.rollouts.live.opening import here
from assay.rollouts.live.standing import Stand
from assay.rollouts.traffic.events import Deployed, RolledBack, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.transitions import Refused
from assay.stores.database import Database
from assay.stores.events import EventLog


class Place:
    """An application's folder with its state, and the servers that are started there."""

    def __init__(self, folder: Path) -> None:
        (folder / "docs").mkdir(parents=True)
        (folder / "docs" / "a.md").write_text("# A\n\nUploads are limited to 10 MB.\n")
        scaffold(folder / "app", folder / "docs", "handbook")
        self.file = folder / "app" / "assay.toml"
        self.database = Database.at(folder / "app" / ".assay" / "state.db")
        self.events = EventLog(self.database)
        self.log = TrafficLog(self.events, "production", point=point)

    @property
    def project(self) -> Project:
        return Project.load(self.file)

    def change(self, keep: int) -> Project:
        text = "\n".join(line for line in self.file.read_text().splitlines() if not line.startswith("keep = "))
        self.file.write_text(text.replace("[retrieval]", f"[retrieval]\nkeep = {keep}"))
        assert self.project.manifest.retrieval.keep == keep
        return self.project

    def stand(self) -> Stand:
        return Stand(self.project, self.database, self.log, self.events, by="me", clock=lambda: 5.0)

    def start(self, **more: Any) -> Any:
        stand = self.stand()
        return stand.settle(stand.find(**more))

    def kept(self, project: Project) -> str:
        self.stand().keep(project)
        return str(project.release.digest)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def other_code(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From here on the installed code is another."""

    def change() -> None:
        monkeypatch.setattr("assay.releases.release.installed", lambda: code.CodeVersion("9.9.9", Digest("f" * 64)))

    return change


def test_the_first_server_makes_the_files_release_live(place: Place) -> None:
    digest = str(place.project.release.digest)
    found = place.stand().find()
    assert place.log.version() == 0  # nothing is live before it is open and listens
    assert found.events == (Deployed(digest, "the first release", "me"),)
    standing = place.start()
    assert (standing.traffic.live, standing.notices) == (digest, ())
    assert Snapshots(place.database).find("live") == digest
    assert place.start().traffic.version == 1  # a second one finds it so


def test_a_changed_file_does_not_change_what_is_live(place: Place) -> None:
    live = place.start().traffic.live
    changed = place.change(3)
    standing = place.start()
    assert standing.traffic.live == live
    assert str(standing.live.release.digest) == live
    assert standing.live.manifest.retrieval.keep != 3
    (notice,) = standing.notices
    assert notice.startswith(f"assay.toml describes release {changed.release.short}, live is {live[:12]}")
    assert "assay rollout start" in notice


def test_it_can_be_deployed_at_once(place: Place) -> None:
    place.start()
    changed = place.change(3)
    standing = place.start(deploy="an emergency")
    assert standing.traffic.live == changed.release.digest
    assert place.log.entries()[-1].event == Deployed(str(changed.release.digest), "an emergency", "me")
    again = place.start(deploy="once more")
    assert "live already" in again.notices[0]
    assert again.traffic.version == 2


def test_nothing_is_deployed_while_traffic_is_being_moved(place: Place, make_plan: Any) -> None:
    live = place.start().traffic.live
    candidate = place.kept(place.change(3))
    place.log.append(place.log.traffic(), Started("r1", candidate, live, make_plan(), 0.05, "2026-Q4", "", "me"))
    with pytest.raises(Refused, match="r1 is under way"):
        place.stand().find(deploy="at once")
    assert place.start().traffic.rollout is not None


def test_other_code_under_the_live_release_is_another_release_and_is_said(
    place: Place, other_code: Callable[[], None]
) -> None:
    live = place.start().traffic.live
    other_code()
    standing = place.start()
    now = str(standing.live.release.digest)
    assert now != live
    assert place.log.entries()[-1].event == Deployed(now, f"the code under it changed from {live[:12]}", "me")
    assert standing.notices == ()  # the file describes that one


def test_under_a_rollout_other_code_ends_it_first(place: Place, make_plan: Any, other_code: Callable[[], None]) -> None:
    live = place.start().traffic.live
    candidate = place.kept(place.change(3))
    place.log.append(place.log.traffic(), Started("r1", candidate, live, make_plan(), 0.05, "2026-Q4", "", "me"))
    other_code()
    standing = place.start()
    back, deployed = (entry.event for entry in place.log.entries()[-2:])
    assert isinstance(back, RolledBack)
    assert (back.reason, back.decision.at) == ("unbuildable", 5.0)
    assert f"the code under the live release {live[:12]} changed" in back.decision.why
    assert isinstance(deployed, Deployed)
    assert standing.traffic.live == deployed.release == standing.live.release.digest


def test_a_candidate_that_cannot_be_built_ends_the_rollout(place: Place, make_plan: Any) -> None:
    live = place.start().traffic.live
    gone = "c" * 64
    place.log.append(place.log.traffic(), Started("r1", gone, live, make_plan(), 0.05, "2026-Q4", "", "me"))
    standing = place.start()
    assert standing.traffic.rollout is None
    (event,) = (entry.event for entry in place.log.entries()[2:])
    assert isinstance(event, RolledBack)
    assert "the candidate, release cccccccccccc, cannot be built" in event.decision.why


def test_a_live_release_that_cannot_be_built_says_the_way_out(place: Place) -> None:
    Snapshots(place.database)
    place.log.append(place.log.traffic(), Deployed("c" * 64, "", "me"))
    with pytest.raises(InputError, match=r"cccccccccccc.*cannot be built here.*--deploy WHY"):
        place.start()
    assert place.start(deploy="it is lost").traffic.live == place.project.release.digest


def test_what_was_live_before_there_were_events_is_what_is_live(place: Place) -> None:
    before = place.kept(place.project)
    Snapshots(place.database).name("live", before)
    place.change(3)
    standing = place.start()
    assert standing.traffic.live == before
    assert "assay rollout start" in standing.notices[0]


def test_who_is_overtaken_at_the_start_takes_what_is_there(place: Place) -> None:
    one, two = place.stand(), place.stand()
    first, second = one.find(), two.find()
    one.settle(first)
    assert two.settle(second).traffic.version == 1
    assert place.log.version() == 1


def test_what_is_recorded_is_for_the_present_file_to_say(place: Place) -> None:
    place.start()
    text = place.file.read_text()
    place.file.write_text(
        text.replace("[tracing]\n", "[tracing]\ncontent = false\n")
        if "[tracing]" in text
        else text + "\n[tracing]\ncontent = false\n"
    )
    standing = place.start()
    assert standing.live.manifest.tracing.content is True
    served = here(standing.live, place.project)
    assert served.manifest.tracing.content is False
    assert served.release.digest == standing.live.release.digest
