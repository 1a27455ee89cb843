"""A build host: palisade with a state directory of its own."""

import json
import os
import signal
import subprocess

from gitea import wait

CONFIG = "[daemon]\ncapacity = 2\n"


class Host:
    """The host."""

    def __init__(self, program, root, config=CONFIG):
        self.program, self.root, self.daemon = program, root, None
        self.state = f"{root}/state"
        os.makedirs(f"{root}/config/palisade")
        with open(f"{root}/config/palisade/config.toml", "w") as file:
            file.write(config)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = {**kept, "HOME": root, "XDG_CONFIG_HOME": f"{root}/config"}

    def palisade(self, *args, text=None, code=0):
        """Runs a command of palisade's, which ends with this exit code; gives what it printed."""
        command = [self.program, args[0], *args[1:]]
        if args[0] in ("register", "unregister", "registrations", "status", "drain", "doctor"):
            command += ["--state", self.state]
        done = subprocess.run(command, input=text, capture_output=True, text=True, env=self.environment)
        assert done.returncode == code, f"{command}: exit code {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def register(self, url, token, name, labels, *options, code=0):
        """Registers it at a Gitea, which it finds to be one."""
        where = ["--instance", url, "--name", name, "--labels", labels]
        return self.palisade("register", *where, *options, text=token, code=code)

    def start(self):
        """Starts the daemon."""
        log = open(f"{self.root}/daemon.log", "ab")
        command = [self.program, "daemon", "--state", self.state]
        self.daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env=self.environment)

    def kill(self):
        """Ends the daemon as a crash would."""
        self.daemon.kill()
        self.daemon.wait()

    def close(self):
        """Ends the daemon, and what runs there."""
        if self.daemon and self.daemon.poll() is None:
            # One that drains, that cancels, that ends jobs at once.
            for _ in range(3):
                self.daemon.send_signal(signal.SIGTERM)
                try:
                    return self.daemon.wait(5)
                except subprocess.TimeoutExpired:
                    pass
            self.kill()

    def log(self):
        """What the daemon has said."""
        with open(f"{self.root}/daemon.log") as file:
            return file.read()

    def says(self, text, times=1):
        """Waits until it has said something so many times."""
        wait(f"the daemon to say `{text}`", lambda: self.log().count(text) >= times)

    def status(self):
        """How it stands."""
        return json.loads(self.palisade("status", "--json"))

    def idle(self):
        """Waits until it has no task any more."""
        wait("the daemon to be idle", lambda: not os.listdir(f"{self.state}/tasks"))

    def memory(self):
        """What the daemon holds in memory, in MiB."""
        with open(f"/proc/{self.daemon.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
