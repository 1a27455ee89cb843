//! Attacks on the kernel, and on the machine as a whole.

use palisade_sandbox::LayerId::{Capabilities, Landlock, Limits, Mount, Net, Seccomp, User, Uts};

use super::row::Row;

/// The rows.
pub const KERNEL: &[Row] = &[
    // The network.
    Row::program("route-out", &["route-out"], "a way to the world").held_by(&[Net]),
    Row::program("interfaces", &["interfaces"], "the host's network interfaces").held_by(&[Net]),
    Row::program("raw-socket", &["socket", "2", "3", "1"], "packets of its own making")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("packet-socket", &["socket", "17", "3", "0"], "every packet of the machine")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program(
        "raw-socket-in-userns",
        &["socket", "2", "3", "1", "in-user-namespace"],
        "the same with a user namespace's rights",
    )
    .held_by(&[Seccomp]),
    Row::program(
        "packet-socket-in-userns",
        &["socket", "17", "3", "0", "in-user-namespace"],
        "the same with a user namespace's rights",
    )
    .held_by(&[Seccomp]),
    Row::program("socket-vsock", &["socket", "40", "1", "0"], "the hypervisor").held_by(&[Seccomp]),
    Row::program("socket-netlink-netfilter", &["socket", "16", "3", "12"], "the packet filter's code")
        .held_by(&[Seccomp]),
    Row::program("socket-netlink-xfrm", &["socket", "16", "3", "6"], "IPsec's code").held_by(&[Seccomp]),
    Row::program("socket-netlink-uevent", &["socket", "16", "3", "15"], "device events").held_by(&[Seccomp]),
    Row::program("socket-netlink-generic", &["socket", "16", "3", "16"], "dozens of kernel subsystems")
        .held_by(&[Seccomp]),
    Row::program("socket-netlink-audit", &["socket", "16", "3", "9"], "the audit trail").held_by(&[Seccomp]),
    Row::program("socket-netlink-sock-diag", &["socket", "16", "3", "4"], "a list of sockets")
        .held_by(&[Seccomp]),
    Row::program("socket-algorithms", &["socket", "38", "5", "0"], "the kernel's cryptography")
        .held_by(&[Seccomp]),
    Row::program("socket-kcm", &["socket", "41", "2", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-smc", &["socket", "43", "1", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-tipc", &["socket", "30", "1", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-rds", &["socket", "21", "5", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-can", &["socket", "29", "3", "1"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-bluetooth", &["socket", "31", "3", "1"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-xdp", &["socket", "44", "3", "0"], "packets past the kernel")
        .root()
        .held_by(&[Seccomp]),
    Row::program("socket-mctp", &["socket", "45", "2", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-x25", &["socket", "9", "5", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-ppp", &["socket", "24", "1", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-nfc", &["socket", "39", "5", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-phonet", &["socket", "35", "2", "0"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("socket-pair-vsock", &["socket-pair", "40", "1"], "a family by the call for pairs")
        .held_by(&[Seccomp]),
    Row::program("socket-pair-netlink", &["socket-pair", "16", "2"], "a family by the call for pairs")
        .held_by(&[Seccomp]),
    Row::program("socket-pair-tipc", &["socket-pair", "30", "1"], "a rarely used family").held_by(&[Seccomp]),
    Row::program("protocol-mptcp", &["socket", "2", "1", "262"], "a rarely tested protocol")
        .held_by(&[Seccomp]),
    Row::program("protocol-sctp", &["socket", "2", "1", "132"], "a rarely used protocol").held_by(&[Seccomp]),
    Row::program("protocol-udp-lite", &["socket", "10", "2", "136"], "a rarely used protocol")
        .held_by(&[Seccomp]),
    // Namespaces.
    Row::program("unshare-user", &["unshare", "user"], "capabilities over new namespaces")
        .held_by(&[Seccomp]),
    Row::program("unshare-mount", &["unshare", "mount"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("unshare-pid", &["unshare", "pid"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("unshare-net", &["unshare", "net"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("unshare-ipc", &["unshare", "ipc"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("unshare-uts", &["unshare", "uts"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("unshare-cgroup", &["unshare", "cgroup"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::shell("unshare-user-by-shell", "unshare --user true", "the same by a common tool")
        .held_by(&[Seccomp]),
    Row::program("clone-user", &["clone", "user"], "capabilities over new namespaces").held_by(&[Seccomp]),
    Row::program("clone-user-mount", &["clone", "user", "mount"], "mounts of its own").held_by(&[Seccomp]),
    Row::program("clone3-user", &["clone3", "user"], "capabilities over new namespaces").held_by(&[Seccomp]),
    Row::program("clone-net", &["clone", "net"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("clone3-mount", &["clone3", "mount"], "a namespace to rule")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("nested-root", &["nested-root"], "root's rights in a user namespace").held_by(&[Seccomp]),
    Row::program("setns", &["setns"], "another process's namespaces")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("setns-pidfd", &["setns-pidfd"], "another process's namespaces")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("other-mounts", &["other-mounts"], "the mounts of other namespaces")
        .root()
        .held_by(&[Capabilities, User]),
    // Mounts; outside, in a mount namespace of the attack's own.
    Row::program("mount-tmpfs", &["mount", "tmpfs"], "a tmpfs mounted").held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-overlay", &["mount", "overlay"], "a overlay mounted").held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-mqueue", &["mount", "mqueue"], "a mqueue mounted").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-ramfs", &["mount", "ramfs"], "a ramfs mounted").held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-proc", &["mount", "proc"], "the machine's proc").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-sysfs", &["mount", "sysfs"], "the machine's sysfs").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-cgroup2", &["mount", "cgroup2"], "the machine's cgroup2").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-binfmt_misc", &["mount", "binfmt_misc"], "the machine's binfmt_misc")
        .root()
        .held_by(&[Capabilities, Seccomp, Landlock]),
    Row::program("mount-debugfs", &["mount", "debugfs"], "the machine's debugfs").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-devpts", &["mount", "devpts"], "the machine's devpts").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-tracefs", &["mount", "tracefs"], "the machine's tracefs").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-bpf", &["mount", "bpf"], "the machine's bpf").root().held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("bind-mount", &["bind-mount"], "a second path to a tree").held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("remount-writable", &["remount-writable"], "the read-only root writable").held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("mount-setattr", &["mount-setattr"], "the same by the newer call").held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    Row::program("umount", &["umount"], "what a mount hides").held_by(&[Capabilities, Seccomp, Landlock]),
    Row::program("pivot-root", &["pivot-root"], "another root").held_by(&[Capabilities, Seccomp, Landlock]),
    Row::program("fsopen", &["fsopen"], "a mount by the newer calls").held_by(&[Seccomp]),
    Row::program("fspick", &["fspick"], "a changed mount by the newer calls").held_by(&[Seccomp]),
    Row::program("open-tree", &["open-tree"], "a detached copy of a tree").held_by(&[Seccomp]),
    Row::program("move-mount", &["move-mount"], "a mount in another place").held_by(&[
        Capabilities,
        Seccomp,
        Landlock,
    ]),
    // Interfaces of the kernel.
    Row::program("bpf-map", &["bpf-map"], "code in the kernel").root().held_by(&[Capabilities, Seccomp]),
    Row::program("bpf-program", &["bpf-program"], "code in the kernel")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("io-uring", &["io-uring"], "system calls past the filter").held_by(&[Seccomp]),
    Row::program("perf-event", &["perf-event"], "counters that spy on others").held_by(&[Seccomp]),
    Row::program("userfaultfd", &["userfaultfd"], "a way to win races in the kernel").held_by(&[Seccomp]),
    Row::program("kexec", &["kexec"], "another kernel").root().held_by(&[Capabilities, Seccomp]),
    Row::program("kexec-file", &["kexec-file"], "another kernel").root().held_by(&[Capabilities, Seccomp]),
    Row::program("init-module", &["init-module"], "code in the kernel")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("finit-module", &["finit-module"], "code in the kernel")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("delete-module", &["delete-module"], "less of the kernel")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("reboot", &["reboot"], "an end of the machine").root().held_by(&[Capabilities, Seccomp]),
    Row::program("swapon", &["swapon"], "swap space of its own").root().held_by(&[Capabilities, Seccomp]),
    Row::program("acct", &["acct"], "process accounting").root().held_by(&[Capabilities, Seccomp]),
    Row::program("quotactl", &["quotactl"], "quotas").held_by(&[Seccomp]),
    Row::program("settimeofday", &["settimeofday"], "the machine's time zone")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("clock-settime", &["clock-settime"], "the machine's clock")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("adjtimex", &["adjtimex"], "the pace of the machine's clock")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("sethostname", &["sethostname"], "the machine's name").root().held_by(&[
        Capabilities,
        Seccomp,
        Uts,
    ]),
    Row::program("setdomainname", &["setdomainname"], "the machine's domain").root().held_by(&[
        Capabilities,
        Seccomp,
        Uts,
    ]),
    Row::program("syslog", &["syslog"], "the kernel's log").root().held_by(&[Capabilities, Seccomp]),
    Row::program("lookup-dcookie", &["lookup-dcookie"], "names of files by a number")
        .root()
        .held_by(&[Capabilities, Seccomp]),
    Row::program("personality-layout", &["personality", "no-randomization"], "a predictable address space")
        .held_by(&[Seccomp]),
    Row::program(
        "personality-exec",
        &["personality", "read-implies-exec"],
        "memory that is executable by default",
    )
    .held_by(&[Seccomp]),
    Row::program("modify-ldt", &["modify-ldt"], "segments of its own").held_by(&[Seccomp]),
    Row::program("iopl", &["iopl"], "the machine's ports").root().held_by(&[Capabilities, Seccomp]),
    Row::program("ioperm", &["ioperm"], "the machine's ports").root().held_by(&[Capabilities, Seccomp]),
    Row::program("int80", &["int80"], "system calls by their 32-bit numbers").held_by(&[Seccomp]),
    Row::program("x32", &["x32"], "system calls by their x32 numbers").held_by(&[Seccomp]),
    Row::program("i386-program", &["i386-program"], "a 32-bit program, whose calls a filter may misread")
        .held_by(&[Seccomp]),
    Row::program(
        "core-pattern",
        &["sysctl", "kernel/core_pattern"],
        "a program of its choice run as root on the host",
    )
    .root()
    .held_by(&[Mount, User, Landlock]),
    Row::program(
        "sysctl",
        &[
            "sysctl",
            "kernel/modprobe",
            "kernel/panic",
            "kernel/printk",
            "vm/overcommit_memory",
            "fs/file-max",
            "net/ipv4/ip_forward",
        ],
        "settings of the kernel",
    )
    .root()
    .held_by(&[Mount, User, Landlock]),
    Row::program("sysrq", &["write-file", "/proc/sysrq-trigger", "h"], "commands to the kernel")
        .root()
        .held_by(&[Mount, User, Landlock]),
    Row::program(
        "sysfs-write",
        &["write-file", "/sys/kernel/mm/ksm/run", ""],
        "settings of devices and kernel",
    )
    .root()
    .held_by(&[Mount, User, Landlock]),
    Row::program("proc-kmsg", &["open-device", "/proc/kmsg"], "the kernel's log")
        .root()
        .held_by(&[Mount, User, Landlock]),
    Row::program("proc-kcore", &["open-device", "/proc/kcore"], "the machine's memory")
        .root()
        .held_by(&[Mount, User, Landlock]),
    Row::program("kernel-addresses", &["kernel-addresses"], "where the kernel lies in memory")
        .root()
        .held_by(&[User, Capabilities]),
    Row::program("cgroup-write", &["cgroup-write"], "limits of its own making, and release agents")
        .root()
        .held_by(&[Mount, User, Landlock]),
    // Privilege.
    Row::program("capabilities", &["effective-capabilities"], "any capability")
        .root()
        .held_by(&[Capabilities]),
    Row::program("capset", &["capset"], "a capability").root().held_by(&[Capabilities]),
    Row::program("become-root", &["become-root"], "the user root").root().held_by(&[Capabilities, User]),
    Row::program("set-groups", &["set-groups"], "root's group").root().held_by(&[Capabilities, User]),
    Row::program("set-user-id", &["set-user-id"], "another user by a set-user-ID program").held_by(&[
        Capabilities,
        Mount,
        User,
    ]),
    Row::program("file-capabilities", &["file-capabilities"], "a capability by a file's attribute")
        .root()
        .held_by(&[Capabilities, Mount, User]),
    Row::program("gains-privileges", &["gains-privileges"], "more privilege by exec")
        .held_by(&[Capabilities]),
    Row::program("unfiltered", &["unfiltered"], "all system calls").held_by(&[Seccomp]),
    Row::program("raise-priority", &["raise-priority"], "the processor before others")
        .root()
        .held_by(&[Capabilities]),
    Row::program("real-time", &["real-time"], "the processor for itself").root().held_by(&[Capabilities]),
    Row::program("io-real-time", &["io-real-time"], "the disk for itself").root().held_by(&[Capabilities]),
    Row::program("oom-protect", &["oom-protect"], "others killed when it takes all memory")
        .root()
        .held_by(&[Capabilities]),
    Row::program("raise-limit", &["raise-limit"], "a limit lifted").root().held_by(&[Capabilities]),
    Row::program("dump-core", &["dump-core"], "a core dump").root().held_by(&[Limits]),
    Row::program("core-handler", &["core-handler"], "a crash handed to the host's core handler")
        .held_by(&[Seccomp]),
    // More than was granted.
    Row::program("fork-bomb", &["processes", "300"], "more processes than granted")
        .options(&["--limit", "processes=100"])
        .held_by(&[Limits]),
    Row::program("open-files", &["open-files", "500"], "more descriptors than granted")
        .options(&["--limit", "open-files=100"])
        .held_by(&[Limits]),
    Row::program("fill-disk", &["fill-disk", "64"], "more disk than granted")
        .options(&["--limit", "disk=16M"])
        .held_by(&[Limits, Mount]),
    Row::program("allocate-disk", &["allocate-disk", "64"], "more disk than granted")
        .options(&["--limit", "disk=16M"])
        .held_by(&[Limits, Mount]),
    Row::program("fill-inodes", &["fill-inodes", "20000"], "more files than granted")
        .options(&["--limit", "inodes=10000"])
        .held_by(&[Limits, Mount]),
    Row::program("fill-memory", &["fill-memory", "256"], "more memory than granted")
        .options(&["--limit", "memory=128M"])
        .held_by(&[Limits]),
    Row::program("file-size", &["file-size", "64"], "a larger file than granted")
        .options(&["--limit", "file-size=16M"])
        .held_by(&[Limits]),
    Row::program("sysv-segment", &["sysv-segment", "8192"], "memory that belongs to no process")
        .options(&["--limit", "memory=128M", "--limit", "disk=128M"])
        .held_by(&[Limits])
        .open("System V segments count against no limit but a cgroup's: kernel.shmall is not set"),
];
