"""A real Gitea in a directory of its own, on the loopback."""

import base64
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ADMIN, DEVELOPER, STRANGER = "admin1", "dev", "stranger"
PASSWORD = "not-a-secret-of-anybody"
PATIENCE = 120

CONFIG = """\
APP_NAME = test
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {source}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {root}/gitea.db
SQLITE_JOURNAL_MODE = WAL
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
INTERNAL_TOKEN = {token}
[oauth2]
JWT_SECRET = {jwt}
[actions]
ENABLED = true
[service]
DISABLE_REGISTRATION = true
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
MODE = file
LEVEL = info
ROOT_PATH = {root}/log
"""


def wait(what, ready, patience=PATIENCE, pause=0.05):
    """Waits until `ready` gives something, and gives it."""
    until = time.monotonic() + patience
    while True:
        if got := ready():
            return got
        if time.monotonic() > until:
            raise AssertionError(f"waited {patience} s for {what}")
        time.sleep(pause)


class Refused(Exception):
    """The server answered with something else than success."""

    def __init__(self, status, text):
        super().__init__(f"HTTP {status}: {text[:300]}")
        self.status = status


class KeepRedirects(urllib.request.HTTPRedirectHandler):
    """A redirection is an answer."""

    def redirect_request(self, *_):
        return None


class Gitea:
    """The server."""

    def __init__(self, program, source, root):
        self.program, self.root = program, root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        os.makedirs(root)
        self.config = f"{root}/app.ini"
        word = lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        with open(self.config, "w") as file:
            jwt, token, secret = word(), word(), word()
            file.write(
                CONFIG.format(port=self.port, source=source, root=root, jwt=jwt, token=token, secret=secret)
            )
        self.process, self.tokens = None, {}

    def begin(self):
        """Starts it for the first time, and has people come."""
        self.start()
        self.command("admin", "user", "create", "--admin", "--username", ADMIN, *self.person(ADMIN))
        for name in (DEVELOPER, STRANGER):
            self.command("admin", "user", "create", "--username", name, *self.person(name))
        for name in (ADMIN, DEVELOPER, STRANGER):
            new = {"name": "test", "scopes": ["all"]}
            self.tokens[name] = self.api("POST", f"/users/{name}/tokens", new, who=name, token=False)["sha1"]

    @staticmethod
    def person(name):
        """Options for a new user."""
        return "--password", PASSWORD, "--email", f"{name}@t.example", "--must-change-password=false"

    def command(self, *args):
        """Runs a command of the server's program."""
        command = [self.program, "--config", self.config, "--work-path", self.root, *args]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.root)
        assert done.returncode == 0, f"gitea {args}: {done.stdout[-500:]} {done.stderr[-500:]}"
        return done.stdout

    def start(self):
        """Starts it and waits until it answers."""
        command = [self.program, "--config", self.config, "--work-path", self.root, "web"]
        log = open(f"{self.root}/stdout", "ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.root)
        wait("Gitea", self.answers)

    def answers(self):
        assert self.process.poll() is None, f"Gitea has ended: see {self.root}/stdout and log/"
        try:
            return urllib.request.urlopen(f"{self.url}/api/healthz", timeout=5).status == 200
        except OSError:
            return False

    def runs(self):
        """Whether its process does."""
        return self.process is not None and self.process.poll() is None

    def stop(self, kill=False):
        """Ends it, at once or in its own time."""
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait(60)

    def api(self, method, path, body=None, who=DEVELOPER, token=True, text=False):
        """Calls the API as somebody."""
        request = urllib.request.Request(f"{self.url}/api/v1{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        basic = base64.b64encode(f"{who}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"token {self.tokens[who]}" if token else f"Basic {basic}")
        try:
            answer = urllib.request.urlopen(request, timeout=60).read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None
        return answer if text else json.loads(answer or "null")

    def click(self, path, who=DEVELOPER, **fields):
        """What a person does who fills in a form and presses a button."""
        opener = urllib.request.build_opener(KeepRedirects, urllib.request.HTTPCookieProcessor())
        form = urllib.parse.urlencode({"user_name": who, "password": PASSWORD}).encode()
        for path, form in (("/user/login", form), (path, urllib.parse.urlencode(fields).encode())):
            try:
                opener.open(f"{self.url}{path}", form, timeout=60).read()
            except urllib.error.HTTPError as error:
                if error.code not in (302, 303):
                    raise Refused(error.code, f"{path} {error.read().decode(errors='replace')}") from None

    def rows(self, query, *values):
        """Looks into the database."""
        with sqlite3.connect(f"file:{self.root}/gitea.db?mode=ro", uri=True, timeout=30) as database:
            return database.execute(query, values).fetchall()


class Repository:
    """One of the developer's repositories, with a work tree."""

    def __init__(self, gitea, name, owner=DEVELOPER, private=False):
        self.gitea, self.owner, self.name = gitea, owner, name
        self.path = f"/repos/{owner}/{name}"
        where = "/user/repos" if owner == DEVELOPER else f"/orgs/{owner}/repos"
        gitea.api("POST", where, {"name": name, "private": private, "default_branch": "main"})
        self.tree = f"{gitea.root}/trees/{owner}-{name}"
        os.makedirs(self.tree)
        self.git("init", "-q", "-b", "main")

    def git(self, *args, who=DEVELOPER):
        """Runs git in the work tree."""
        person = ["-c", f"user.name={who}", "-c", f"user.email={who}@t.example"]
        basic = base64.b64encode(f"{who}:{self.gitea.tokens[who]}".encode()).decode()
        header = ["-c", f"http.extraHeader=Authorization: Basic {basic}", "-c", "protocol.file.allow=always"]
        done = subprocess.run(["git", *person, *header, *args], cwd=self.tree, capture_output=True, text=True)
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout.strip()

    def push(self, workflow=None, files=(), branch="main"):
        """Commits files, a workflow among them, and pushes; gives the commit."""
        files = dict(files)
        if workflow is not None:
            files[".gitea/workflows/ci.yml"] = workflow
        for path, text in files.items():
            path = os.path.join(self.tree, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        self.git("push", "-q", self.url(), f"HEAD:refs/heads/{branch}")
        # What comes of a push, comes after it.
        wait(f"{self.name} to have what was pushed", lambda: not self.gitea.api("GET", self.path)["empty"])
        return self.git("rev-parse", "HEAD")

    def url(self):
        """Where it is."""
        return f"{self.gitea.url}/{self.owner}/{self.name}.git"

    def runs(self):
        """Its runs, the newest first."""
        return self.gitea.api("GET", f"{self.path}/actions/runs")["workflow_runs"] or []

    def jobs(self, run):
        """The jobs of a run, by name."""
        jobs = self.gitea.api("GET", f"{self.path}/actions/runs/{run}/jobs")["jobs"] or []
        return {job["name"]: job for job in jobs}

    def started(self):
        """Waits for a job that runs; gives it."""
        running = lambda: [j for r in self.runs() for j in self.jobs(r["id"]).values() if j["status"] == "in_progress"]
        return wait(f"a job of {self.name} to run", running)[0]

    def ended(self, count=1, patience=PATIENCE):
        """Waits until as many runs are over; gives the jobs of the newest."""

        def over():
            runs = self.runs()
            if len([run for run in runs if run["status"] == "completed"]) < count:
                return None
            # Gitea calls a run with a failed job completed while others still wait.
            jobs = self.jobs(runs[0]["id"])
            return jobs if all(job["status"] == "completed" for job in jobs.values()) else None

        return wait(f"{count} runs of {self.name} to end", over, patience)

    def log(self, job):
        """The lines of a job's log, without their times."""
        text = self.gitea.api("GET", f"{self.path}/actions/jobs/{job['id']}/logs", text=True)
        return [line.partition(" ")[2] for line in text.splitlines()]

    def says(self, job, text):
        """Waits for a line of a job's log."""

        def said():
            try:
                return text in self.log(job)
            except Refused:
                # There is no log before its first line.
                return False

        wait(f"`{text}` in a log of {self.name}", said)
