//! A build log as real ones look, and secrets that don't stand in it; the same in every run.

use std::fmt::Write;

/// Knuth's linear congruential generator, as used by MMIX.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn text(&mut self, len: usize, of: &[u8]) -> String {
        (0..len).map(|_| char::from(of[self.below(of.len())])).collect()
    }
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const WORDS: [&str; 16] = [
    "parser", "serde", "runtime", "async", "handler", "request", "config", "build", "target", "module",
    "cache", "linker", "schema", "worker", "stream", "index",
];

/// About so many bytes of lines from compilers, package managers, tests and services.
pub fn build_log(bytes: usize) -> String {
    let mut r = Random(7);
    let mut log = String::with_capacity(bytes + 256);
    while log.len() < bytes {
        let (a, b) = (WORDS[r.below(16)], WORDS[r.below(16)]);
        let (n, m) = (r.below(100), r.below(1000));
        let written = match r.below(12) {
            0..=2 => writeln!(log, "   Compiling {a}-{b} v{}.{n}.{}", n % 10, m % 20),
            3 => writeln!(log, "\x1b[1m\x1b[32m    Finished\x1b[0m `dev` profile target(s) in {n}.{m}s"),
            4 | 5 => writeln!(log, "test {a}::tests::{b}_{a}_is_kept_{n} ... ok"),
            6 => writeln!(
                log,
                "2026-11-25T00:10:{:02}.{m:03}Z INFO  [main] id={} status=200 took={n}ms path=/api/v1/{a}/{b}",
                n % 60,
                r.text(32, HEX)
            ),
            7 => writeln!(log, "npm http fetch GET 200 https://packages.example/{a}/-/{a}-1.{n}.3.tgz {m}ms"),
            8 => writeln!(log, "{} refs/tags/v{}.{n}", r.text(40, HEX), n % 10),
            9 => writeln!(log, "[ {n}%] Building CXX object src/CMakeFiles/{a}.dir/{b}.cpp.o"),
            10 => writeln!(log, "gcc -O2 -DVERSION=\\\"1.{n}\\\" -I/usr/include/{a} -c src/{b}.c -o {b}.o"),
            _ => writeln!(log, "    let {a} = {b}::new(&self.{a}, {n}).map(|x| x + {m}); // {b} of {a}"),
        };
        written.expect("a string takes all");
    }
    log
}

/// So many secrets, one a line: keys, tokens, digests.
pub fn secrets(count: usize) -> String {
    let mut r = Random(11);
    let mut secrets = String::new();
    for i in 0..count {
        let (len, of) = [(40, LETTERS), (36, LETTERS), (64, HEX), (20, LETTERS)][i % 4];
        secrets.push_str(&r.text(len, of));
        secrets.push('\n');
    }
    secrets
}
