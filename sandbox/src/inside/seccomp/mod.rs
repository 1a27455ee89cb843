//! The system call filter: [`TABLE`] compiled to classic BPF. The program is a binary search over the
//! call numbers, since the kernel runs it once for every number when it is installed.

use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP,
    BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, EAFNOSUPPORT, ENOSYS, EPERM, EPROTONOSUPPORT, ESOCKTNOSUPPORT,
    IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, MSG_FASTOPEN, RLIMIT_CORE, SECCOMP_RET_ALLOW,
    SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_USER_NOTIF, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
    sock_filter,
};

mod table;

pub use table::{ARCHITECTURE, Answer, NEWEST, Row, TABLE};

/// `AUDIT_ARCH_*` of `linux/audit.h`: machine number of ELF, with the bits for 64-bit and little-endian.
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xC000_00B7;

/// Offsets in `struct seccomp_data` of `linux/seccomp.h`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

/// Where the low half of an argument stands; both supported architectures are little-endian.
fn argument(n: u8) -> u32 {
    16 + 8 * u32::from(n)
}

/// Every row of both tables.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().chain(ARCHITECTURE)
}

/// How many calls are refused, in all or some of their uses.
pub fn refused() -> usize {
    rows().map(|row| row.calls.len()).sum()
}

/// Whether calls that make connections are heard by a listener before they go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connects {
    /// They are.
    Seen,
    /// They aren't.
    Unseen,
}

/// Calls that make connections, each with the argument that has its flags if it makes one by a flag (`MSG_FASTOPEN`)
/// alone. Datagrams to an address that their socket isn't connected to aren't among them: each would be heard.
const CONNECTS: [(libc::c_long, Option<u8>); 4] = [
    (libc::SYS_connect, None),
    (libc::SYS_sendto, Some(3)),
    (libc::SYS_sendmsg, Some(2)),
    (libc::SYS_sendmmsg, Some(3)),
];

/// The filter.
pub fn program(connects: Connects) -> Vec<sock_filter> {
    let refused = rows().flat_map(|row| row.calls.iter().map(|(_, n)| (*n, Leaf::Answer(row.answer))));
    let seen = CONNECTS.iter().filter(|_| connects == Connects::Seen);
    let seen = seen.map(|(call, flags)| (*call, flags.map_or(Leaf::Heard, Leaf::HeardIfFast)));
    compile(refused.chain(seen).collect(), Leaf::Allow)
}

/// A filter that allows these calls, some of them only as their answer says, and refuses all others.
pub fn only(calls: &[(libc::c_long, Option<Answer>)]) -> Vec<sock_filter> {
    let calls = calls.iter().map(|(number, answer)| (*number, answer.map_or(Leaf::Allow, Leaf::Answer)));
    compile(calls.collect(), Leaf::Answer(Answer::Errno(EPERM)))
}

fn compile(mut calls: Vec<(libc::c_long, Leaf)>, otherwise: Leaf) -> Vec<sock_filter> {
    calls.sort_by_key(|(number, _)| *number);
    // The search tree's leaves: each starts at a number and reaches to the next one's.
    let mut leaves: Vec<(u32, Leaf)> = vec![(0, otherwise)];
    let mut push = |start: u32, leaf: Leaf| match leaves.last() {
        Some((_, last)) if *last == leaf => {}
        Some((last, _)) if *last == start => {
            leaves.pop();
            if leaves.last().is_none_or(|(_, before)| *before != leaf) {
                leaves.push((start, leaf));
            }
        }
        _ => leaves.push((start, leaf)),
    };
    for (number, leaf) in calls {
        push(number as u32, leaf);
        push(number as u32 + 1, otherwise);
    }
    push(NEWEST as u32 + 1, Leaf::Answer(Answer::Errno(ENOSYS)));
    push(FOREIGN, Leaf::Kill);

    let mut code =
        vec![load(ARCH), jump(BPF_JEQ, NATIVE, 1, 0), give(SECCOMP_RET_KILL_PROCESS), load(NUMBER)];
    search(&leaves, &mut code);
    code
}

/// From here on a number isn't of the native calling convention: `__X32_SYSCALL_BIT` of `asm/unistd.h`.
const FOREIGN: u32 = 0x4000_0000;

#[derive(Clone, Copy, PartialEq)]
enum Leaf {
    Allow,
    Kill,
    Heard,
    /// With `MSG_FASTOPEN` in this argument; else it is allowed.
    HeardIfFast(u8),
    Answer(Answer),
}

fn search(leaves: &[(u32, Leaf)], code: &mut Vec<sock_filter>) {
    if let [(_, leaf)] = leaves {
        return leaf_code(*leaf, code);
    }
    let (left, right) = leaves.split_at(leaves.len() / 2);
    let branch = code.len();
    code.push(jump(BPF_JGE, right[0].0, 0, 0));
    search(left, code);
    // Conditional jumps reach 255 instructions only; a longer way goes by an unconditional one.
    match u8::try_from(code.len() - branch - 1) {
        Ok(distance) => code[branch].jt = distance,
        Err(_) => {
            code[branch].jf = 1;
            code.insert(branch + 1, jump(BPF_JA, (code.len() - branch - 1) as u32, 0, 0));
        }
    }
    search(right, code);
}

fn leaf_code(leaf: Leaf, code: &mut Vec<sock_filter>) {
    let refuse = |errno: i32| give(SECCOMP_RET_ERRNO | errno as u32);
    let allow = give(SECCOMP_RET_ALLOW);
    match leaf {
        Leaf::Allow => code.push(allow),
        Leaf::Kill => code.push(give(SECCOMP_RET_KILL_PROCESS)),
        Leaf::Heard => code.push(give(SECCOMP_RET_USER_NOTIF)),
        Leaf::HeardIfFast(n) => code.extend([
            load(argument(n)),
            jump(BPF_JSET, MSG_FASTOPEN as u32, 0, 1),
            give(SECCOMP_RET_USER_NOTIF),
            allow,
        ]),
        Leaf::Answer(Answer::Errno(errno)) => code.push(refuse(errno)),
        Leaf::Answer(Answer::AnyBit(n, mask, errno)) => {
            code.extend([load(argument(n)), jump(BPF_JSET, mask, 0, 1), refuse(errno), allow])
        }
        Leaf::Answer(Answer::OneOf(n, mask, values, errno)) => {
            code.extend([load(argument(n)), and(mask)]);
            for value in values {
                code.extend([jump(BPF_JEQ, *value, 0, 1), refuse(errno)]);
            }
            code.push(allow);
        }
        Leaf::Answer(Answer::NoneOf(n, values, errno)) => {
            code.push(load(argument(n)));
            for value in values {
                code.extend([jump(BPF_JEQ, *value, 0, 1), allow]);
            }
            code.push(refuse(errno));
        }
        Leaf::Answer(Answer::Socket) => {
            code.extend([load(argument(0)), jump(BPF_JEQ, AF_UNIX as u32, 0, 1), allow]);
            code.push(jump(BPF_JEQ, AF_INET as u32, 1, 0));
            let inet = inet_code();
            code.push(jump(BPF_JEQ, AF_INET6 as u32, 0, inet.len() as u8));
            code.extend(inet);
            code.extend([jump(BPF_JEQ, AF_NETLINK as u32, 1, 0), refuse(EAFNOSUPPORT)]);
            // NETLINK_ROUTE is protocol 0.
            code.extend([load(argument(2)), jump(BPF_JEQ, 0, 0, 1), allow, refuse(EPERM)]);
        }
        Leaf::Answer(Answer::OwnLimits) => {
            let high = argument(2) + 4;
            code.extend([load(argument(0)), jump(BPF_JEQ, 0, 1, 0), refuse(EPERM)]);
            code.extend([load(argument(1)), jump(BPF_JEQ, RLIMIT_CORE, 1, 0), allow]);
            // A new limit where the address of one isn't null, in either half.
            code.extend([load(argument(2)), jump(BPF_JEQ, 0, 0, 2), load(high), jump(BPF_JEQ, 0, 1, 0)]);
            code.extend([refuse(0), allow]);
        }
    }
}

/// Which sockets there are of a family of the internet: of streams and datagrams, and of the protocols that a
/// build has use for.
fn inet_code() -> Vec<sock_filter> {
    /// `SOCK_NONBLOCK` and `SOCK_CLOEXEC` are or-ed to the type, which is in the low four bits.
    const TYPE: u32 = 0xf;
    const PROTOCOLS: [i32; 5] = [0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6];
    let refuse = |errno: i32| give(SECCOMP_RET_ERRNO | errno as u32);
    let mut code = vec![load(argument(1)), and(TYPE)];
    code.extend([jump(BPF_JEQ, SOCK_RAW as u32, 0, 1), refuse(EPERM)]);
    code.extend([jump(BPF_JEQ, SOCK_STREAM as u32, 2, 0), jump(BPF_JEQ, SOCK_DGRAM as u32, 1, 0)]);
    code.extend([refuse(ESOCKTNOSUPPORT), load(argument(2))]);
    for protocol in PROTOCOLS {
        code.extend([jump(BPF_JEQ, protocol as u32, 0, 1), give(SECCOMP_RET_ALLOW)]);
    }
    code.push(refuse(EPROTONOSUPPORT));
    code
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

fn and(mask: u32) -> sock_filter {
    statement(BPF_ALU | BPF_AND | BPF_K, mask)
}

fn give(action: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, action)
}

fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | condition | BPF_K) as u16, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel would.
    fn run(arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        run_of(&program(Connects::Unseen), arch, number, arguments)
    }

    fn run_of(code: &[sock_filter], arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = [0u8; 64];
        data[0..4].copy_from_slice(&number.to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (n, value) in arguments.iter().enumerate() {
            data[16 + 8 * n..24 + 8 * n].copy_from_slice(&value.to_le_bytes());
        }
        let (mut at, mut a) = (0usize, 0u32);
        loop {
            let i = code[at];
            at += 1;
            let op = u32::from(i.code);
            if op == BPF_LD | BPF_W | BPF_ABS {
                let k = i.k as usize;
                a = u32::from_le_bytes(data[k..k + 4].try_into().unwrap());
            } else if op == BPF_ALU | BPF_AND | BPF_K {
                a &= i.k;
            } else if op == BPF_RET | BPF_K {
                return i.k;
            } else if op == BPF_JMP | BPF_JA | BPF_K {
                at += i.k as usize;
            } else {
                let taken = match op & !(BPF_JMP | BPF_K) {
                    BPF_JEQ => a == i.k,
                    BPF_JGE => a >= i.k,
                    BPF_JSET => a & i.k != 0,
                    other => panic!("unknown jump {other}"),
                };
                at += usize::from(if taken { i.jt } else { i.jf });
            }
        }
    }

    fn native(number: libc::c_long, arguments: [u64; 6]) -> u32 {
        run(NATIVE, number as u32, arguments)
    }

    fn errno(e: i32) -> u32 {
        SECCOMP_RET_ERRNO | e as u32
    }

    #[test]
    fn every_row_refuses_and_every_other_number_is_allowed() {
        let refused: std::collections::BTreeMap<u32, Answer> =
            rows().flat_map(|r| r.calls.iter().map(|(_, n)| (*n as u32, r.answer))).collect();
        for number in 0..=NEWEST as u32 {
            let got = run(NATIVE, number, [0; 6]);
            match refused.get(&number) {
                Some(Answer::Errno(e)) => assert_eq!(got, errno(*e), "{number}"),
                // With all arguments zero: a socket or a pair of AF_UNSPEC is refused, the others are harmless.
                Some(Answer::Socket | Answer::NoneOf(_, _, EAFNOSUPPORT)) => {
                    assert_eq!(got, errno(EAFNOSUPPORT), "{number}")
                }
                Some(_) | None => assert_eq!(got, SECCOMP_RET_ALLOW, "{number}"),
            }
        }
    }

    #[test]
    fn newer_calls_do_not_exist_and_foreign_ones_kill() {
        assert_eq!(native(NEWEST + 1, [0; 6]), errno(ENOSYS));
        assert_eq!(run(NATIVE, FOREIGN, [0; 6]), SECCOMP_RET_KILL_PROCESS);
        assert_eq!(run(NATIVE, u32::MAX, [0; 6]), SECCOMP_RET_KILL_PROCESS);
        assert_eq!(run(0x4000_0003, 1, [0; 6]), SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    fn arguments_decide() {
        let flags = |f: i32| [f as u64, 0, 0, 0, 0, 0];
        assert_eq!(native(libc::SYS_clone, flags(libc::CLONE_VM | libc::SIGCHLD)), SECCOMP_RET_ALLOW);
        assert_eq!(native(libc::SYS_clone, flags(libc::CLONE_NEWUSER)), errno(EPERM));
        assert_eq!(native(libc::SYS_unshare, flags(0x80)), errno(EPERM));
        assert_eq!(native(libc::SYS_unshare, flags(libc::CLONE_FILES)), SECCOMP_RET_ALLOW);
        let ioctl = |c: u64| native(libc::SYS_ioctl, [0, c, 0, 0, 0, 0]);
        assert_eq!(ioctl(libc::TIOCSTI), errno(EPERM));
        assert_eq!(ioctl(libc::TIOCSTI | 1 << 40), errno(EPERM), "the kernel looks at the low half only");
        assert_eq!(ioctl(libc::TIOCGWINSZ), SECCOMP_RET_ALLOW);
        let mknod = |mode: u32| native(libc::SYS_mknodat, [0, 0, mode.into(), 0, 0, 0]);
        assert_eq!(mknod(libc::S_IFCHR | 0o600), errno(EPERM));
        assert_eq!(mknod(libc::S_IFBLK | 0o600), errno(EPERM));
        assert_eq!(mknod(libc::S_IFIFO | 0o600), SECCOMP_RET_ALLOW);
        let socket =
            |d: i32, t: i32, p: i32| native(libc::SYS_socket, [d as u64, t as u64, p as u64, 0, 0, 0]);
        assert_eq!(socket(AF_UNIX, SOCK_RAW, 0), SECCOMP_RET_ALLOW);
        assert_eq!(socket(AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0), SECCOMP_RET_ALLOW);
        assert_eq!(socket(AF_INET6, libc::SOCK_DGRAM, 0), SECCOMP_RET_ALLOW);
        assert_eq!(socket(AF_INET, SOCK_RAW | libc::SOCK_NONBLOCK, 0), errno(EPERM));
        for protocol in [IPPROTO_TCP, IPPROTO_ICMP] {
            assert_eq!(socket(AF_INET, SOCK_STREAM, protocol), SECCOMP_RET_ALLOW);
        }
        for protocol in [libc::IPPROTO_SCTP, libc::IPPROTO_MPTCP, libc::IPPROTO_UDPLITE] {
            assert_eq!(socket(AF_INET, SOCK_STREAM, protocol), errno(EPROTONOSUPPORT));
            assert_eq!(socket(AF_INET6, SOCK_DGRAM | libc::SOCK_CLOEXEC, protocol), errno(EPROTONOSUPPORT));
        }
        assert_eq!(socket(AF_INET, libc::SOCK_SEQPACKET, 0), errno(ESOCKTNOSUPPORT));
        assert_eq!(socket(AF_NETLINK, SOCK_RAW, 0), SECCOMP_RET_ALLOW);
        assert_eq!(socket(AF_NETLINK, SOCK_RAW, 16), errno(EPERM));
        assert_eq!(socket(libc::AF_PACKET, SOCK_RAW, 0), errno(EAFNOSUPPORT));
        assert_eq!(socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0), errno(EAFNOSUPPORT));
        let pair = |d: i32| native(libc::SYS_socketpair, [d as u64, 1, 0, 0, 0, 0]);
        assert_eq!(pair(AF_UNIX), SECCOMP_RET_ALLOW);
        assert_eq!(pair(libc::AF_TIPC), errno(EAFNOSUPPORT));
        let prlimit =
            |p: u64, of: u32, new: u64| native(libc::SYS_prlimit64, [p, of.into(), new, 1 << 40, 0, 0]);
        assert_eq!(prlimit(1, libc::RLIMIT_NOFILE, 0), errno(EPERM));
        assert_eq!(prlimit(0, libc::RLIMIT_NOFILE, 0x7f00_0000_1000), SECCOMP_RET_ALLOW);
        assert_eq!(prlimit(0, RLIMIT_CORE, 0), SECCOMP_RET_ALLOW, "one may ask");
        for new in [0x1000, 0x7f00_0000_0000] {
            assert_eq!(prlimit(0, RLIMIT_CORE, new), SECCOMP_RET_ERRNO, "as if done");
        }
        let setrlimit = |of: u32| native(libc::SYS_setrlimit, [of.into(), 0x1000, 0, 0, 0, 0]);
        assert_eq!(setrlimit(RLIMIT_CORE), SECCOMP_RET_ERRNO);
        assert_eq!(setrlimit(libc::RLIMIT_NOFILE), SECCOMP_RET_ALLOW);
        let personality = |p: u64| native(libc::SYS_personality, [p, 0, 0, 0, 0, 0]);
        assert_eq!(personality(0xffff_ffff), SECCOMP_RET_ALLOW);
        assert_eq!(personality(0x0040_0000), errno(EPERM));
    }

    #[test]
    fn connections_are_heard_and_nothing_else_changes() {
        let (seen, unseen) = (program(Connects::Seen), program(Connects::Unseen));
        let fast = [0, 0, MSG_FASTOPEN as u64, MSG_FASTOPEN as u64, 0, 0];
        for number in 0..=NEWEST {
            let of = |code, arguments| run_of(code, NATIVE, number as u32, arguments);
            let connects = CONNECTS.iter().find(|(call, _)| *call == number);
            assert_eq!(of(&seen, fast) == SECCOMP_RET_USER_NOTIF, connects.is_some(), "{number}");
            let always = matches!(connects, Some((_, None)));
            assert_eq!(of(&seen, [0; 6]) == SECCOMP_RET_USER_NOTIF, always, "{number}");
            if connects.is_none() {
                assert_eq!(of(&seen, fast), of(&unseen, fast), "{number}");
            }
        }
    }

    #[test]
    fn a_filter_of_few_calls_refuses_all_others() {
        const ONLY: &[(libc::c_long, Option<Answer>)] =
            &[(libc::SYS_socket, Some(Answer::NoneOf(0, &[AF_INET as u32], EPERM))), (libc::SYS_read, None)];
        let code = only(ONLY);
        for number in 0..=NEWEST {
            let expected = if number == libc::SYS_read { SECCOMP_RET_ALLOW } else { errno(EPERM) };
            assert_eq!(run_of(&code, NATIVE, number as u32, [0; 6]), expected, "{number}");
        }
        let inet = [AF_INET as u64, 1, 0, 0, 0, 0];
        assert_eq!(run_of(&code, NATIVE, libc::SYS_socket as u32, inet), SECCOMP_RET_ALLOW);
        assert_eq!(run_of(&code, NATIVE, NEWEST as u32 + 1, [0; 6]), errno(ENOSYS));
        assert_eq!(run_of(&code, NATIVE, FOREIGN, [0; 6]), SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    fn every_row_has_a_reason_and_no_call_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for row in rows() {
            assert!(!row.reason.is_empty());
            for (name, number) in row.calls {
                assert!(seen.insert(number), "{name} stands twice");
            }
        }
    }
}
