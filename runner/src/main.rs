//! The `palisade` binary.

fn main() -> std::process::ExitCode {
    palisade_sandbox::init_if_asked(palisade::inside::BUILTINS);
    palisade::cli::main()
}
