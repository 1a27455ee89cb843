//! The harmless twins: close to the attacks, and part of ordinary builds and tests.

use palisade_sandbox::LayerId::{Capabilities, Ipc, Landlock, Limits, Mount, Net, Pid, Seccomp};

use super::row::Row;

/// The rows; the layers named are those that might stand in the way.
pub const TWINS: &[Row] = &[
    Row::program("files", &["own-files"], "files made, linked, renamed, locked and removed")
        .held_by(&[Mount, Landlock]),
    Row::program("tcp", &["own-tcp"], "its own loopback listeners").held_by(&[Net, Seccomp]),
    Row::program("udp", &["own-udp"], "its own datagrams").held_by(&[Net, Seccomp]),
    Row::program("sockets", &["own-sockets"], "socket pairs, path sockets and abstract names")
        .held_by(&[Net, Landlock, Seccomp]),
    Row::program("child", &["own-child"], "its own children signalled and reaped")
        .held_by(&[Pid, Landlock, Seccomp]),
    Row::program("tracee", &["own-tracee"], "its own child debugged").held_by(&[Capabilities, Seccomp]),
    Row::program("threads", &["own-threads"], "threads, and the count of processors").held_by(&[Seccomp]),
    Row::program("terminal", &["own-terminal"], "a pseudo-terminal").held_by(&[Mount, Landlock]),
    Row::program("code", &["own-code"], "code written at run time").held_by(&[Seccomp]),
    Row::program("memory-file", &["own-memory-file"], "a program run from memory").held_by(&[Mount, Seccomp]),
    Row::program("queues", &["own-queues"], "POSIX message queues").held_by(&[Ipc, Landlock]),
    Row::program("segments", &["own-segments"], "System V segments and queues").held_by(&[Ipc]),
    Row::program("shared-memory", &["own-shared-memory"], "files in /dev/shm").held_by(&[Mount]),
    Row::program("devices", &["own-devices"], "null, zero, full and random").held_by(&[Mount, Landlock]),
    Row::program("proc", &["own-proc"], "its own part of /proc").held_by(&[Pid, Landlock]),
    Row::program("events", &["own-events"], "epoll, eventfd, inotify, timers, signals").held_by(&[Seccomp]),
    Row::program("sandbox", &["own-sandbox"], "a sandbox of its own by Landlock and seccomp")
        .held_by(&[Landlock, Seccomp]),
    Row::program("limits", &["own-limits"], "stricter limits for itself").held_by(&[Limits, Seccomp]),
    Row::program("say", &["say", "hello"], "standard output"),
    Row::shell("pipeline", "printf 'b\na\n' | sort | head -n 1 | grep -qx a", "a pipeline of common tools"),
    Row::shell(
        "here-document",
        "cat <<END >/tmp/here.$$ && test -s /tmp/here.$$\ntext\nEND\nrm /tmp/here.$$",
        "a here-document in a temporary file",
    ),
    Row::shell(
        "own-name",
        "test -n \"$(id -un)\" && test -d \"$HOME\" && test -w \"$HOME\"",
        "a user with a name and a home",
    ),
    Row::shell("localhost", "getent hosts localhost", "the name of its own machine"),
    Row::shell("job-control", "sleep 10 & kill $! && ! wait $!", "a job in the background"),
    Row::shell(
        "python-semaphore",
        "! command -v python3 || python3 -c 'import multiprocessing as m; m.Semaphore().acquire()'",
        "named semaphores",
    ),
];
