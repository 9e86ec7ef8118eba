//! The one loop that conditions know: `person.teams.exists(team, team in ["a", "b"])`.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

/// Returns the list, the variable and what is asked of each element, if a loop is an `exists`.
pub(super) fn parts(comprehension: &ComprehensionExpr) -> Option<(&IdedExpr, &str, &IdedExpr)> {
    let starts_false = matches!(
        &comprehension.accu_init.expr,
        Expr::Literal(LiteralValue::Boolean(start)) if !*start.inner()
    );
    let Expr::Call(CallExpr { func_name, target: None, args }) = &comprehension.loop_step.expr
    else {
        return None;
    };
    match args.as_slice() {
        [_, body] if starts_false && func_name == operators::LOGICAL_OR => {
            Some((&comprehension.iter_range, &comprehension.iter_var, body))
        }
        _ => None,
    }
}

/// Returns the texts that an `exists` looks for, if comparing with texts is all it does.
pub(super) fn elements<'a>(body: &'a IdedExpr, variable: &str) -> Option<Vec<&'a IdedExpr>> {
    let is_variable = |part: &IdedExpr| matches!(&part.expr, Expr::Ident(name) if name == variable);
    let Expr::Call(CallExpr { func_name, target: None, args }) = &body.expr else {
        return None;
    };
    match (func_name.as_str(), args.as_slice()) {
        (operators::LOGICAL_OR, [left, right]) => {
            let mut found = elements(left, variable)?;
            found.extend(elements(right, variable)?);
            Some(found)
        }
        (operators::EQUALS, [left, right]) if is_variable(left) => Some(vec![right]),
        (operators::EQUALS, [left, right]) if is_variable(right) => Some(vec![left]),
        (operators::IN, [left, list]) if is_variable(left) => {
            let Expr::List(list) = &list.expr else { return None };
            list.optional_indices.is_empty().then(|| list.elements.iter().collect())
        }
        _ => None,
    }
}
