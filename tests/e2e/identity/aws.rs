//! AWS: the real CLI and boto3 in jobs, moto's server as AWS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use palisade_tests::{Oracle, Python, python};

use crate::azure::part;
use crate::moto::Moto;
use crate::stand_in::{Answer, StandIn};
use crate::world::World;

pub const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

/// A grant of a role for this tree, with the token service at this address.
pub fn grant(endpoint: &str, more: &str) -> String {
    format!(
        "[[grant]]\nname = 'deploy'\nprovider = 'aws'\nrole = '{ROLE}'\nregion = 'eu-central-1'\n\
         endpoint = '{endpoint}'\nallow = [{{ local = true, repository = 'acme/app' }}]\n{more}\n"
    )
}

/// What the token service answers: XML of one element a line.
pub fn session(key: &str, expiration: &str) -> String {
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>ahz4Ee8oGhaiquahxie7joh1</SecretAccessKey><SessionToken>Iez2shah3cheiPhi9ooFoo5Oe</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/a/b</Arn>\
         </AssumedRoleUser></AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>r-1</RequestId>\
         </ResponseMetadata></AssumeRoleWithWebIdentityResponse>"
    )
}

/// Passes on to moto what a token service is asked, and keeps the values that it gives.
fn watched(moto: &Moto) -> (StandIn, Arc<Mutex<Vec<String>>>) {
    let (port, given): (u16, Arc<Mutex<Vec<String>>>) = (moto.port, Arc::default());
    let kept = given.clone();
    let server = StandIn::start(move |asked| {
        let mut stream = TcpStream::connect(("127.0.0.2", port)).expect("moto listens");
        let request = format!(
            "POST / HTTP/1.1\r\nHost: sts\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
            asked.header("content-type"),
            asked.body.len(),
            asked.body
        );
        stream.write_all(request.as_bytes()).expect("moto listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("moto answers");
        let body = answer.split_once("\r\n\r\n").expect("an answer has a head").1.to_owned();
        for name in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
            let value = body.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
            kept.lock().unwrap().extend(value.map(|(value, _)| value.to_owned()));
        }
        Answer::new(200, body).with("Content-Type: text/xml")
    });
    (server, given)
}

/// A step that has the grant, with the clients on its path.
fn step(python: &Python, script: &str) -> String {
    let bin = python.dir.join("bin").display().to_string();
    let script: String = script.lines().map(|line| format!("          {}\n", line.trim())).collect();
    format!(
        "      - id: deploy\n        env:\n          PALISADE_GRANTS: deploy\n        run: |\n          export \
         PATH={bin}:$PATH\n{script}"
    )
}

#[test]
fn the_aws_cli_uses_a_role_without_a_key_in_the_environment() {
    let Some(python) = python() else { return };
    let moto = Moto::start(python);
    let (sts, given) = watched(&moto);
    let world = World::new();
    world.configure(Some(python), &[("moto.test", moto.port)], &grant(&sts.url(), ""));
    let port = moto.port;
    let script = format!(
        "env | grep AWS_
        export AWS_ENDPOINT_URL=http://moto.test:{port}
        aws configure set default.s3.addressing_style path
        aws sts get-caller-identity
        aws s3 mb s3://releases
        echo released > release
        aws s3 cp release s3://releases/release
        aws s3 cp s3://releases/release -"
    );
    let after = "\n      - run: env | grep AWS_ || echo nothing is left; ls $RUNNER_TEMP";
    let (outcome, events) = world.events(&(step(python, &script) + after));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.step_log("a", 0);
    assert!(log.contains("\"Arn\": \"arn:aws:sts::123456789012:assumed-role/deploy/acme-app-1-1\""), "{log}");
    assert!(
        log.contains("upload: ./release to s3://releases/release") && log.contains("released\n"),
        "{log}"
    );
    for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        assert!(!log.contains(variable), "{log}");
    }
    let left = events.step_log("a", 1);
    assert!(left.starts_with("nothing is left\n") && !left.contains("credentials"), "{left}");
    // One session for all of that, asked for as the grant says.
    let asked = sts.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].field("RoleArn").as_str(), asked[0].field("RoleSessionName").as_str()),
        (ROLE, "acme-app-1-1")
    );
    let issued: Vec<_> = events.of_kind("issued").filter(|event| event["provider"] == "aws").collect();
    assert_eq!(issued.len(), 1, "{outcome}");
    assert_eq!(issued[0]["record"]["role"], ROLE);
    assert!(issued[0]["record"]["request"].as_str().is_some_and(|id| id.len() > 10), "{}", issued[0]);
    let secrets = given.lock().unwrap().clone();
    assert_eq!(secrets.len(), 3);
    assert_eq!(Oracle::new(&secrets).leak(outcome.stdout.as_bytes()), None);
}

#[test]
fn credentials_that_a_step_prints_are_masked_in_every_form() {
    let Some(python) = python() else { return };
    let moto = Moto::start(python);
    let (sts, given) = watched(&moto);
    let world = World::new();
    world.configure(Some(python), &[], &grant(&sts.url(), ""));
    let script = "got=$(curl -s -H \"Authorization: $(cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)\" $AWS_CONTAINER_CREDENTIALS_FULL_URI)
        echo \"$got\"; echo \"$got\" | base64; echo \"$got\" | xxd -p; echo \"$got\" | rev; echo \"$got\" | sed 's/./& /g'
        echo \"$got\" >> $GITHUB_STEP_SUMMARY
        echo \"got=$got\" >> $GITHUB_OUTPUT
        echo \"::warning::$got\"
        python3 -c 'import boto3; c = boto3.Session().get_credentials(); print(c.method, c.secret_key)'
        cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE | tr -d '\\n' | base64 -w0";
    for json in [&["--json"][..], &[]] {
        let outcome = world.run(&step(python, script), json);
        assert!(outcome.stdout.contains("container-role ***"), "{outcome}");
        let secrets = given.lock().unwrap().clone();
        assert!(secrets.len() >= 3);
        let oracle = Oracle::new(&secrets);
        assert_eq!(oracle.leak(outcome.stdout.as_bytes()), None, "{outcome}");
        assert_eq!(oracle.leak(outcome.stderr.as_bytes()), None, "{outcome}");
    }
}

#[test]
fn no_process_has_a_credential_in_its_environment_or_arguments() {
    let Some(python) = python() else { return };
    let moto = Moto::start(python);
    let (sts, given) = watched(&moto);
    let world = World::new();
    world.configure(Some(python), &[("moto.test", moto.port)], &grant(&sts.url(), ""));
    world.workflow(&step(
        python,
        &format!(
            "aws --endpoint-url http://moto.test:{} sts get-caller-identity\necho ready\nsleep 1000",
            moto.port
        ),
    ));
    let mut command = world.context.palisade().args(["run"]).into_command();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("palisade starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let mut said = String::new();
    while !said.contains("\nready\n") {
        assert!(stdout.read_line(&mut said).expect("it can be read") > 0, "{said}");
    }
    let secrets = given.lock().unwrap().clone();
    assert_eq!(secrets.len(), 3);
    let (mut seen, mut with_grant) = (0, 0);
    for entry in std::fs::read_dir("/proc").expect("there is /proc").flatten() {
        for name in ["environ", "cmdline"] {
            let Ok(text) = std::fs::read(entry.path().join(name)) else { continue };
            let text = String::from_utf8_lossy(&text);
            seen += 1;
            with_grant += usize::from(text.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
            for secret in &secrets {
                assert!(
                    !text.contains(secret.as_str()),
                    "{}/{name} has a credential",
                    entry.path().display()
                );
            }
        }
    }
    assert!(seen > 10, "only {seen} could be read");
    // As root the step's own process can be seen; the search has not looked past it.
    assert!(with_grant > 0 || !nix::unistd::geteuid().is_root());
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it lives");
    child.wait().expect("palisade ends");
}

#[test]
fn secrets_and_parameters_are_read_with_the_role() {
    let Some(python) = python() else { return };
    let moto = Moto::start(python);
    let url = format!("http://127.0.0.2:{}", moto.port);
    let make = "import boto3
secrets, ssm = boto3.client('secretsmanager'), boto3.client('ssm')
secrets.create_secret(Name='prod/db', SecretString='{\"user\": \"app\", \"password\": \"Oov3ohNgoo4Aeghu\"}')
secrets.create_secret(Name='prod/key', SecretString='ahChu8oochai5aePhoox')
ssm.put_parameter(Name='/app/token', Value='eeShei9ahqu5ieLo', Type='SecureString')
";
    let made = std::process::Command::new(python.program("python3"))
        .args(["-c", make])
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .status();
    assert!(made.expect("python runs").success());
    let world = World::new();
    let services = format!("endpoints = {{ secretsmanager = '{url}', ssm = '{url}' }}");
    let read = "read.PASSWORD = 'secretsmanager:prod/db#password'\nread.KEY = 'secretsmanager:prod/key'\n\
                read.TOKEN = 'ssm:/app/token'";
    world.configure(None, &[], &grant(&url, &format!("{services}\n{read}")));
    let steps = "      - env:\n          PALISADE_GRANTS: deploy\n        run: |
          for file in $PASSWORD_FILE $KEY_FILE $TOKEN_FILE; do cat $file; echo; wc -c < $file; done
          env | grep -cE 'AWS_|Oov3|ahChu|eeShei' || true
";
    let (outcome, events) = world.events(steps);
    assert_eq!(events.log("a"), "***\n16\n***\n20\n***\n16\n0\n", "{outcome}");
    for (read, why) in [
        (
            "read.A = 'secretsmanager:prod/none'",
            "`secretsmanager:prod/none`: ResourceNotFoundException: Secrets Manager can't find the specified secret",
        ),
        ("read.A = 'secretsmanager:prod/db#pass'", "has no field `pass`; it has `user`, `password`"),
        ("read.A = 'secretsmanager:prod/key#a'", "`secretsmanager:prod/key` is no JSON object"),
        (
            "read.A = 'ssm:/none'",
            "AWS Systems Manager refused: HTTP status 400: `ssm:/none`: ParameterNotFound",
        ),
    ] {
        world.configure(None, &[], &grant(&url, &format!("{services}\n{read}")));
        let outcome = world.palisade(&["identity", "test", "deploy"]);
        assert_eq!(outcome.code, Some(5), "{outcome}");
        assert!(outcome.stderr.contains(why), "no `{why}` in\n{outcome}");
        assert!(!outcome.stderr.contains("Oov3") && !outcome.stderr.contains("ahChu"), "{outcome}");
    }
}

#[test]
fn the_account_s_registry_knows_the_job() {
    let Some(python) = python() else { return };
    let moto = Moto::start(python);
    let url = format!("http://127.0.0.2:{}", moto.port);
    let world = World::new();
    world.configure(None, &[], &grant(&url, &format!("endpoints = {{ ecr = '{url}' }}\nregistry = true")));
    let steps = "      - env:\n          PALISADE_GRANTS: deploy\n        run: |
          tr '{}' '\\n' < $REGISTRY_AUTH_FILE; test $REGISTRY_AUTH_FILE = $HELM_REGISTRY_CONFIG && echo the same
          grep -o '[^\"]*' $REGISTRY_AUTH_FILE | tail -2 | head -1 | base64 -d | cut -c1-4
          env | grep -c AWS_ || true
";
    let (outcome, events) = world.events(steps);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.log("a");
    // Moto's password has the account's number in it, which is masked therefore.
    assert!(log.contains(".dkr.ecr.eu-central-1.amazonaws.com\":\n\"auth\":\"***\""), "{log}");
    assert!(log.ends_with("the same\nAWS:\n0\n"), "{log}");
}

#[test]
fn credentials_are_renewed_before_they_end() {
    let count = Mutex::new(0);
    let sts = StandIn::start(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        // Ends in a moment: so the next ones are asked for at once.
        let end = humantime(now() + 4);
        Answer::new(200, session(&format!("ASIAKEYNUMBER{:07}", *count), &end))
    });
    let world = World::new();
    world.configure(None, &[], &grant(&sts.url(), ""));
    let script = "          get() { curl -sf -H \"Authorization: $(cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)\" $AWS_CONTAINER_CREDENTIALS_FULL_URI | sha256sum; }
          first=$(get); while test \"$first\" = \"$(get)\"; do sleep 0.1; done; echo there are new ones";
    let steps = format!("      - env:\n          PALISADE_GRANTS: deploy\n        run: |\n{script}\n");
    let (outcome, events) = world.events(&steps);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("a").contains("there are new ones"), "{outcome}");
    assert!(sts.asked().len() >= 2);
    assert!(events.of_kind("issued").filter(|event| event["provider"] == "aws").count() >= 2, "{outcome}");
}

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("now").as_secs()
}

/// A moment in RFC 3339.
pub fn humantime(seconds: u64) -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-d"])
        .arg(format!("@{seconds}"))
        .output();
    String::from_utf8(output.expect("date runs").stdout).expect("text").trim().to_owned()
}

#[test]
fn two_sessions_in_one_step_are_refused() {
    let sts =
        StandIn::in_order(vec![Answer::new(200, session("ASIAKEYNUMBER0000001", "2126-01-01T00:00:00Z"))]);
    let world = World::new();
    let one = grant(&sts.url(), "");
    world.configure(None, &[], &(one.clone() + &one.replace("'deploy'", "'other'")));
    let steps = "      - env:\n          PALISADE_GRANTS: deploy, other\n        run: echo never\n      - if: always()\n        run: ls $RUNNER_TEMP\n";
    let (outcome, events) = world.events(steps);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        events.steps("a")[0]
            .contains("the grant `other`: the credentials can't be delivered: a step can have one session")
    );
    assert!(!events.log("a").contains("never") && !events.log("a").contains("credentials"), "{outcome}");
}

#[test]
fn claims_are_tags_of_the_session() {
    let sts =
        StandIn::in_order(vec![Answer::new(200, session("ASIAKEYNUMBER0000001", "2126-01-01T00:00:00Z"))]);
    let world = World::new();
    world.configure(None, &[], &grant(&sts.url(), "tags = ['repository', 'ref', 'environment']"));
    let (outcome, events) =
        world.events("      - env:\n          PALISADE_GRANTS: deploy\n        run: echo on\n");
    assert_eq!(events.log("a"), "on\n", "{outcome}");
    let claims = part(&sts.asked()[0].field("WebIdentityToken"), 1);
    // A claim that is empty is no tag.
    assert_eq!(
        claims["https://aws.amazon.com/tags"].to_string(),
        r#"{"principal_tags":{"ref":["refs/heads/main"],"repository":["acme/app"]}}"#
    );
    let branch = ["checkout", "--quiet", "-b", "a%b"];
    assert!(world.context.command("git").args(branch).status().expect("git runs").success());
    let (outcome, events) =
        world.events("      - env:\n          PALISADE_GRANTS: deploy\n        run: echo on\n");
    assert!(
        events.steps("a")[0].contains("the claim `ref` can't be a tag of AWS: `refs/heads/a%b`"),
        "{outcome}"
    );
}

#[test]
fn another_step_gets_nothing() {
    let sts =
        StandIn::in_order(vec![Answer::new(200, session("ASIAKEYNUMBER0000001", "2126-01-01T00:00:00Z"))]);
    let world = World::new();
    world.configure(None, &[], &grant(&sts.url(), "steps = ['deploy']"));
    let ask = "curl -s -o /dev/null -w '%{http_code}\\n'";
    let steps = format!(
        "      - id: deploy
        env:
          PALISADE_GRANTS: deploy
        run: |
          echo $AWS_CONTAINER_CREDENTIALS_FULL_URI > uri; cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE > token
          {ask} $AWS_CONTAINER_CREDENTIALS_FULL_URI
          {ask} -H \"Authorization: Bearer 00000000000000000000000000000000\" $AWS_CONTAINER_CREDENTIALS_FULL_URI
          {ask} -H \"Authorization: $(cat token)\" $(dirname $AWS_CONTAINER_CREDENTIALS_FULL_URI)/other
          {ask} -H \"Authorization: $(cat token)\" $(cat uri)
      - run: |
          {ask} -H \"Authorization: $(cat token)\" $(cat uri)
      - id: other
        env:
          PALISADE_GRANTS: deploy
        run: echo never
"
    );
    let (outcome, events) = world.events(&steps);
    assert_eq!(events.step_log("a", 0), "401\n401\n401\n200\n", "{outcome}");
    assert_eq!(events.step_log("a", 1), "401\n", "{outcome}");
    let steps = events.steps("a");
    assert!(steps[2].contains("`steps`: it is for the step `deploy`, and this one is `other`"), "{outcome}");
    assert!(!events.log("a").contains("never"));
}

#[test]
fn what_another_step_has_left_behind_reads_no_file_of_credentials() {
    let sts =
        StandIn::in_order(vec![Answer::new(200, session("ASIAKEYNUMBER0000001", "2126-01-01T00:00:00Z"))]);
    let world = World::new();
    world.configure(None, &[], &grant(&sts.url(), ""));
    let steps = "      - run: |
          cat > /tmp/spy <<'END'
          trap '' TERM INT HUP
          while sleep 0.05; do
            cat $RUNNER_TEMP/_credentials* /proc/[0-9]*/environ >> /tmp/spied 2>/dev/null
            echo tried >> /tmp/spied
          done
          END
          bash /tmp/spy > /dev/null 2>&1 &
          setsid nohup bash /tmp/spy > /dev/null 2>&1 &
          until test -s /tmp/spied; do sleep 0.05; done
      - env:
          PALISADE_GRANTS: deploy
        run: wc -c < $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; sleep 1
      - run: test -s /tmp/spied; grep -a -c -E 'Bearer|AWS_CONTAINER' /tmp/spied || true
";
    let (outcome, events) = world.events(steps);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("a", 1), "71\n", "{outcome}");
    assert_eq!(events.step_log("a", 2), "0\n", "{outcome}");
}

#[test]
fn who_may_not_have_it_is_told_why_before_anything_runs() {
    let sts =
        StandIn::in_order(vec![Answer::new(200, session("ASIAKEYNUMBER0000001", "2126-01-01T00:00:00Z"))]);
    let world = World::new();
    let allow = "allow = [{ server = 'https://git.example.org', repository = 'acme/app', ref = 'refs/heads/main', \
                 environment = 'production', approved = true }]";
    let local = "allow = [{ local = true, repository = 'acme/app' }]";
    let grants =
        grant(&sts.url(), "").replace(local, allow) + "\n[environment.production]\napprovers = ['ops']\n";
    world.configure(None, &[], &grants);
    let job = ["--server", "https://git.example.org", "--repository", "acme/app"];
    let good = ["--ref", "refs/heads/main", "--environment", "production", "--approved"];
    let test = |more: &[&str]| {
        let args: Vec<&str> =
            ["identity", "test", "deploy"].iter().chain(&job).chain(more).copied().collect();
        world.palisade(&args)
    };
    let outcome = test(&good);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("role     arn:aws:iam::123456789012:role/deploy"), "{outcome}");
    assert!(!outcome.stdout.contains("ahz4Ee8oGhaiquahxie7joh1"), "{outcome}");
    let fork: Vec<&str> = good.iter().copied().chain(["--fork"]).collect();
    for (more, why) in [
        (&fork[..], "`fork`: this is, or was caused by, code of a fork"),
        (
            &["--ref", "refs/heads/evil", "--environment", "production", "--approved"],
            "`ref`: it must be `refs/heads/main`",
        ),
        (
            &["--ref", "refs/heads/main", "--environment", "production"],
            "`approved`: it must be true, and it is false",
        ),
        (&["--ref", "refs/heads/main"], "`environment`: it must be `production`"),
    ] {
        let outcome = test(more);
        assert_eq!(outcome.code, Some(3), "{outcome}");
        assert!(outcome.stderr.contains(why), "no `{why}` in\n{outcome}");
    }
    assert_eq!(sts.asked().len(), 1, "who is refused isn't known to the provider");
    let (outcome, events) =
        world.events("      - env:\n          PALISADE_GRANTS: deploy\n        run: echo never\n");
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(events.steps("a")[0].contains("the grant `deploy` is refused: `local`"), "{outcome}");
    assert!(!events.log("a").contains("never"));
}
