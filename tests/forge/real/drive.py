"""Drives palisade's daemon with a real Gitea, and prints a table of what held.

usage: drive.py PALISADE GITEA SOURCE [SCENARIO…]
"""

import importlib
import shutil
import sys
import tempfile
import time
import traceback

from gitea import ADMIN, Gitea, Repository
from host import Host

PARTS = ("jobs", "content", "people", "trouble", "registrations", "speed")


class Stage:
    """What scenarios play on: a forge and a host that is registered there for the whole instance."""

    def __init__(self, palisade, root):
        self.palisade, self.root, self.hosts, self.gitea = palisade, root, [], None

    def begin(self, gitea, source):
        """Starts both."""
        self.gitea = Gitea(gitea, source, f"{self.root}/gitea")
        self.gitea.begin()
        self.host = self.new_host()
        # What it logs, it prints before.
        token = self.gitea.command("actions", "generate-runner-token").split()[-1]
        self.host.register(self.gitea.url, token, "main", "linux")
        self.host.start()

    def new_host(self, **options):
        """Another host."""
        self.hosts.append(Host(self.palisade, f"{self.root}/host{len(self.hosts)}", **options))
        return self.hosts[-1]

    def repository(self, name, **options):
        """A new repository."""
        return Repository(self.gitea, name, **options)

    def run(self, name, workflow, files=(), **options):
        """Pushes a workflow to a new repository; gives it and the jobs of its run, once that is over."""
        repository = self.repository(name, **options)
        repository.push(workflow, files)
        return repository, repository.ended()

    def token(self, scope):
        """A registration token: of an owner, a repository or the whole instance, as the API gives it."""
        who = ADMIN if scope.startswith("/admin") else "dev"
        return self.gitea.api("POST", f"{scope}/actions/runners/registration-token", who=who)["token"]

    def close(self):
        """Ends all of it."""
        for host in self.hosts:
            host.close()
        if self.gitea and self.gitea.runs():
            self.gitea.stop()


def main(palisade, gitea, source, *wanted):
    parts = {part: importlib.import_module(part).SCENARIOS for part in PARTS}
    known = [*parts, *(scenario.__name__ for scenarios in parts.values() for scenario in scenarios)]
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
    root = tempfile.mkdtemp(prefix="palisade-gitea-")
    stage, table = Stage(palisade, root), []
    try:
        stage.begin(gitea, source)
        for part, scenarios in parts.items():
            for scenario in scenarios:
                name = scenario.__name__
                if wanted and name not in wanted and part not in wanted:
                    continue
                start = time.monotonic()
                try:
                    held, note = True, scenario(stage) or ""
                except Exception as error:
                    held, note = False, repr(error)[-300:]
                    traceback.print_exc()
                seconds = time.monotonic() - start
                table.append((name.replace("_", " "), held, seconds, note))
                print(f"{name}: {'held' if held else 'DID NOT HOLD'} {seconds:.1f} s {note}", flush=True)
    finally:
        stage.close()
    print("\n| what | | seconds | |\n| --- | --- | --- | --- |")
    for name, held, seconds, note in table:
        print(f"| {name} | {'held' if held else '**did not hold**'} | {seconds:.1f} | {note} |")
    if all(held for _, held, _, _ in table):
        shutil.rmtree(root)
        return 0
    print(f"\nleft behind: {root}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
