//! `container:` and `services:` of a job: the images that it needs. This version has none, so a job that needs one
//! fails when its turn comes; the others of its workflow run. Source: "Workflow syntax for GitHub Actions",
//! `jobs.<job_id>.container` and `jobs.<job_id>.services`.

use super::availability::{CONTAINER_ENV, CREDENTIALS, JOB_CONTAINER};
use super::keys::{CREDENTIALS as CREDENTIALS_KEYS, JOB_CONTAINER as CONTAINER_KEYS, Keys, SERVICE};
use super::reader::Reader;
use super::span::Spanned;
use super::yaml::{Mapping, Node, Yaml};
use crate::expr::{EvalError, Scope, Template, Value};
use crate::lint::Lint;

/// What is said of a job in a container, and what to do instead.
pub const CONTAINER: (&str, &str) = (
    "this version can't run in a container",
    "the job runs in the host's sandbox; install what it needs in a step",
);
/// The same of service containers.
pub const SERVICES: (&str, &str) =
    ("this version can't start service containers", "start what the job needs in a step");

/// The images of a job. One that is empty once it is evaluated stands for none, as on GitHub.
#[derive(Clone, Debug, Default)]
pub struct Images {
    container: Option<Spanned<Template>>,
    services: Vec<Spanned<Template>>,
}

impl Images {
    /// Reads `container` and `services` of a job.
    pub fn read(reader: &mut Reader, job: &Mapping) -> Images {
        let mut images = Images::default();
        if let Some(entry) = job.get("container") {
            images.container = image(reader, &entry.value, "`container`", &CONTAINER_KEYS);
            warn(reader, images.container.as_ref(), CONTAINER);
        }
        if let Some(entry) = job.get("services")
            && let Some(services) = reader.mapping(&entry.value, "`services`")
        {
            for (name, entry) in services {
                let image = image(reader, &entry.value, &format!("the service `{name}`"), &SERVICE);
                warn(reader, image.as_ref(), SERVICES);
                images.services.extend(image);
            }
        }
        images
    }

    /// Why a job can't run with these; `None` where it needs no image.
    pub fn refusal(&self, scope: &dyn Scope) -> Result<Option<String>, EvalError> {
        let services = self.services.iter().map(|image| (image, SERVICES));
        for (image, (what, help)) in self.container.iter().map(|image| (image, CONTAINER)).chain(services) {
            let image = match image.evaluate_value(scope)? {
                Value::Object(container) => container.get("image").cloned().unwrap_or_default(),
                image => image,
            };
            let image = image.to_display_string();
            if !image.is_empty() {
                return Ok(Some(format!("{what} (`{image}`); {help}")));
            }
        }
        Ok(None)
    }
}

/// The image of a container: the value itself, or its `image`.
fn image(reader: &mut Reader, node: &Node, what: &str, keys: &Keys) -> Option<Spanned<Template>> {
    if !matches!(node.value, Yaml::Mapping(_)) {
        return reader.template(node, what, &JOB_CONTAINER);
    }
    let entries = reader.mapping_of(node, what, keys)?;
    if let Some(entry) = entries.get("env") {
        reader.env(&entry.value, "`env`", &CONTAINER_ENV);
    }
    if let Some(entry) = entries.get("credentials") {
        credentials(reader, &entry.value);
    }
    for key in ["options", "entrypoint", "command"] {
        if let Some(entry) = entries.get(key) {
            reader.template(&entry.value, &format!("`{key}`"), &JOB_CONTAINER);
        }
    }
    for key in ["ports", "volumes"] {
        if let Some(entry) = entries.get(key) {
            list(reader, &entry.value, &format!("`{key}`"));
        }
    }
    match entries.get("image") {
        // A server writes one that isn't there as an empty one.
        Some(entry) if reader.rewritten => reader.template(&entry.value, "`image`", &JOB_CONTAINER),
        Some(entry) => reader.full_template(&entry.value, "`image`", &JOB_CONTAINER),
        None => {
            reader.missing(node.span, what, "image");
            None
        }
    }
}

/// Checks the credentials of a registry: a mapping, or one expression for all of it.
fn credentials(reader: &mut Reader, node: &Node) {
    if reader.expr_instead::<()>(node, &CREDENTIALS).is_some() {
        return;
    }
    let entries = reader.mapping_of(node, "`credentials`", &CREDENTIALS_KEYS);
    for (key, entry) in entries.into_iter().flatten() {
        reader.full_template(&entry.value, &format!("`{key}`"), &CREDENTIALS);
    }
}

/// Checks a list of texts, or one expression for all of it.
fn list(reader: &mut Reader, node: &Node, what: &str) {
    match &node.value {
        Yaml::Sequence(items) => {
            for item in items {
                reader.full_template(item, &format!("an entry of {what}"), &JOB_CONTAINER);
            }
        }
        _ => {
            if reader.expr_instead::<()>(node, &JOB_CONTAINER).is_none() {
                reader.error(
                    node.span,
                    format_args!("{what} must be a list or one expression, not {}", node.kind()),
                );
            }
        }
    }
}

fn warn(reader: &mut Reader, image: Option<&Spanned<Template>>, (what, help): (&str, &str)) {
    if let Some(image) = image
        && image.as_literal().is_some_and(|image| !image.is_empty())
    {
        let message = format!("{what}, so the job fails");
        reader.warn(Lint::NeedsImage, image.span, message, help);
    }
}
