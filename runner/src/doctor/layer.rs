//! The layers of isolation, by setting up a sandbox as a job gets it.

use std::collections::BTreeSet;

use palisade_sandbox::{Error, LayerId, LayerReport, LayerState, Sandbox, Spec};

use super::Finding;

pub fn check(may_degrade: &[LayerId]) -> Vec<Finding> {
    examine(may_degrade, |off| {
        let spec = LayerId::ALL.into_iter().fold(Spec::new(), Spec::allow_degraded);
        let sandbox = Sandbox::create(&off.iter().copied().fold(spec, Spec::without))?;
        Ok(sandbox.report().layers.clone())
    })
}

/// Tries again without a layer that failed, so that the others are told of too.
fn examine(
    may_degrade: &[LayerId],
    create: impl Fn(&BTreeSet<LayerId>) -> Result<Vec<LayerReport>, Error>,
) -> Vec<Finding> {
    let mut failures = Vec::new();
    let mut off = BTreeSet::new();
    let reports = loop {
        match create(&off) {
            Ok(reports) => break reports,
            Err(Error::Layer(error)) => {
                let remedy = error.remedy.clone().unwrap_or_else(|| NO_REMEDY.into());
                failures.push((error.layer, Finding::fail(id(error.layer), error.to_string(), remedy)));
                // The others stand on these three, and nothing fails twice.
                let base = matches!(error.layer, LayerId::User | LayerId::Mount | LayerId::Pid);
                if base || !off.insert(error.layer) {
                    break Vec::new();
                }
            }
            Err(error) => {
                failures.push((LayerId::User, Finding::fail("layer", error.to_string(), NO_REMEDY)));
                break Vec::new();
            }
        }
    };
    let mut findings: Vec<_> = reports
        .into_iter()
        .filter(|report| !off.contains(&report.layer))
        .map(|report| (report.layer, judge(report, may_degrade)))
        .chain(failures)
        .collect();
    findings.sort_by_key(|(layer, _)| *layer);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

const NO_REMEDY: &str = "none known: report it with the output of `palisade doctor` and `uname -a`";

fn id(layer: LayerId) -> String {
    format!("layer.{layer}")
}

fn judge(report: LayerReport, may_degrade: &[LayerId]) -> Finding {
    let LayerReport { layer, state } = report;
    let id = id(layer);
    let cause = match layer {
        LayerId::Limits => "see `cgroup`",
        LayerId::Landlock => "see `landlock`",
        _ => "see what it says",
    };
    match state {
        LayerState::Held(evidence) => Finding::ok(id, format!("held: {evidence}")),
        LayerState::Off(why) => Finding::ok(id, format!("off: {why}")),
        LayerState::Weaker(why) => Finding::warn(id, format!("degraded: {why}"), cause),
        LayerState::Degraded(why) if may_degrade.contains(&layer) => {
            Finding::warn(id, format!("degraded: {why}"), cause)
        }
        LayerState::Degraded(why) => Finding::fail(
            id,
            format!("degraded: {why}"),
            format!(
                "{cause}; to run jobs with less of it, put `{layer}` into `allow-degraded` of the configuration"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_sandbox::LayerError;

    fn report(layer: LayerId, state: LayerState) -> LayerReport {
        LayerReport { layer, state }
    }

    fn failure(layer: LayerId) -> Error {
        let action = "try".to_owned();
        Error::Layer(LayerError { layer, action, errno: nix::libc::EPERM, remedy: Some("do this".into()) })
    }

    fn lines(findings: Vec<Finding>) -> Vec<String> {
        findings.iter().map(|f| format!("{} {} {}", f.verdict.as_str(), f.id, f.found)).collect()
    }

    #[test]
    fn the_other_layers_are_told_of_when_one_fails() {
        let findings = examine(&[], |off| {
            if let Some(layer) =
                [LayerId::Landlock, LayerId::Seccomp].into_iter().find(|layer| !off.contains(layer))
            {
                return Err(failure(layer));
            }
            Ok(vec![
                report(LayerId::User, LayerState::Held("uid 1000".into())),
                report(LayerId::Landlock, LayerState::Off("by configuration".into())),
                report(LayerId::Limits, LayerState::Held("cgroup v2".into())),
            ])
        });
        insta::assert_snapshot!(lines(findings).join("\n"), @r"
        ok layer.user held: uid 1000
        fail layer.landlock isolation layer `landlock` could not be set up: cannot try: EPERM: Operation not permitted
        fail layer.seccomp isolation layer `seccomp` could not be set up: cannot try: EPERM: Operation not permitted
        ok layer.limits held: cgroup v2
        ");
    }

    #[test]
    fn nothing_stands_without_the_base() {
        let findings = examine(&[], |_| Err(failure(LayerId::User)));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].verdict.remedy(), Some("do this"));
        let findings = examine(&[], |_| Err(failure(LayerId::Seccomp)));
        assert_eq!(findings.len(), 2, "a layer that fails although it is off ends the trial");
    }

    #[test]
    fn less_of_a_layer_is_a_failure_unless_it_is_allowed() {
        let degraded = |layer| judge(report(layer, LayerState::Degraded("why".into())), &[LayerId::Limits]);
        assert_eq!(degraded(LayerId::Limits).verdict.as_str(), "warn");
        assert_eq!(degraded(LayerId::Landlock).verdict.as_str(), "fail");
        let weaker = report(LayerId::Landlock, LayerState::Weaker("why".into()));
        assert_eq!(judge(weaker, &[]).verdict.as_str(), "warn");
    }
}
