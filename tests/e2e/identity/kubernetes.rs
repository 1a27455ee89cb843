//! Kubernetes: the API server is a stand-in, from the documentation of its API; `kubectl` is used where there is one.

use palisade_tests::{Need, require};
use serde_json::json;

use crate::stand_in::{Answer, Asked, StandIn};
use crate::world::World;

const TOKEN: &str = "eyJrdWJlIjoidG9rZW4ifQ.Zoh5eeph8sheixaeB5Ee.aeth8eiphoh0Oe";

fn cluster(name: &str) -> (StandIn, String) {
    StandIn::encrypted(name, |asked: &Asked| {
        let is_ours = asked.header("authorization").starts_with("Bearer eyJ");
        match asked.path.as_str() {
            "/api/v1/namespaces/apps/serviceaccounts/deployer/token" if is_ours => {
                assert_eq!(asked.json()["spec"]["expirationSeconds"], 600);
                Answer::json(
                    201,
                    &json!({ "status": { "token": TOKEN, "expirationTimestamp": "2126-01-01T00:00:00Z" } }),
                )
            }
            // gcloud's kubectl asks first which version to be.
            path if path.starts_with("/version") => {
                Answer::json(200, &json!({ "major": "1", "minor": "34", "gitVersion": "v1.34.0" }))
            }
            "/api/v1/namespaces/apps/pods/web" if is_ours => Answer::json(
                200,
                &json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "web" } }),
            ),
            _ => {
                let message =
                    "serviceaccounts \"root\" is forbidden: User \"palisade:repo:acme/app\" cannot create it";
                Answer::json(
                    403,
                    &json!({ "kind": "Status", "status": "Failure", "message": message, "code": 403 }),
                )
            }
        }
    })
}

fn configure(world: &World, name: &str, more: &str) -> StandIn {
    let (cluster, ca) = cluster(name);
    let path = world.context.root().join("cluster.pem");
    std::fs::write(&path, ca).expect("a file");
    let port = cluster.address.port();
    world.configure(
        None,
        &[("cluster.test", port)],
        &format!(
            "[[grant]]\nname = 'cluster'\nprovider = 'kubernetes'\nserver = 'https://{name}:{port}'\n\
             ca-file = '{}'\nallow = [{{ local = true, repository = 'acme/app' }}]\n{more}\n",
            path.display()
        ),
    );
    cluster
}

const STEP: &str = "      - env:\n          PALISADE_GRANTS: cluster\n        run: |\n";

#[test]
fn an_id_token_is_in_a_kubeconfig() {
    let world = World::new();
    let _cluster = configure(&world, "cluster.test", "namespace = 'apps'");
    let script = "          tr ',{}' '\\n' < $KUBECONFIG | grep -E 'server|tokenFile|namespace|certificate' | cut -c1-60
          file=$(grep -o '/[^\"]*kubernetes-cluster' $KUBECONFIG); cut -d. -f1 $file | base64 -d 2>/dev/null | grep -c ES256
          env | grep -c eyJ || true
";
    let (outcome, events) = world.events(&format!("{STEP}{script}"));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.log("a");
    for line in [
        "\"namespace\":\"apps\"",
        "\"certificate-authority-data\":\"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS",
        "\"tokenFile\":",
    ] {
        assert!(log.contains(line), "no {line} in\n{log}");
    }
    assert!(log.ends_with("1\n0\n"), "{log}");
}

#[test]
fn kubectl_uses_it() {
    if !require(Need::Program("kubectl")) {
        return;
    }
    let world = World::new();
    let cluster = configure(&world, "cluster.test", "namespace = 'apps'");
    let (outcome, events) =
        world.events(&format!("{STEP}          kubectl get --raw /api/v1/namespaces/apps/pods/web\n"));
    assert!(events.log("a").contains("\"name\":\"web\""), "{outcome}");
    assert!(!cluster.asked().is_empty());
}

#[test]
fn a_service_account_s_token_is_asked_for() {
    let world = World::new();
    // By an address: this runner knows no names of the tests.
    let cluster = configure(&world, "127.0.0.2", "namespace = 'apps'\nservice-account = 'deployer'");
    let outcome = world.palisade(&["identity", "test", "cluster"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    for line in ["  account    deployer", "  expires    2126-01-01T00:00:00.000Z", "  secrets    token"] {
        assert!(outcome.stdout.contains(line), "no `{line}` in\n{outcome}");
    }
    assert_eq!(cluster.asked().len(), 1);
    let _cluster = configure(&world, "127.0.0.2", "namespace = 'apps'\nservice-account = 'root'");
    let outcome = world.palisade(&["identity", "test", "cluster"]);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    let why = "Kubernetes refused: HTTP status 403: serviceaccounts \"root\" is forbidden";
    assert!(outcome.stderr.contains(why), "{outcome}");
    // Another authority's certificate.
    let unknown = configure(&world, "127.0.0.2", "namespace = 'apps'\nservice-account = 'deployer'");
    let (_, other) = self::cluster("127.0.0.2");
    std::fs::write(world.context.root().join("cluster.pem"), other).expect("a file");
    let outcome = world.palisade(&["identity", "test", "cluster"]);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    assert!(outcome.stderr.contains("no encrypted connection"), "{outcome}");
    assert_eq!(unknown.asked().len(), 0);
}
