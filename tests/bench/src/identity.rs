//! ID tokens: signing one, many steps' processes that ask at once, credentials for one, and what jobs pay that have nothing to
//! do with it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade::identity::claims::Observed;
use palisade::identity::exchange::Algorithm;
use palisade::identity::issuer::Issuer;
use palisade::identity::{Claims, Facts};
use palisade::state::State;

use crate::measure::{Run, in_turns, median, program};
use crate::table::{Goal, line};

/// How many tokens are signed.
const SIGNED: u32 = 500;
/// How many ask at once.
const AT_ONCE: usize = 200;
/// How often each workflow is run.
const ROUNDS: usize = 20;

/// The part of this program that runs as a step: asks for tokens at once and prints how long that took.
pub fn part(args: &[&str]) -> Option<()> {
    if args != ["ask-for-tokens"] {
        return None;
    }
    let variable = |name: &str| std::env::var(name).expect("a job with the right to tokens");
    let (url, bearer) =
        (variable("ACTIONS_ID_TOKEN_REQUEST_URL"), variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
    let (address, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let request = format!(
        "GET /{path}&audience=sts.example HTTP/1.1\r\nHost: {address}\r\nAuthorization: bearer {bearer}\r\n\r\n"
    );
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(address).expect("the endpoint");
                stream.write_all(request.as_bytes()).expect("a request");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("an answer");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            });
        }
    });
    println!("{} us", start.elapsed().as_micros());
    Some(())
}

/// Prints the section.
pub fn section(palisade: &str, dir: &Path) {
    println!("\nID tokens");
    let dir = dir.join("identity");
    fs::create_dir_all(&dir).expect("a directory");
    for (algorithm, goal) in [(Algorithm::Es256, Some(Goal::AtMost(0.2))), (Algorithm::Rs256, None)] {
        let state = State::locate(Some(dir.join(algorithm.as_str())));
        let issuer = Issuer::init(&state, "https://ci.example", &[algorithm]).expect("an issuer");
        let facts =
            Facts::of_forge("https://git.example", &Default::default(), "ci.yml", &Default::default());
        let claims = Claims::new(&facts, &Observed::default(), &Default::default());
        let sign = || issuer.token(&claims, "sts.example", algorithm).expect("a token");
        sign();
        let start = Instant::now();
        for _ in 0..SIGNED {
            sign();
        }
        let each = start.elapsed() / SIGNED;
        line(&format!("signing a token, {algorithm}"), each.as_secs_f64() * 1e3, "ms", goal);
    }
    at_once(palisade, &dir);
    exchanged(palisade, &dir);
    unused(palisade, &dir);
}

fn at_once(palisade: &str, dir: &Path) {
    let program = std::env::current_exe().expect("this program");
    let made = Command::new(palisade)
        .args(["issuer", "init", "--url", "https://ci.example", "--state", "state"])
        .current_dir(dir)
        .output();
    assert!(made.is_ok_and(|made| made.status.success()));
    let config = format!(
        "sandbox.ro = ['{}']\n[[grant]]\nname = 'id'\nprovider = 'id-token'\naudiences = ['sts.example']\n\
         allow = [{{ local = true, repository = '**' }}]\n",
        program.display()
    );
    fs::write(dir.join("config.toml"), config).expect("the configuration");
    let tree = dir.join("tree");
    fs::create_dir_all(&tree).expect("a directory");
    let step = format!("run: {} ask-for-tokens", program.display());
    let workflow = format!(
        "on: push\npermissions: {{ id-token: write }}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - {step}\n"
    );
    fs::write(tree.join("ask.yml"), workflow).expect("the workflow");
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let run = Command::new(palisade)
                .args(["run", "ask.yml", "--config", "../config.toml", "--state", "../state"])
                .current_dir(&tree)
                .output()
                .expect("palisade starts");
            let said = String::from_utf8_lossy(&run.stdout);
            let time = said.lines().find_map(|line| line.strip_suffix(" us")?.parse().ok());
            Duration::from_micros(
                time.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&run.stderr))),
            )
        })
        .collect();
    times.sort();
    let name = format!("{AT_ONCE} tokens asked for at once, masked and recorded");
    line(&name, times[2].as_secs_f64() * 1e3, "ms", Some(Goal::AtMost(500.0)));
}

/// A stand-in for AWS's token service, which gives everybody the same session; tells how long it took for each.
fn token_service() -> (u16, Arc<Mutex<Vec<Duration>>>) {
    const SESSION: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
        <AccessKeyId>ASIAKEYNUMBER0000001</AccessKeyId><SecretAccessKey>ahz4Ee8oGhaiquahxie7joh1</SecretAccessKey>\
        <SessionToken>Iez2shah3cheiPhi9ooFoo5Oe</SessionToken><Expiration>2126-01-01T00:00:00Z</Expiration></Credentials>\
        <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/a/b</Arn></AssumedRoleUser></AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let kept = times.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let start = Instant::now();
            let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the request");
            let size = SESSION.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n{SESSION}");
            stream.write_all(answer.as_bytes()).expect("who asks reads");
            kept.lock().expect("nobody panics with it").push(start.elapsed());
        }
    });
    (port, times)
}

/// What a step pays for credentials: the endpoint, a token, the exchange, masking, and their delivery.
fn exchanged(palisade: &str, dir: &Path) {
    let (port, own) = token_service();
    let config = format!(
        "[[grant]]\nname = 'aws'\nprovider = 'aws'\nrole = 'arn:aws:iam::123456789012:role/a'\n\
         region = 'eu-central-1'\nendpoint = 'http://127.0.0.1:{port}'\n\
         allow = [{{ local = true, repository = '**' }}]\n"
    );
    fs::write(dir.join("aws.toml"), config).expect("the configuration");
    let tree = dir.join("tree");
    for (name, env) in [("with.yml", "PALISADE_GRANTS: aws"), ("without.yml", "NOTHING: aws")] {
        let workflow = format!(
            "on: push\npermissions: {{ id-token: write }}\njobs:\n  a:\n    runs-on: x\n    steps:\n      \
             - {{ run: ':', env: {{ {env} }} }}\n"
        );
        fs::write(tree.join(name), workflow).expect("the workflow");
    }
    let run = |file: &str| {
        let mut command = Command::new(palisade);
        command.args(["run", file, "--state", "../state", "--config", "../aws.toml"]).current_dir(&tree);
        program(&mut command)
    };
    let contenders: [Run<'_>; 2] = [Box::new(|| run("without.yml")), Box::new(|| run("with.yml"))];
    let costs = in_turns(ROUNDS, &mut { contenders });
    let own = median(own.lock().expect("nobody panics with it").clone());
    let beyond = costs[1].wall.saturating_sub(costs[0].wall).saturating_sub(own);
    line("the provider's own time for credentials", own.as_secs_f64() * 1e3, "ms", None);
    let goal = Some(Goal::AtMost(5.0));
    line("grant to credentials, beyond that", beyond.as_secs_f64() * 1e3, "ms", goal);
}

/// A job that has no right to tokens, with and without grants in the configuration.
fn unused(palisade: &str, dir: &Path) {
    let tree = dir.join("tree");
    fs::write(
        tree.join("plain.yml"),
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: ':'\n",
    )
    .expect("the workflow");
    fs::write(dir.join("empty.toml"), "").expect("the configuration");
    let run = |config: &str| {
        let mut command = Command::new(palisade);
        command.args(["run", "plain.yml", "--state", "../state", "--config", config]).current_dir(&tree);
        program(&mut command)
    };
    let contenders: [Run<'_>; 2] = [Box::new(|| run("../empty.toml")), Box::new(|| run("../config.toml"))];
    let costs = in_turns(ROUNDS, &mut { contenders });
    let [without, with] = [costs[0].wall.as_secs_f64() * 1e3, costs[1].wall.as_secs_f64() * 1e3];
    line("a job that asks for nothing, no grants configured", without, "ms", None);
    line("the same with grants", with, "ms", None);
}
