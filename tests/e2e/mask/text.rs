//! Ordinary text: what build logs are made of, and holds nothing secret.

use palisade_tests::Random;

const HEX: &str = "0123456789abcdef";

/// A line of a build log, without its end.
pub fn line(r: &mut Random) -> String {
    let n = r.below(1000);
    let file =
        *r.pick(&["src/main.rs", "lib/util.js", "pkg/api/server.go", "tests/test_io.py", "include/list.h"]);
    let package = *r.pick(&["serde", "left-pad", "requests", "tokio-util", "@types/node", "zlib1g-dev"]);
    match r.below(18) {
        0 => format!("   Compiling {package} v{}.{}.{}", n % 7, n % 30, n % 11),
        1 => format!(
            "2026-03-{:02}T{:02}:{:02}:11.{n:03}Z step finished in {}.{}s",
            n % 28 + 1,
            n % 24,
            n % 60,
            n % 90,
            n % 10
        ),
        2 => format!(
            "[{:02}:{:02}:07] INFO  fetched {package} from https://packages.example.org/{package}/{n}.tar.gz",
            n % 24,
            n % 60
        ),
        3 => format!("{file}:{n}:{}: warning: unused variable `count` [-Wunused-variable]", n % 80 + 1),
        4 => format!("test module_{}::handles_case_{n} ... ok", n % 9),
        5 => format!("commit {}", r.text(HEX, 40)),
        6 => format!("{}  dist/app-{n}.tar.gz", r.text(HEX, 64)),
        7 => format!("request id {}", uuid(r)),
        8 => format!("\x1b[32m\u{2713}\x1b[0m renders the page ({n} ms)"),
        9 => format!("npm notice total files: {n}"),
        10 => format!("Step {}/12 : RUN apt-get install -y --no-install-recommends {package}", n % 12 + 1),
        11 => format!("    at Object.<anonymous> (/home/runner/work/app/{file}:{n}:13)"),
        12 => format!("make[{}]: Leaving directory '/home/runner/work/app/build'", n % 4),
        13 => format!(
            "{{\"level\":\"info\",\"msg\":\"listening\",\"port\":{},\"path\":\"/api/v1/items\"}}",
            3000 + n
        ),
        14 => {
            format!("Downloading: {}% [{}>{}] {n} kB/s", n % 100, "=".repeat(n % 20), " ".repeat(20 - n % 20))
        }
        15 => format!("::debug::cache key node-{n}-linux"),
        16 => format!("| {package:<14} | {n:>6} | {:>5}% |", n % 100),
        _ => format!("PASS {file} ({}.{} s)", n % 9, n % 10),
    }
}

/// Whole lines of at least so many bytes.
pub fn lines(r: &mut Random, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(&line(r));
        text.push('\n');
    }
    text
}

/// What stands right before something in a line, and right after it.
pub fn neighbours(r: &mut Random) -> (String, String) {
    const WORD: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const BEFORE: [&str; 16] = [
        "",
        " ",
        "key=",
        "auth: ",
        "\"",
        "'",
        "(",
        "Bearer ",
        "{\"auth\":\"",
        "--with-key=",
        "https://",
        "/",
        "\u{e9}",
        "\x1b[1m",
        "=",
        "\t",
    ];
    const AFTER: [&str; 14] =
        ["", " ", "\"", "'", ")", ",", "\"}", "&x=1", "/", ";", "\u{e9}", "\x1b[0m", ".", "\r"];
    let word = |r: &mut Random| {
        let len = r.within(1..=6);
        r.text(WORD, len)
    };
    let before = if r.below(3) == 0 { word(r) } else { r.pick(&BEFORE).to_string() };
    let after = if r.below(3) == 0 { word(r) } else { r.pick(&AFTER).to_string() };
    (before, after)
}

fn uuid(r: &mut Random) -> String {
    [8, 4, 4, 4, 12].map(|len| r.text(HEX, len)).join("-")
}
