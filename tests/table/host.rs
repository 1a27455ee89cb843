//! Attacks on what belongs to the host's users: files, devices, processes, sockets, terminals.

use palisade_sandbox::LayerId::{Capabilities, Ipc, Landlock, Mount, Net, Pid, Seccomp, User};

use super::row::{Around, Input, Proof, Row};

/// Shows the guarded directory of the host inside.
const SHOWN: &[&str] = &["--ro", "@GUARDED"];

/// The rows.
pub const HOST: &[Row] = &[
    // Files of the host.
    Row::shell("read-shadow", "grep -q '^root:' /etc/shadow", "password hashes")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("read-home", &["read", "CANARY"], "a file in the user's home")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("read-ssh-key", &["read", "SSH_KEY"], "the user's SSH key")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("read-public", &["read", "FILE"], "a file that every user may read")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("list-home", &["list-home"], "names of files in the user's home")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::shell("read-by-shell", "cat \"$HOST_FILE\"", "a file of the host by way of a shell")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("change-append", &["change", "append"], "more bytes in a host file")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-truncate", &["change", "truncate"], "an emptied host file")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-create", &["change", "create"], "a new file on the host")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-mkdir", &["change", "mkdir"], "a new directory on the host")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-mkfifo", &["change", "mkfifo"], "a FIFO on the host")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-bind-socket", &["change", "bind-socket"], "a socket on the host")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-symlink", &["change", "symlink"], "a link on the host")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-unlink", &["change", "unlink"], "one host file less")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-rename", &["change", "rename"], "a host file under another name")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("change-chmod", &["change", "chmod"], "other rights on a host file")
        .proof(Proof::Changes)
        .held_by(&[Mount]),
    Row::program("change-copy-in", &["change", "copy-in"], "a program planted on the host")
        .proof(Proof::Changes)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-append", &["change", "append"], "more bytes in a host file that is shown read-only")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-truncate", &["change", "truncate"], "the same file emptied")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-create", &["change", "create"], "a new file beside it")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-mkdir", &["change", "mkdir"], "a new directory beside it")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-bind-socket", &["change", "bind-socket"], "a socket beside it")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-symlink", &["change", "symlink"], "a link beside it")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-unlink", &["change", "unlink"], "one file less")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-rename", &["change", "rename"], "the file under another name")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("shown-chmod", &["change", "chmod"], "other rights on the file")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount]),
    Row::program("shown-reopen", &["change", "reopen"], "the file opened again for writing through /proc")
        .proof(Proof::Changes)
        .options(SHOWN)
        .held_by(&[Mount, Landlock]),
    Row::program("create-in-usr", &["create", "/usr/bin"], "a file in /usr/bin")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("create-in-etc", &["create", "/etc"], "a file in /etc")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("create-in-root", &["create", "/"], "a file in /").root().held_by(&[Mount, Landlock, User]),
    Row::program("touch-system-file", &["touch-times"], "metadata of a system program")
        .root()
        .held_by(&[Mount, User]),
    Row::program(
        "write-read-only-bind",
        &["write-beside-program"],
        "a file in a directory that was shown read-only",
    )
    .held_by(&[Mount, Landlock]),
    Row::program("execute-outside", &["execute"], "a program outside of the allowlist run")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("symlink-out", &["symlink-out"], "a host file through a link in the workspace")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("hardlink-out", &["hardlink-out"], "a host file under a second name in the workspace")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("dot-dot", &["dot-dot"], "a host file above the root")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("chroot-escape", &["chroot-escape"], "a host file by a second chroot")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Capabilities, Landlock]),
    Row::program("inherited-fchdir", &["inherited-fchdir"], "a host file from a directory that leaked in")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("inherited-through-proc", &["inherited-through-proc"], "the same by way of /proc/self/fd")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program(
        "stdin-fchdir",
        &["standard-input-fchdir"],
        "a host file from a directory that is standard input",
    )
    .proof(Proof::Leaks)
    .input(Input::Root)
    .held_by(&[Landlock])
    .refused("standard input is a directory of the host"),
    Row::program("stdin-reopen", &["standard-input-reopen"], "write access to a file that is standard input")
        .proof(Proof::Changes)
        .input(Input::File)
        .held_by(&[Landlock]),
    Row::program("open-by-handle", &["open-by-handle"], "a host file by its handle")
        .proof(Proof::Leaks)
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("name-to-handle", &["name-to-handle"], "handles of files, to guess others from")
        .held_by(&[Seccomp]),
    Row::program("fanotify", &["fanotify"], "sight of every file event of a mount")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("watch-host-files", &["watch"], "sight of who runs a program of the host")
        .held_by(&[])
        .open("what is shown of the host is the host's own file, for inotify(7) too"),
    Row::program("lock-host-file", &["lock"], "a lock on a host file, for which others wait")
        .held_by(&[])
        .open("what is shown of the host is the host's own file, for flock(2) too"),
    Row::program("page-cache", &["page-cache"], "sight of what of a file others have read")
        .root()
        .held_by(&[Mount, User]),
    Row::program("leave-mark", &["leave-mark"], "a file that the next job finds")
        .around(Around::Twice)
        .held_by(&[Mount, Landlock]),
    // Devices.
    Row::program("mknod-block", &["mknod", "block"], "a disk by its number").root().held_by(&[
        Capabilities,
        Seccomp,
        User,
    ]),
    Row::program("mknod-char", &["mknod", "char"], "the machine's memory by its number").root().held_by(&[
        Capabilities,
        Seccomp,
        User,
    ]),
    Row::program("device-mem", &["open-device", "/dev/mem"], "the machine's memory")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-port", &["open-device", "/dev/port"], "the machine's ports")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-kmsg", &["open-device", "/dev/kmsg"], "the kernel's log")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-tty0", &["open-device", "/dev/tty0"], "the console")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-vcs", &["open-device", "/dev/vcs"], "the console's screen")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-fuse", &["open-device", "/dev/fuse"], "file systems of its own")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-kvm", &["open-device", "/dev/kvm"], "virtual machines")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-net-tun", &["open-device", "/dev/net/tun"], "packets of its own")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-vsock", &["open-device", "/dev/vsock"], "the hypervisor")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-vhost-vsock", &["open-device", "/dev/vhost-vsock"], "the hypervisor's side")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-loop-control", &["open-device", "/dev/loop-control"], "loop devices")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-btrfs-control", &["open-device", "/dev/btrfs-control"], "file systems")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-autofs", &["open-device", "/dev/autofs"], "mounts on demand")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-userfaultfd", &["open-device", "/dev/userfaultfd"], "page faults of its own")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("device-cpu-0-msr", &["open-device", "/dev/cpu/0/msr"], "the processor's registers")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program(
        "device-cpu_dma_latency",
        &["open-device", "/dev/cpu_dma_latency"],
        "the machine's power states",
    )
    .root()
    .held_by(&[Mount, Landlock, User]),
    Row::program("device-uinput", &["open-device", "/dev/uinput"], "key strokes")
        .root()
        .held_by(&[Mount, Landlock, User]),
    Row::program("read-disk", &["read-disk"], "the raw disk").root().held_by(&[Mount, Landlock, User]),
    // Other processes.
    Row::program("others-environ", &["others", "environ"], "another process's environment")
        .proof(Proof::Leaks)
        .held_by(&[Pid, Landlock]),
    Row::program("others-cmdline", &["others", "cmdline"], "another process's arguments")
        .proof(Proof::Leaks)
        .held_by(&[Pid]),
    Row::program("others-root", &["others", "root/%"], "a host file by another process's root")
        .proof(Proof::Leaks)
        .held_by(&[Pid, Landlock]),
    Row::program("others-cwd", &["others", "cwd/file"], "a host file by another process's directory")
        .proof(Proof::Leaks)
        .held_by(&[Pid, Landlock]),
    Row::program("others-memory", &["others-memory"], "another process's memory")
        .proof(Proof::Leaks)
        .held_by(&[Pid, Landlock]),
    Row::program("others-descriptors", &["others-descriptors"], "a deleted file that another process holds")
        .proof(Proof::Leaks)
        .held_by(&[Pid, Landlock]),
    Row::program("signal-kill", &["signal", "kill"], "a host process signalled by kill")
        .held_by(&[Pid, Landlock]),
    Row::program("signal-tgkill", &["signal", "tgkill"], "a host process signalled by tgkill")
        .held_by(&[Pid, Landlock]),
    Row::program("signal-sigqueue", &["signal", "sigqueue"], "a host process signalled by sigqueue")
        .held_by(&[Pid, Landlock]),
    Row::program("signal-pidfd", &["signal", "pidfd"], "a host process signalled by pidfd")
        .held_by(&[Pid, Landlock]),
    Row::program(
        "signal-own-group",
        &["signal-own-group"],
        "the sandbox's starter signalled through the process group",
    )
    .around(Around::Group)
    .held_by(&[Landlock]),
    Row::program("survive", &["orphan"], "a process that outlives the job")
        .proof(Proof::Survives)
        .held_by(&[Pid]),
    // The sandbox's init; outside, a victim of the same user stands for it.
    Row::program("init-environ", &["target-file", "environ"], "init's environ").held_by(&[Capabilities]),
    Row::program("init-arguments", &["target-arguments"], "what palisade was called with")
        .proof(Proof::Leaks)
        .options(&["--env", "@DECOY"])
        .held_by(&[Pid]),
    Row::program("init-maps", &["target-file", "maps"], "init's maps").held_by(&[Capabilities]),
    Row::program("init-auxv", &["target-file", "auxv"], "init's auxv").held_by(&[Capabilities]),
    Row::program("init-stack", &["target-file", "syscall"], "init's syscall").held_by(&[Capabilities]),
    Row::program("init-io", &["target-file", "io"], "init's io").held_by(&[Capabilities]),
    Row::program("init-memory", &["target-memory"], "init's memory").held_by(&[Capabilities]),
    Row::program("init-write-memory", &["target-write-memory"], "control over init").held_by(&[Capabilities]),
    Row::program("init-descriptors", &["target-descriptors"], "init's descriptors").held_by(&[Capabilities]),
    Row::program(
        "init-executable",
        &["target-executable"],
        "palisade's binary on the host, to be overwritten",
    )
    .held_by(&[Capabilities, Mount]),
    Row::program("init-oom-score", &["target-oom-score"], "init as the first to go when memory runs out")
        .held_by(&[Capabilities]),
    Row::program("init-ptrace", &["ptrace"], "control over init").held_by(&[Capabilities]),
    Row::program("init-vm-read", &["vm-read"], "init's memory").held_by(&[Capabilities]),
    Row::program("init-vm-write", &["vm-write"], "control over init").held_by(&[Capabilities]),
    Row::program("init-pidfd-getfd", &["pidfd-getfd"], "init's descriptors").held_by(&[Capabilities]),
    Row::program("init-pidfd-namespaces", &["pidfd-namespaces"], "init's namespaces")
        .held_by(&[Capabilities]),
    Row::program("init-madvise", &["process-madvise"], "control over init's memory")
        .root()
        .held_by(&[Capabilities]),
    Row::program("init-kcmp", &["kcmp"], "the order of kernel objects").held_by(&[Capabilities]),
    Row::program("init-move-pages", &["move-pages"], "control over init's memory").held_by(&[Capabilities]),
    Row::program("init-set-limit", &["set-limit"], "init with other limits").held_by(&[Seccomp]),
    // The host's sockets, queues, shared memory and keys.
    Row::program("tcp-loopback", &["tcp", "TCP4"], "a service on the host's loopback")
        .proof(Proof::Leaks)
        .held_by(&[Net]),
    Row::program("tcp-loopback-6", &["tcp", "TCP6"], "the same over IPv6")
        .proof(Proof::Leaks)
        .held_by(&[Net]),
    Row::program("tcp-address", &["tcp", "TCP_ADDRESS"], "a service on the host's own address")
        .proof(Proof::Leaks)
        .held_by(&[Net]),
    Row::program("udp-loopback", &["udp"], "a datagram service on the host's loopback")
        .proof(Proof::Leaks)
        .held_by(&[Net]),
    Row::program("abstract-stream", &["abstract-stream"], "a service at an abstract name")
        .proof(Proof::Leaks)
        .held_by(&[Net, Landlock]),
    Row::program("abstract-datagram", &["abstract-datagram"], "the same for datagrams")
        .proof(Proof::Leaks)
        .held_by(&[Net, Landlock]),
    Row::program("path-socket", &["path-socket"], "a service at a path")
        .proof(Proof::Leaks)
        .held_by(&[Mount]),
    Row::program(
        "shown-socket",
        &["path-socket"],
        "a service by its socket in a tree that is shown read-only",
    )
    .proof(Proof::Leaks)
    .options(&["--ro", "@SOCKET"])
    .open("no mount keeps anybody from a socket that every user may write; Landlock does from ABI 9 on"),
    Row::program("posix-queue", &["posix-queue"], "a message in a POSIX queue")
        .proof(Proof::Leaks)
        .held_by(&[Ipc]),
    Row::program("sysv-memory", &["sysv-memory"], "System V shared memory")
        .proof(Proof::Leaks)
        .held_by(&[Ipc]),
    Row::program("sysv-queue", &["sysv-queue"], "a message in a System V queue")
        .proof(Proof::Leaks)
        .held_by(&[Ipc]),
    Row::program("posix-memory", &["read", "SHARED"], "POSIX shared memory")
        .proof(Proof::Leaks)
        .held_by(&[Mount, Landlock]),
    Row::program("key-add", &["add-key"], "the kernel's key store").held_by(&[Seccomp]),
    Row::program("key-read", &["read-key"], "a key of the same user").proof(Proof::Leaks).held_by(&[Seccomp]),
    Row::program("key-request", &["request-key"], "a key of the same user by its name").held_by(&[Seccomp]),
    Row::program("host-terminal", &["write-terminal"], "text on another terminal of the user")
        .held_by(&[Mount, Landlock]),
    // The user's terminal.
    Row::program("push-input", &["push-input"], "commands typed on the user's terminal")
        .around(Around::Terminal)
        .held_by(&[Seccomp]),
    Row::program(
        "push-input-high-bits",
        &["push-input-high-bits"],
        "the same past a filter that compares 64 bits",
    )
    .around(Around::Terminal)
    .held_by(&[Seccomp]),
    Row::program("line-discipline", &["line-discipline"], "rarely tested code behind a terminal")
        .held_by(&[Seccomp]),
    Row::program("console-paste", &["console-paste"], "commands pasted on the console")
        .root()
        .input(Input::Console)
        .held_by(&[Seccomp]),
];
