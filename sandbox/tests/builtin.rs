//! Functions of the program that run inside a sandbox.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};

use palisade_sandbox::{
    Access, Builtin, Command, InitMemory, LayerId, Sandbox, Spec, StartStage, Status, Stdio, Workspace,
};

const BUILTINS: &[(&str, Builtin)] =
    &[("describe", describe), ("read", read), ("descriptors", descriptors), ("panic", panic)];

/// Prints its arguments, environment, directory and process id.
fn describe(args: &[OsString]) -> u8 {
    let env: Vec<_> = std::env::vars_os().collect();
    let directory = std::env::current_dir().unwrap_or_default();
    println!("{args:?} {env:?} {directory:?} {}", std::process::id() == 1);
    7
}

/// Copies standard input, then a file; exit code 1 where there is none.
fn read(args: &[OsString]) -> u8 {
    let mut input = String::new();
    let _ = std::io::stdin().read_to_string(&mut input);
    print!("{input}");
    match std::fs::read_to_string(&args[0]) {
        // Without a line's end: it stays in the buffer.
        Ok(content) => print!("{content}"),
        Err(error) => {
            eprintln!("{:?}", error.kind());
            return 1;
        }
    }
    0
}

/// Prints how many descriptors are open, with the one that looks.
fn descriptors(_: &[OsString]) -> u8 {
    println!("{}", std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count));
    0
}

fn panic(_: &[OsString]) -> u8 {
    panic!("as the test wants it")
}

fn main() -> Result<(), Box<dyn Error>> {
    palisade_sandbox::init_if_asked(BUILTINS);
    for memory in [InitMemory::Fresh, InitMemory::Copied] {
        check(memory)?;
    }
    println!("test builtins ... ok");
    Ok(())
}

fn check(memory: InitMemory) -> Result<(), Box<dyn Error>> {
    // Not in /tmp, which is a place of its own inside of the sandbox.
    let host = tempfile::tempdir_in("/var/tmp")?;
    let hidden = host.path().join("hidden");
    std::fs::write(&hidden, "hunter2")?;
    let tree = host.path().join("tree");
    std::fs::create_dir(&tree)?;
    std::fs::write(tree.join("file"), "of the workspace")?;
    let spec = Spec::new()
        .workspace(Workspace {
            source: tree,
            at: "/home/runner/work".into(),
            access: Access::Copy,
            hidden: Vec::new(),
            replaced: Vec::new(),
        })
        .init_memory(memory)
        .allow_degraded(LayerId::Limits)
        .allow_degraded(LayerId::Landlock);
    let starting = Sandbox::start(&spec)?;
    // Nobody may have the caller make what isn't scratch.
    assert!(matches!(starting.make_directory("/usr/x".as_ref()), Err(palisade_sandbox::Error::Spec(_))));
    starting.make_directory("/home/runner/later/on".as_ref())?;
    let sandbox = starting.ready()?;
    let touch = ["-c", "pwd; : > file; stat -c '%u %a' ."];
    let later = Command::new("/bin/sh").args(touch).current_dir("/home/runner/later/on");
    let said = "/home/runner/later/on\n1000 755\n".to_owned();
    assert_eq!(run(&sandbox, later.env("PATH", "/usr/bin:/bin"))?, (Status::Code(0), said));

    let describe = || Command::builtin("describe").args(["a", "b c"]).env("X", "y").env("Z", "");
    let (status, said) = run(&sandbox, describe().current_dir("/home/runner/work"))?;
    assert_eq!(status, Status::Code(7), "{memory:?}");
    assert_eq!(said, r#"["a", "b c"] [("X", "y"), ("Z", "")] "/home/runner/work" false"#.to_owned() + "\n");

    // What a command changes is what a builtin sees.
    let change = "printf changed > /home/runner/work/file";
    run(&sandbox, Command::new("/bin/sh").args(["-c", change]))?;
    let (input, mut writer) = std::io::pipe()?;
    writer.write_all(b"input ")?;
    drop(writer);
    let file = Command::builtin("read").arg("/home/runner/work/file").stdin(Stdio::Fd(input.into()));
    assert_eq!(run(&sandbox, file)?, (Status::Code(0), "input changed".into()));
    // What a command can't see, neither can a builtin.
    let file = Command::builtin("read").arg(&hidden);
    assert_eq!(run(&sandbox, file)?, (Status::Code(1), "NotFound\n".into()));
    let file = Command::builtin("read").arg("/etc/shadow");
    assert_eq!(run(&sandbox, file)?.0, Status::Code(1));
    assert_eq!(run(&sandbox, Command::builtin("descriptors"))?, (Status::Code(0), "4\n".into()));

    let panicked = run(&sandbox, Command::builtin("panic"))?.0;
    assert!([Status::Code(101), Status::Signal(6)].contains(&panicked), "{panicked:?}");
    let nowhere = sandbox.spawn(describe().current_dir("/nowhere"))?.wait();
    assert!(
        matches!(nowhere, Err(palisade_sandbox::Error::Start { what: StartStage::CurrentDir, .. })),
        "{nowhere:?}"
    );
    let unknown = sandbox.spawn(Command::builtin("unknown"));
    assert!(matches!(&unknown, Err(palisade_sandbox::Error::Spec(_))), "{unknown:?}");
    // Init is as good as before.
    assert_eq!(run(&sandbox, describe())?.0, Status::Code(7));
    assert_eq!(run(&sandbox, Command::new("/bin/true"))?.0, Status::Code(0));
    Ok(())
}

/// Runs a command; gives its end and what it wrote.
fn run(sandbox: &Sandbox, command: Command) -> Result<(Status, String), Box<dyn Error>> {
    let (reader, writer) = std::io::pipe()?;
    let command = command.stdout(Stdio::Fd(writer.try_clone()?.into())).stderr(Stdio::Fd(writer.into()));
    let exit = sandbox.spawn(command)?.wait()?;
    let mut said = String::new();
    File::from(std::os::fd::OwnedFd::from(reader)).read_to_string(&mut said)?;
    Ok((exit.status, said))
}
