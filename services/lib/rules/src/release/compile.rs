//! From documents to a release, with every problem on the way.

use std::collections::{BTreeMap, BTreeSet};

use super::{Application, Granted, Policy, Release};
use crate::Problem;
use crate::access::USER_NAME;
use crate::condition::{Condition, Expression, Finding, Shape};
use crate::document::{
    self, AccessPolicy, AttributeSchema, Bundle, Document, Spec, canonical, duplicates,
};
use crate::reference;
use crate::suggest::did_you_mean;

pub(super) fn release(number: u64, mut documents: Vec<Document>) -> Result<Release, Vec<Problem>> {
    let mut problems = duplicates(&documents);
    documents.sort_by(|one, other| (one.kind(), one.name()).cmp(&(other.kind(), other.name())));
    let sorted = Sorted::of(&documents, &mut problems);
    let applications = sorted.compile_applications(&mut problems);
    sorted.check_bundles(&mut problems);
    let policies = sorted.compile_policies(&mut problems);
    if !problems.is_empty() {
        problems.sort();
        return Err(problems);
    }
    let schema = sorted.schema.cloned().unwrap_or_default();
    let documents: Vec<_> = documents
        .into_iter()
        .map(|document| {
            let digest = document.digest();
            (document, digest)
        })
        .collect();
    let content_hash = content_hash(documents.iter().map(|(_, digest)| digest.as_str()));
    Ok(Release { number, content_hash, documents, schema, applications, policies })
}

fn content_hash<'a>(digests: impl Iterator<Item = &'a str>) -> String {
    let mut digests: Vec<_> = digests.collect();
    digests.sort_unstable();
    canonical::digest(&digests.join("\n"))
}

/// The documents by kind, each kind by name.
struct Sorted<'a> {
    /// Absent when there is not exactly one: then attributes are not checked.
    schema: Option<&'a AttributeSchema>,
    applications: BTreeMap<&'a str, (&'a Document, &'a document::Application)>,
    bundles: BTreeMap<&'a str, (&'a Document, &'a Bundle)>,
    policies: BTreeMap<&'a str, (&'a Document, &'a AccessPolicy)>,
}

impl<'a> Sorted<'a> {
    fn of(documents: &'a [Document], problems: &mut Vec<Problem>) -> Self {
        let mut schemas = Vec::new();
        let mut sorted = Self {
            schema: None,
            applications: BTreeMap::new(),
            bundles: BTreeMap::new(),
            policies: BTreeMap::new(),
        };
        for document in documents {
            let name = document.name();
            match &document.spec {
                Spec::AttributeSchema(spec) => schemas.push((document, spec)),
                Spec::Application(spec) => {
                    sorted.applications.insert(name, (document, spec));
                }
                Spec::Bundle(spec) => {
                    sorted.bundles.insert(name, (document, spec));
                }
                Spec::AccessPolicy(spec) => {
                    sorted.policies.insert(name, (document, spec));
                }
            }
        }
        match schemas.as_slice() {
            [] => problems.push(Problem {
                place: document::Place::default(),
                document: String::new(),
                field: String::new(),
                message: "there is no AttributeSchema; add one document of that kind that \
                          declares what policies may ask about people"
                    .to_owned(),
            }),
            [(_, schema)] => sorted.schema = Some(*schema),
            [_, others @ ..] => problems.extend(others.iter().map(|(document, _)| {
                document.problem("", "is one AttributeSchema too many; a release has exactly one")
            })),
        }
        sorted
    }

    fn compile_applications(&self, problems: &mut Vec<Problem>) -> Vec<Application> {
        let mut compiled = Vec::new();
        for (name, (document, spec)) in &self.applications {
            let mut attributes = Vec::new();
            let login = self.expression(&spec.account.login, &[Shape::Text]);
            if let Some(login) = note(document, "spec.account.login", login, problems) {
                attributes.push((USER_NAME.to_owned(), login));
            }
            let mut references = Vec::new();
            let wanted = [Shape::Text, Shape::Integer, Shape::Boolean, Shape::Date, Shape::Texts];
            for (attribute, text) in &spec.account.attributes {
                let field = format!("spec.account.attributes.{attribute}");
                if let Some(parsed) = reference::parse(text) {
                    let checked = parsed.and_then(|pointer| {
                        reference::check(&pointer, name, &self.applications).map(|()| pointer)
                    });
                    match checked {
                        Ok(pointer) => references.push((attribute.clone(), pointer)),
                        Err(message) => problems.push(document.problem(&field, message)),
                    }
                } else if let Some(expression) =
                    note(document, &field, self.expression(text, &wanted), problems)
                {
                    attributes.push((attribute.clone(), expression));
                }
            }
            let name = (*name).to_owned();
            compiled.push(Application { name, spec: (*spec).clone(), attributes, references });
        }
        let pointers = compiled.iter().flat_map(|application| {
            let name = application.name.as_str();
            let references = application.references.iter();
            references.map(move |(attribute, pointer)| (name, attribute.as_str(), pointer))
        });
        reference::check_circles(&self.applications, pointers, problems);
        compiled
    }

    fn check_bundles(&self, problems: &mut Vec<Problem>) {
        for (document, bundle) in self.bundles.values() {
            for (index, member) in bundle.entitlements.iter().enumerate() {
                let field = format!("spec.entitlements[{index}]");
                let Some((_, application)) = self.applications.get(member.application.as_str())
                else {
                    let hint = did_you_mean(
                        member.application.as_str(),
                        self.applications.keys().copied(),
                    );
                    let message = format!("there is no Application `{}`{hint}", member.application);
                    problems.push(document.problem(&format!("{field}.application"), message));
                    continue;
                };
                let known: BTreeSet<&str> =
                    application.entitlements.iter().map(|known| known.name.as_str()).collect();
                if !known.contains(member.entitlement.as_str()) {
                    let hint = did_you_mean(&member.entitlement, known);
                    let message = format!(
                        "Application {} has no entitlement `{}`{hint}",
                        member.application, member.entitlement
                    );
                    problems.push(document.problem(&format!("{field}.entitlement"), message));
                }
            }
        }
    }

    fn compile_policies(&self, problems: &mut Vec<Problem>) -> Vec<Policy> {
        let mut compiled = Vec::new();
        for (name, (document, spec)) in &self.policies {
            let condition = self.schema.map(|schema| Condition::compile(&spec.condition, schema));
            let condition = condition.transpose();
            let condition = note(document, "spec.condition", condition, problems);
            let grants = self.granted(document, spec, problems);
            if let Some(condition) = condition {
                let name = (*name).to_owned();
                let AccessPolicy { lead, overlap, .. } = **spec;
                compiled.push(Policy { name, condition, lead, overlap, grants });
            }
        }
        compiled
    }

    fn granted(
        &self,
        document: &Document,
        policy: &AccessPolicy,
        problems: &mut Vec<Problem>,
    ) -> Vec<Granted> {
        let mut granted = Vec::new();
        for (index, grant) in policy.grants.iter().enumerate() {
            let Some((_, bundle)) = self.bundles.get(grant.bundle.as_str()) else {
                let hint = did_you_mean(grant.bundle.as_str(), self.bundles.keys().copied());
                let message = format!("there is no Bundle `{}`{hint}", grant.bundle);
                problems.push(document.problem(&format!("spec.grants[{index}].bundle"), message));
                continue;
            };
            for member in &bundle.entitlements {
                let place =
                    self.applications.keys().position(|name| *name == member.application.as_str());
                if let Some(application) = place {
                    granted.push(Granted {
                        application,
                        entitlement: member.entitlement.clone(),
                        bundle: grant.bundle.to_string(),
                    });
                }
            }
        }
        granted
    }

    /// Compiles an expression; without a schema there is nothing to check it against.
    fn expression(&self, text: &str, wanted: &[Shape]) -> Result<Option<Expression>, Vec<Finding>> {
        self.schema.map(|schema| Expression::compile(text, schema, wanted)).transpose()
    }
}

/// Turns what is wrong with a condition or expression into problems with its field.
fn note<T>(
    document: &Document,
    field: &str,
    outcome: Result<Option<T>, Vec<Finding>>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match outcome {
        Ok(expression) => expression,
        Err(findings) => {
            let findings = findings.into_iter();
            problems.extend(findings.map(|found| document.problem(field, found.to_string())));
            None
        }
    }
}
