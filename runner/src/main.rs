//! The `palisade` binary.

fn main() -> std::process::ExitCode {
    palisade_sandbox::init_if_asked(palisade::inside::BUILTINS);
    let spare = palisade::cli::spare();
    palisade::egress::gateway::run_if_asked().unwrap_or_else(|| palisade::cli::main(spare))
}
