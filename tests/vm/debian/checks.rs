//! What is checked in the Debian machine: palisade as its package and systemd run it, with the scripted forge beside it. Each
//! line that matters starts with "vm: ".

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use palisade_tests::forge::{Conclusion, Forge, Job, REGISTRATION_TOKEN, TaskRecord};

/// After this a wait fails: nothing takes so long, also under emulation.
const PATIENCE: Duration = Duration::from_mins(3);
/// What the daemon's unit may be exposed at most by `systemd-analyze security`.
const EXPOSURE: f64 = 2.0;
const PACKAGE: &str = "/checks/palisade.deb";
const CONFIG: &str = "/etc/palisade/config.toml";

/// What is checked, and its name.
type Check = (&'static str, fn(&Forge));

fn main() {
    println!("{}", done("uname -r; systemctl --version | head -n 1"));
    let forge = Forge::start();
    let checks: &[Check] = &[
        ("install", install),
        ("register", register),
        ("exposure", exposure),
        ("job", job),
        ("apart", apart),
        ("queue", queue),
        ("memory-bomb", memory_bomb),
        ("fork-bomb", fork_bomb),
        ("reload", reload),
        ("restart-drains", restart_drains),
        ("kill", kill),
        ("kill-launcher", kill_launcher),
        ("watchdog", watchdog),
        ("stop", stop),
        ("journal", journal),
        ("again", again),
        ("purge", purge),
        ("install-script", install_script),
    ];
    let begun = Instant::now();
    for (name, check) in checks {
        match catch_unwind(AssertUnwindSafe(|| check(&forge))) {
            Ok(()) => println!("vm: ok {name} ({} s)", begun.elapsed().as_secs()),
            Err(_) => {
                println!(
                    "vm: FAILED {name}\n{}",
                    output("journalctl -u palisade -u palisade-jobs --no-pager | tail -n 60")
                );
                // Without these two nothing else can be.
                if ["install", "register"].contains(name) {
                    break;
                }
            }
        }
    }
    println!("vm: violations {:?}", forge.violations());
    println!("vm: done");
}

fn install(_: &Forge) {
    done(&format!("apt-get install -y {PACKAGE}"));
    done("getent passwd palisade && test -e /usr/share/man/man1/palisade-daemon.1.gz && palisade --version");
    assert_eq!(output("systemctl is-enabled palisade"), "disabled");
    assert_eq!(output("systemctl is-active palisade"), "inactive");
}

fn register(forge: &Forge) {
    let url = forge.url();
    done(&format!(
        "echo {REGISTRATION_TOKEN} | palisade register --instance {url} --labels host --name build"
    ));
    drop_in("credential", "SetCredential=palisade.other:abc");
    done("systemctl enable --now palisade");
    assert_eq!(output("systemctl is-active palisade palisade-jobs"), "active\nactive");
    done("palisade status");
    // One whose name the daemon has to look up, with what its unit leaves it of the host.
    done("grep -q localhost /etc/hosts || echo 127.0.0.1 localhost >>/etc/hosts");
    let url = url.replace("127.0.0.1", "localhost");
    done(&format!(
        "echo {REGISTRATION_TOKEN} | palisade register --instance {url} --labels other --name named"
    ));
    says(&format!("waiting for jobs\" runner=named forge={url}"));
}

fn exposure(_: &Forge) {
    let [daemon, jobs] = ["palisade", "palisade-jobs"].map(|unit| {
        let text = done(&format!("systemd-analyze security {unit} --no-pager"));
        let open = text.lines().filter(|line| line.contains('✗')).collect::<Vec<_>>().join("\n");
        let last = text.lines().last().unwrap_or_default();
        println!("{open}\n{last}");
        last.split(' ').find_map(|word| word.parse::<f64>().ok()).expect("a number")
    });
    println!("vm: exposure {daemon} of the daemon, {jobs} of jobs");
    assert!(daemon <= EXPOSURE);
}

/// Changes the daemon's unit.
fn drop_in(name: &str, line: &str) {
    std::fs::create_dir_all("/run/systemd/system/palisade.service.d").expect("a directory");
    let path = format!("/run/systemd/system/palisade.service.d/{name}.conf");
    std::fs::write(path, format!("[Service]\n{line}\n")).expect("a file");
    done("systemctl daemon-reload");
}

/// Runs a job and gives what the forge has of it.
fn run(forge: &Forge, script: &str) -> TaskRecord {
    let task = forge.enqueue(Job::script(script));
    forge.closed(task)
}

fn job(forge: &Forge) {
    let record = run(forge, "echo hello; id");
    println!("{}", record.log());
    assert!(record.log().contains("limits: held: cgroup v2"));
    // Debian 12's kernel.
    if output("uname -r").starts_with("6.1.") {
        assert!(record.log().contains("landlock: degraded: ABI 2: files; held by one layer alone, since this kernel's Landlock can't: cutting files"));
    }
    // What the service can isolate, as it sees it: the unit of jobs with another command, which looks at registrations too.
    done(
        "sed -e 's/^Type=.*/Type=oneshot/; /^Restart/d; /^Runtime/d; /^Inaccessible/d; s/^ExecStart=.*/ExecStart=palisade doctor/' \\
             -e 's/^UMask=.*/StandardOutput=file:\\/run\\/doctor/' \\
             /usr/lib/systemd/system/palisade-jobs.service >/run/systemd/system/doctor.service; systemctl start doctor; true",
    );
    let doctor = done("cat /run/doctor; rm /run/systemd/system/doctor.service; systemctl daemon-reload");
    println!("{doctor}");
    assert!(doctor.lines().any(|line| line.starts_with("ok    cgroup")));
    assert!(!doctor.lines().any(|line| line.starts_with("fail")));
}

/// What the two units can't reach of each other's.
fn apart(_: &Forge) {
    let inside = |unit: &str, script: &str| {
        let pid = output(&format!("systemctl show --property MainPID --value {unit}"));
        output(&format!("nsenter --mount --target {pid} sh -c '{script}' 2>&1"))
    };
    let state = "/var/lib/palisade";
    // Root, whom no mode stops, sees what the unit has put there.
    assert_eq!(inside("palisade-jobs", &format!("ls -A {state}/registrations")), "");
    assert_eq!(inside("palisade", &format!("ls {state}/registrations")), "build.json\nnamed.json");
    for path in ["daemon", "queue", "registrations"] {
        let said = inside("palisade-jobs", &format!("touch {state}/{path}/x"));
        assert!(said.contains("Read-only") || said.contains("denied"), "{path}: {said}");
    }
    done(&format!("install -D -o palisade -m 600 /etc/hostname {state}/seal/1"));
    assert_eq!(inside("palisade", &format!("ls -A {state}/seal")), "");
    assert_eq!(inside("palisade-jobs", &format!("ls -A {state}/seal")), "1");
    done(&format!("rm {state}/seal/1"));
    let credentials = "ls -A /run/credentials/palisade.service";
    assert_eq!(inside("palisade", credentials), "palisade.other");
    assert!(inside("palisade-jobs", credentials).contains("No such file"));
    let cgroups = output("cat /sys/fs/cgroup/system.slice/palisade.service/cgroup.procs | wc -l");
    assert_eq!(cgroups, "1", "the daemon starts nothing itself");
}

/// Somebody of the group submits.
fn queue(_: &Forge) {
    done("useradd --create-home --groups palisade dev");
    done(
        "cd /home/dev && runuser -u dev -- sh -ec 'git init -q demo; cd demo; mkdir -p .forgejo/workflows
         printf \"on: push\\njobs:\\n  hello:\\n    runs-on: host\\n    steps:\\n      - uses: actions/checkout@v4\\n      - run: cat greeting\\n\" >.forgejo/workflows/ci.yml
         echo hello from here >greeting; git add .; git -c user.name=dev -c user.email=dev@localhost commit -qm first'",
    );
    let said = done("cd /home/dev/demo && runuser -u dev -- palisade submit");
    println!("{said}");
    wait("the run", || {
        let said = output("cd /home/dev/demo && runuser -u dev -- palisade jobs");
        said.contains("success") || said.contains("failure")
    });
    // Root may too, and nobody else.
    let said = done("palisade logs 1");
    assert!(said.contains("hello from here"), "{said}");
    let said = output("runuser -u nobody -- palisade jobs 2>&1");
    assert!(said.contains("may not connect"), "{said}");
}

fn memory_bomb(forge: &Forge) {
    configure("memory = \"64M\"\nprocesses = 100");
    let record = run(forge, "echo begun; x=$(head -c 300M /dev/zero | tr '\\0' x); echo ${#x}");
    println!("{}", record.log());
    assert_eq!(record.conclusion(), Some(Conclusion::Failure));
    assert!(record.log().contains("the job's memory was used up"));
}

fn fork_bomb(forge: &Forge) {
    let record = run(forge, "bomb() { bomb | bomb & }; bomb; sleep 3; echo over");
    assert!(record.log().contains("the job had all the processes that it may have"));
    assert_eq!(run(forge, "echo hello").conclusion(), Some(Conclusion::Success));
}

/// Sets limits of the sandbox.
fn configure(limits: &str) {
    std::fs::write(CONFIG, format!("[sandbox.limits]\n{limits}\n")).expect("the configuration is written");
    done("systemctl reload palisade");
    says("the configuration was read again");
}

fn reload(forge: &Forge) {
    std::fs::write(CONFIG, "[daemon]\ncapacity = \"many\"\n").expect("the configuration is written");
    done("systemctl reload palisade");
    says("the configuration is invalid");
    // The daemon's word counts, not the file's.
    assert_eq!(run(forge, "echo hello").conclusion(), Some(Conclusion::Success));
    assert_eq!(output("systemctl is-active palisade"), "active");
    configure("processes = 1000");
}

const SLOW: &str = "echo begun\nfor i in $(seq 50); do echo tick $i; sleep 0.1; done\necho done";

fn restart_drains(forge: &Forge) {
    let task = forge.enqueue(Job::script(SLOW));
    forge.row(task, "begun");
    let before = main_pid();
    done("systemctl restart palisade");
    assert_ne!(main_pid(), before);
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
}

fn kill(forge: &Forge) {
    let task = forge.enqueue(Job::script(SLOW));
    forge.row(task, "tick 3");
    let (before, launcher) = (main_pid(), launcher_pid());
    done(&format!("kill -9 {before}"));
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    let ticks = record.rows.iter().filter(|row| row.content.starts_with("tick ")).count();
    assert_eq!(ticks, 50, "{}", record.log());
    assert_ne!(main_pid(), before);
    assert_eq!(launcher_pid(), launcher);
    says("process=\"goes on\"");
}

fn kill_launcher(forge: &Forge) {
    let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
    forge.row(task, "begun");
    let (daemon, launcher) = (main_pid(), launcher_pid());
    done(&format!("kill -9 {launcher}"));
    let record = forge.closed(task);
    println!("{}", record.log());
    assert_eq!(record.conclusion(), Some(Conclusion::Failure));
    assert!(record.log().contains("together with the launcher"));
    // The shell that looks has the text among its arguments too, but not as one of them.
    assert_eq!(output("grep -lzx 1000 /proc/[0-9]*/cmdline"), "");
    assert_eq!(run(forge, "echo hello").conclusion(), Some(Conclusion::Success));
    assert_eq!(main_pid(), daemon);
    assert!(!["0", &launcher].contains(&&*launcher_pid()));
}

fn watchdog(forge: &Forge) {
    drop_in("short", "WatchdogSec=10");
    done("systemctl restart palisade");
    let (before, launcher) = (main_pid(), launcher_pid());
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(main_pid(), before, "a daemon that is well is left alone");
    done(&format!("kill -STOP {before}"));
    wait("a new daemon", || !["0", &before].contains(&&*main_pid()));
    assert_eq!(launcher_pid(), launcher);
    assert_eq!(run(forge, "echo hello").conclusion(), Some(Conclusion::Success));
    done("rm -r /run/systemd/system/palisade.service.d && systemctl daemon-reload");
}

/// Jobs end first, and then nothing is left; also where the daemon has failed for good.
fn stop(forge: &Forge) {
    let task = forge.enqueue(Job::script(SLOW));
    forge.row(task, "begun");
    done("systemctl stop palisade");
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    nothing_is_left();
    done("systemctl start palisade");
    let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
    forge.row(task, "begun");
    std::fs::write(CONFIG, "[daemon]\ncapacity = \"many\"\n").expect("the configuration is written");
    done(&format!("kill -9 {}", main_pid()));
    wait("its failure", || output("systemctl is-failed palisade") == "failed");
    nothing_is_left();
    std::fs::write(CONFIG, "").expect("the configuration is written");
    done("systemctl start palisade");
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Failure), "{}", record.log());
}

fn nothing_is_left() {
    let left = || output("pgrep -u palisade -a; systemctl is-active palisade-jobs; ls -d /run/palisade-jobs");
    wait("the end of what ran", || left() == "inactive");
}

fn journal(_: &Forge) {
    let memory =
        |pid: &str| output(&format!("awk '/^VmRSS|^RssAnon/ {{ print $1, $2 }}' /proc/{pid}/status | xargs"));
    println!("vm: KiB of the daemon: {}; of the launcher: {}", memory(&main_pid()), memory(&launcher_pid()));
    println!("{}", done("journalctl -u palisade -u palisade-jobs --no-pager | tail -n 50"));
}

fn again(forge: &Forge) {
    let before = [main_pid(), launcher_pid()];
    done(&format!("dpkg --install {PACKAGE}"));
    let after = || [main_pid(), launcher_pid()];
    wait("both", || {
        let after = after();
        after.iter().all(|pid| pid != "0" && !before.contains(pid))
    });
    wait("the daemon", || output("systemctl is-active palisade palisade-jobs") == "active\nactive");
    assert_eq!(run(forge, "echo hello").conclusion(), Some(Conclusion::Success));
}

fn purge(_: &Forge) {
    done("apt-get purge -y palisade");
    let left = output(
        "find / -xdev -iname '*palisade*' -not -path '/checks/*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/var/log/journal/*'",
    );
    assert_eq!(left, "");
    assert_eq!(
        output(
            "getent passwd palisade; ls -d /sys/fs/cgroup/system.slice/palisade*; systemctl list-units --all | grep palisade"
        ),
        ""
    );
}

/// For hosts without dpkg.
fn install_script(_: &Forge) {
    done(&format!("dpkg-deb --extract {PACKAGE} /tmp/package"));
    done("/checks/packaging/install /tmp/package/usr/bin/palisade && systemctl start palisade");
    says("nothing is registered yet");
}

fn main_pid() -> String {
    output("systemctl show --property MainPID --value palisade")
}

fn launcher_pid() -> String {
    output("systemctl show --property MainPID --value palisade-jobs")
}

/// Waits until the service's journal has a text.
fn says(text: &str) {
    wait(text, || output("journalctl -u palisade --no-pager").contains(text));
}

fn wait(what: &str, is_there: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < until, "{what}: it never came");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What a command says.
fn output(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).output().expect("sh runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The same of one that succeeds.
fn done(script: &str) -> String {
    let output = Command::new("sh").args(["-c", &format!("{{ {script}; }} 2>&1")]).output().expect("sh runs");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "`{script}`: {}\n{text}", output.status);
    text
}
