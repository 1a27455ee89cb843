//! A build log as real ones look: lines of 20 to 200 bytes; the same in every run.

use crate::random::{HEX, LETTERS, Random};

const WORDS: [&str; 24] = [
    "parser", "serde", "runtime", "async", "handler", "request", "config", "builder", "target", "module",
    "cache", "linker", "schema", "worker", "stream", "index", "session", "router", "metrics", "storage",
    "tokens", "queue", "client", "codec",
];

/// At least so many bytes, and no line more.
pub fn build_log(bytes: usize) -> String {
    let mut random = Random(7);
    let mut log = String::with_capacity(bytes + 2000);
    while log.len() < bytes {
        let words = Words {
            a: random.one_of(&WORDS),
            b: random.one_of(&WORDS),
            n: random.below(100),
            m: random.below(1000),
        };
        log.push_str(&match random.below(20) {
            0..=4 => cargo(&words, &mut random),
            5..=8 => compiler(&words, &mut random),
            9 | 10 => npm(&words, &mut random),
            11..=13 => tests(&words, &mut random),
            14..=16 => service(&words, &mut random),
            17 => git(&words, &mut random),
            18 => trace(&words),
            _ => source(&words),
        });
    }
    log
}

/// What a few lines are about.
struct Words {
    a: &'static str,
    b: &'static str,
    n: usize,
    m: usize,
}

fn cargo(&Words { a, b, n, m }: &Words, random: &mut Random) -> String {
    match random.below(6) {
        0..=2 => format!("   Compiling {a}-{b} v{}.{n}.{}\n", n % 10, m % 20),
        3 => format!("  Downloaded {a}-{b} v{}.{n}.{} (registry `packages.example`)\n", n % 10, m % 20),
        4 => format!(
            "\x1b[0m\x1b[1m\x1b[33mwarning\x1b[0m\x1b[1m: unused variable: `{a}`\x1b[0m\n\
             \x1b[0m  \x1b[0m\x1b[0m\x1b[1m\x1b[34m--> \x1b[0m\x1b[0msrc/{a}/{b}.rs:{m}:{n}\x1b[0m\n"
        ),
        _ => format!(
            "\x1b[1m\x1b[32m    Finished\x1b[0m `release` profile [optimized] in {n}.{:02}s\n",
            m % 100
        ),
    }
}

fn compiler(&Words { a, b, n, m }: &Words, random: &mut Random) -> String {
    match random.below(4) {
        0 => format!(
            "[{n:3}%] \x1b[32mBuilding CXX object src/CMakeFiles/{a}.dir/{b}.cpp.o\x1b[0m\n\
             [{n:3}%] \x1b[1;32mLinking CXX static library lib{a}_{b}.a\x1b[0m\n"
        ),
        1 => format!(
            "gcc -O2 -g -Wall -Wextra -fPIC -DVERSION=\\\"1.{n}.{m}\\\" -DNDEBUG -I/usr/include/{a} \
             -I./include -c src/{a}/{b}.c -o build/{a}/{b}.o\n"
        ),
        2 => format!(
            "src/{a}/{b}.cpp:{m}:{n}: warning: comparison of integer expressions of different signedness: \
             'int' and 'std::size_t' [-Wsign-compare]\n  {m} |     for (int i = 0; i < {a}.size(); ++i) {{\n"
        ),
        _ => format!(
            "-- Looking for {a}_{b}_init in {b} - {}\n",
            if n % 3 == 0 { "not found" } else { "found" }
        ),
    }
}

fn npm(&Words { a, b, n, m }: &Words, random: &mut Random) -> String {
    match random.below(4) {
        0 => format!(
            "npm http fetch GET 200 https://packages.example/{a}-{b}/-/{a}-{b}-1.{n}.3.tgz {m}ms (cache miss)\n"
        ),
        1 => format!("npm warn deprecated {a}-{b}@{}.{n}.1: use @{b}/{a} instead of this module\n", n % 10),
        2 => format!("  \"integrity\": \"sha512-{}==\",\n", random.text(86, LETTERS)),
        _ => format!("added {m} packages, and audited {} packages in {n}s\n", m + 1),
    }
}

fn tests(&Words { a, b, n, m }: &Words, random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("test {a}::tests::{b}_{a}_is_kept_{n} ... ok\n"),
        1 => format!(
            "tests/test_{a}.py::Test{n}::test_{b}_{a}[{m}-True] \x1b[32mPASSED\x1b[0m\x1b[32m [{n:3}%]\x1b[0m\n"
        ),
        _ => format!("  \u{2713} {a} {b} answers within {m} ms for {n} clients ({} ms)\n", m / 2),
    }
}

fn service(&Words { a, b, n, m }: &Words, random: &mut Random) -> String {
    let time = format!("2026-11-25T00:{:02}:{:02}.{m:03}Z", m % 60, n % 60);
    match random.below(3) {
        0 => format!(
            "{{\"time\":\"{time}\",\"level\":\"info\",\"target\":\"{a}::{b}\",\"message\":\"request done\",\
             \"id\":\"{}\",\"status\":200,\"ms\":{n}}}\n",
            uuid(random)
        ),
        1 => format!("{time} INFO  [{a}-{}] status=200 took={n}ms path=/api/v1/{a}/{b}?page={m}\n", n % 8),
        _ => format!("{time} ##[group]Run {a}/{b}@v{} with {m} files and {n} workers\n", n % 10),
    }
}

fn git(&Words { a, b, n, .. }: &Words, random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("{} refs/tags/{a}-v{}.{n}\n", random.text(40, HEX), n % 10),
        1 => format!("HEAD is now at {} {a}: the {b} is kept\n", random.text(9, HEX)),
        _ => format!("{}  dist/{a}-{b}-{n}.tar.gz\n", random.text(64, HEX)),
    }
}

fn trace(&Words { a, b, n, m }: &Words) -> String {
    format!(
        "Traceback (most recent call last):\n  File \"/home/runner/work/{a}/{b}.py\", line {m}, in {a}_{b}\n    \
         return self.{a}.{b}(timeout={n}, retries=3)\n\
         java.lang.IllegalStateException: {a} is closed\n\tat com.example.{a}.{b}.run(Main.java:{m})\n"
    )
}

fn source(&Words { a, b, n, m }: &Words) -> String {
    format!(
        "+    let {a} = {b}::new(&self.{a}, {n}).map(|x| x + {m}); // {b} of {a}\n\
         -    if ({a} !== null && {b}.length > {n}) {{ return \"{a}: {m}\"; }}\n"
    )
}

fn uuid(random: &mut Random) -> String {
    let mut part = |len| random.text(len, HEX);
    [part(8), part(4), part(4), part(4), part(12)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_real_ones() {
        let log = build_log(500_000);
        let odd: Vec<&str> = log.lines().filter(|line| !(20..=200).contains(&line.len())).collect();
        assert!(odd.is_empty(), "{odd:#?}");
        assert!(log.len() < 502_000);
    }
}
