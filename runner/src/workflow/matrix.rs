//! `strategy:` and its matrix.

use indexmap::IndexMap;

use super::availability::JOB_STRATEGY;
use super::keys::{EXCLUDE, INCLUDE, STRATEGY};
use super::model::{LiteralOr, LiteralOrList, Matrix, MatrixValue, Strategy};
use super::reader::Reader;
use super::scalar::Scalar;
use super::span::{Span, Spanned};
use super::yaml::{Entry, Mapping, Node, Yaml};
use crate::expr::{Contexts, Expr, Object, ParseError, Template, Value, is_insert};
use crate::job::matrix::{MAX_JOBS, MatrixError, expand};

/// Most combinations before `exclude` takes some away.
const MAX_PRODUCT: usize = 4 * MAX_JOBS;
/// Most axes, and most entries of `include` and `exclude` each.
const MAX_AXES: usize = 64;
const MAX_ENTRIES: usize = MAX_JOBS;

/// Reads `strategy:`.
pub fn strategy(reader: &mut Reader, node: &Node) -> Strategy {
    let mut strategy = Strategy::default();
    match reader.expr_instead::<Matrix>(node, &JOB_STRATEGY) {
        Some(Some(LiteralOr::Expr(expr))) => {
            return computed(node, &expr).unwrap_or_else(|error| {
                reader.error(node.span, format_args!("bad expression: {}", error.message));
                strategy
            });
        }
        Some(_) => return strategy,
        None => {}
    }
    let Some(entries) = reader.mapping_of(node, "`strategy`", &STRATEGY) else { return strategy };
    if let Some(entry) = entries.get("fail-fast")
        && let Some(fail_fast) = reader.boolean_or_expr(&entry.value, "`fail-fast`", &JOB_STRATEGY)
    {
        strategy.fail_fast = fail_fast;
    }
    if let Some(entry) = entries.get("max-parallel") {
        strategy.max_parallel = reader.limit(&entry.value, "`max-parallel`", &JOB_STRATEGY);
    }
    if let Some(entry) = entries.get("matrix") {
        let matrix = reader
            .expr_instead(&entry.value, &JOB_STRATEGY)
            .unwrap_or_else(|| literal(reader, &entry.value).map(LiteralOr::Literal));
        if let Some(LiteralOr::Literal(literal)) = &matrix
            && !reader.found.is_full()
        {
            check_count(reader, entry.key, literal);
        }
        strategy.matrix = matrix.map(|matrix| Spanned::new(matrix, entry.key));
    }
    strategy
}

/// A strategy that is one expression as a whole: each of its settings is a member of the value.
fn computed(node: &Node, whole: &Expr) -> Result<Strategy, ParseError> {
    let whole = whole.source();
    let matrix = Expr::parse(&format!("({whole}).matrix"))?;
    Ok(Strategy {
        matrix: Some(Spanned::new(LiteralOr::Expr(matrix), node.span)),
        // One that isn't there is null, which equals false.
        fail_fast: LiteralOr::Expr(Expr::parse(&format!("toJSON(({whole})['fail-fast']) != 'false'"))?),
        max_parallel: Some(LiteralOr::Expr(Expr::parse(&format!("({whole})['max-parallel']"))?)),
    })
}

fn literal(reader: &mut Reader, node: &Node) -> Option<Matrix> {
    let entries = reader.mapping(node, "`matrix`")?;
    if entries.is_empty() {
        reader.error(node.span, "`matrix` must have at least one axis or `include`");
        return None;
    }
    let mut matrix = Matrix::default();
    // All parts are read, to report what is wrong in each; a matrix without one of them would mislead.
    let mut is_whole = true;
    for (name, entry) in flattened(entries) {
        let node = &entry.value;
        match name.as_str() {
            INCLUDE => {
                matrix.include = combinations(reader, node, INCLUDE);
                is_whole &= matrix.include.is_some();
            }
            EXCLUDE => {
                matrix.exclude = combinations(reader, node, EXCLUDE);
                is_whole &= matrix.exclude.is_some();
            }
            _ if matrix.axes.len() == MAX_AXES => {
                reader.error(entry.key, format_args!("the matrix has more than {MAX_AXES} axes"));
                return None;
            }
            _ => match axis(reader, name, node) {
                Some(values) if axis_name(reader, name, entry.key) => {
                    matrix.axes.insert(name.clone(), values);
                }
                _ => is_whole = false,
            },
        }
    }
    is_whole.then_some(matrix)
}

/// The entries of a matrix, with those that stand under `${{ insert }}` in its place.
fn flattened(entries: &Mapping) -> impl Iterator<Item = (&String, &Entry)> {
    entries.iter().flat_map(|(name, entry)| {
        let (own, inserted) = match &entry.value.value {
            Yaml::Mapping(inserted) if is_insert(name) => (None, Some(inserted)),
            _ => (Some((name, entry)), None),
        };
        own.into_iter().chain(inserted.into_iter().flatten())
    })
}

/// Whether a name can be one of an axis: an id, or text with expressions, which is one when it is evaluated.
fn axis_name(reader: &mut Reader, name: &str, span: Span) -> bool {
    if is_insert(name) {
        return true;
    }
    if !name.contains("${{") {
        return reader.id(name, span, "a matrix axis");
    }
    match Template::parse(name) {
        Ok(_) => true,
        Err(error) => {
            reader.error(span, format_args!("bad expression: {}", error.message));
            false
        }
    }
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
    let items = list(reader, node, &format!("`{what}`"))?;
    if items.len() > MAX_ENTRIES {
        reader.error(node.span, format_args!("`{what}` has more than {MAX_ENTRIES} entries"));
        return None;
    }
    for item in items {
        let is_expr = match reader.expr_instead::<Matrix>(item, &JOB_STRATEGY) {
            Some(None) => continue,
            expr => expr.is_some(),
        };
        if is_expr || reader.mapping(item, &format!("an entry of `{what}`")).is_some() {
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

/// Reports a matrix of too many jobs, as far as that is known before anything is evaluated.
fn check_count(reader: &mut Reader, span: Span, matrix: &Matrix) {
    let lengths = matrix.axes.values().map(|axis| match axis {
        LiteralOr::Literal(values) => values.len(),
        // At least one, or else the job fails.
        LiteralOr::Expr(_) => 1,
    });
    let product = lengths.fold(1, usize::saturating_mul);
    let too_many = if product > MAX_JOBS && matrix.exclude.is_none() {
        Some(format!("the matrix makes {product} jobs; at most {MAX_JOBS} are possible"))
    } else if product > MAX_PRODUCT {
        Some(format!(
            "the matrix makes {product} combinations before `exclude`; at most {MAX_PRODUCT} are possible"
        ))
    } else if is_literal(matrix) {
        let none = Contexts::new(Object::new());
        let expanded = expand(&LiteralOr::Literal(matrix.clone()), &none);
        matches!(expanded, Err(MatrixError::TooMany)).then(|| MatrixError::TooMany.to_string())
    } else {
        None
    };
    if let Some(message) = too_many {
        reader.error_help(span, message, "shorten the axes, or split the job");
    }
}

/// Whether no expression has a part in the combinations.
fn is_literal(matrix: &Matrix) -> bool {
    fn literal(value: &MatrixValue) -> bool {
        match value {
            MatrixValue::Scalar(_) => true,
            MatrixValue::String(template) => template.is_literal(),
            MatrixValue::Array(items) => items.iter().all(literal),
            MatrixValue::Object(entries) => entries.values().all(literal),
        }
    }
    let list = |list: &LiteralOr<Vec<MatrixValue>>| match list {
        LiteralOr::Literal(values) => values.iter().all(literal),
        LiteralOr::Expr(_) => false,
    };
    matrix.axes.values().chain(&matrix.include).chain(&matrix.exclude).all(list)
}
