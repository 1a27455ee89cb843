//! Runs a command on a copy of a directory, in a sandbox, and shows how each layer held:
//!
//! ```sh
//! cargo run -p palisade-sandbox --example workspace -- . sh -c 'touch made-inside && ls -l'
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use palisade_sandbox::{Access, Command, LayerId, Sandbox, Spec, Stdio, Workspace};

fn main() -> ExitCode {
    // First of all: this process may be the init of a sandbox.
    palisade_sandbox::init_if_asked(&[]);
    match run() {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(4)
        }
    }
}

fn run() -> Result<i32, Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let (Some(directory), Some(program)) = (args.next(), args.next()) else {
        return Err("usage: workspace DIR CMD [ARG…]".into());
    };
    let spec = Spec::new()
        .workspace(Workspace {
            source: PathBuf::from(directory).canonicalize()?,
            at: "/home/runner/work".into(),
            access: Access::Copy,
            hidden: vec!["target".into()],
            replaced: Vec::new(),
        })
        // Without a delegated cgroup, rlimits have to do.
        .allow_degraded(LayerId::Limits);
    let sandbox = Sandbox::create(&spec)?;
    for layer in &sandbox.report().layers {
        eprintln!("{:12}  {:8}  {}", layer.layer, layer.state.as_str(), layer.state.detail());
    }
    let command = Command::new(program)
        .args(args)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/home/runner")
        .current_dir("/home/runner/work")
        .stdout(Stdio::Inherit)
        .stderr(Stdio::Inherit);
    let exit = sandbox.spawn(command)?.wait()?;
    eprintln!("{:?}, {:?}", exit.status, exit.usage);
    Ok(exit.status.shell_code())
}
