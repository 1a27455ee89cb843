//! What a chunk costs that is one short line, in this process: through a pipe the pipe would be measured.

use std::hint::black_box;

use palisade::mask::detect::Policy;
use palisade::mask::{Masker, Secret};

use crate::measure::{Run, function, in_turns};
use crate::random::{HEX, Random};

const LINES: usize = 4096;
const PASSES: usize = 64;

/// Nanoseconds of the processor for each chunk of 20 bytes: with 100 secrets, with all of them, and with 100 and
/// detection.
pub fn nanoseconds(rounds: usize, secrets: &[String]) -> [f64; 3] {
    let lines = lines();
    let maskers = [
        with(Masker::new(), &secrets[..100]),
        with(Masker::new(), secrets),
        with(Masker::detecting(Policy::default()), &secrets[..100]),
    ];
    let mut runs = maskers.each_ref().map(|masker| -> Run<'_> {
        let (mut stream, mut out, lines) = (masker.stream(), Vec::new(), &lines);
        Box::new(move || {
            function(|| {
                for line in (0..PASSES).flat_map(|_| lines) {
                    stream.push(line.as_bytes(), &mut out);
                    black_box(&out);
                    out.clear();
                }
            })
        })
    });
    let costs = in_turns(rounds, &mut runs);
    std::array::from_fn(|i| costs[i].cpu.as_secs_f64() * 1e9 / (LINES * PASSES) as f64)
}

fn with(masker: Masker, secrets: &[String]) -> Masker {
    for secret in secrets {
        masker.add("bench", &Secret::new(secret.clone())).expect("a secret that can be masked");
    }
    masker
}

/// Different lines of 20 bytes, line end included.
fn lines() -> Vec<String> {
    let mut random = Random(3);
    let line = |i: usize| match i % 4 {
        0 => format!("step {i:6} of {LINES}\n"),
        1 => format!("[{:3}%] build {}.o\n", i % 100, random.text(4, HEX)),
        2 => format!("{} main.c\n", random.text(12, HEX)),
        _ => format!("took {:3} ms, id {:3}\n", i % 1000, i % 997),
    };
    (0..LINES).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_20_bytes() {
        assert!(lines().iter().all(|line| line.len() == 20), "{:?}", &lines()[..4]);
    }
}
