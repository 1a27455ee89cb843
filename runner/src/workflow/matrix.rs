//! `strategy:` and its matrix.

use indexmap::IndexMap;

use super::availability::JOB_STRATEGY;
use super::model::{LiteralOr, LiteralOrList, Matrix, MatrixValue, Strategy};
use super::reader::Reader;
use super::scalar::Scalar;
use super::span::Spanned;
use super::yaml::{Mapping, Node, Yaml};
use crate::expr::Value;

/// Reads `strategy:`.
pub fn strategy(reader: &mut Reader, node: &Node) -> Strategy {
    let mut strategy = Strategy::default();
    let keys = ["matrix", "fail-fast", "max-parallel"];
    let Some(entries) = reader.mapping_of(node, "`strategy`", &keys) else { return strategy };
    if let Some(entry) = entries.get("fail-fast")
        && let Some(fail_fast) = reader.boolean_or_expr(&entry.value, "`fail-fast`", &JOB_STRATEGY)
    {
        strategy.fail_fast = fail_fast;
    }
    if let Some(entry) = entries.get("max-parallel") {
        strategy.max_parallel = reader.number_or_expr(&entry.value, "`max-parallel`", &JOB_STRATEGY);
    }
    if let Some(entry) = entries.get("matrix") {
        let matrix = reader
            .expr_instead(&entry.value, &JOB_STRATEGY)
            .unwrap_or_else(|| literal(reader, &entry.value).map(LiteralOr::Literal));
        strategy.matrix = matrix.map(|matrix| Spanned::new(matrix, entry.key));
    }
    strategy
}

fn literal(reader: &mut Reader, node: &Node) -> Option<Matrix> {
    let entries = reader.mapping(node, "`matrix`")?;
    if entries.is_empty() {
        reader.error(node.span, "`matrix` must have at least one axis or `include`");
        return None;
    }
    let mut matrix = Matrix::default();
    for (name, entry) in entries {
        match name.as_str() {
            "include" => matrix.include = combinations(reader, &entry.value, "include"),
            "exclude" => matrix.exclude = combinations(reader, &entry.value, "exclude"),
            _ => {
                reader.id(name, entry.key, "a matrix axis");
                if let Some(values) = axis(reader, name, &entry.value) {
                    matrix.axes.insert(name.clone(), values);
                }
            }
        }
    }
    Some(matrix)
}

fn axis(reader: &mut Reader, name: &str, node: &Node) -> Option<LiteralOr<Vec<MatrixValue>>> {
    match reader.expr_instead(node, &JOB_STRATEGY) {
        Some(expr) => expr,
        None => {
            let values = list(reader, node, &format!("the matrix axis `{name}`"))?;
            if values.is_empty() {
                reader.error(node.span, format_args!("the matrix axis `{name}` has no values"));
            }
            Some(LiteralOr::Literal(values.iter().filter_map(|item| value(reader, item)).collect()))
        }
    }
}

fn combinations(reader: &mut Reader, node: &Node, what: &str) -> LiteralOrList {
    if let Some(expr) = reader.expr_instead(node, &JOB_STRATEGY) {
        return expr;
    }
    let mut all = Vec::new();
    for item in list(reader, node, &format!("`{what}`"))? {
        if reader.mapping(item, &format!("an entry of `{what}`")).is_some() {
            all.extend(value(reader, item));
        }
    }
    Some(LiteralOr::Literal(all))
}

fn list<'n>(reader: &mut Reader, node: &'n Node, what: &str) -> Option<&'n [std::rc::Rc<Node>]> {
    match &node.value {
        Yaml::Sequence(items) => Some(items),
        _ => {
            let message = format!("{what} must be a list or one expression, not {}", node.kind());
            reader.error_help(node.span, message, "write a list even for one value: `[value]`");
            None
        }
    }
}

fn value(reader: &mut Reader, node: &Node) -> Option<MatrixValue> {
    Some(match &node.value {
        // Reports how a number will read, which is what a version like 3.10 trips over.
        Yaml::Scalar(Scalar::String(_)) => {
            MatrixValue::String(reader.template(node, "a value", &JOB_STRATEGY)?.value)
        }
        Yaml::Scalar(scalar) => {
            reader.template(node, "a value", &JOB_STRATEGY)?;
            MatrixValue::Scalar(Value::from(scalar))
        }
        // The loader bounds the depth.
        Yaml::Sequence(items) => {
            MatrixValue::Array(items.iter().filter_map(|item| value(reader, item)).collect())
        }
        Yaml::Mapping(entries) => MatrixValue::Object(object(reader, entries)),
    })
}

fn object(reader: &mut Reader, entries: &Mapping) -> IndexMap<String, MatrixValue> {
    entries.iter().filter_map(|(key, entry)| Some((key.clone(), value(reader, &entry.value)?))).collect()
}
