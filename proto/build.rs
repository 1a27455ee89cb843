//! Makes Rust of the protocol descriptions, without a protoc on the machine.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let protocols = ["src/forgejo/ping.proto", "src/forgejo/runner.proto"];
    for path in protocols {
        println!("cargo::rerun-if-changed={path}");
    }
    let descriptors = protox::compile(protocols, ["src/forgejo"])?;
    prost_build::Config::new()
        // Messages hold tokens and secrets: none of them can be printed.
        .skip_debug(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
