//! From documents to a release, with every problem on the way.

use std::collections::{BTreeMap, BTreeSet};

mod bundles;
mod policies;
mod stages;

use super::{Application, Entitlement, Release};
use crate::Problem;
use crate::access::USER_NAME;
use crate::condition::{Condition, Expression, Finding, Shape};
use crate::document::{
    self, AccessPolicy, AttributeSchema, Breaker, Bundle, Document, LifecyclePlan, Privilege,
    SeparationOfDuties, Spec, canonical, duplicates,
};
use crate::reference;
use crate::suggest::did_you_mean;

pub(super) fn release(number: u64, mut documents: Vec<Document>) -> Result<Release, Vec<Problem>> {
    let mut problems = duplicates(&documents);
    documents.sort_by(|one, other| (one.kind(), one.name()).cmp(&(other.kind(), other.name())));
    let sorted = Sorted::of(&documents, &mut problems);
    let applications = sorted.compile_applications(&mut problems);
    let bundles = sorted.compile_bundles(&mut problems);
    let policies = sorted.compile_policies(&bundles, &mut problems);
    let plans = sorted.compile_plans(&mut problems);
    let separations = sorted.compile_separations(&bundles, &mut problems);
    let breaker = sorted.breaker(&mut problems);
    sorted.check_facts(&mut problems);
    if !problems.is_empty() {
        problems.sort();
        return Err(problems);
    }
    let schema = sorted.schema.cloned().unwrap_or_default();
    let privileged = sorted.privileged();
    let documents: Vec<_> = documents
        .into_iter()
        .map(|document| {
            let digest = document.digest();
            (document, digest)
        })
        .collect();
    let content_hash = content_hash(documents.iter().map(|(_, digest)| digest.as_str()));
    Ok(Release {
        number,
        content_hash,
        documents,
        schema,
        applications,
        policies,
        plans,
        separations,
        breaker,
        privileged,
    })
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
    separations: BTreeMap<&'a str, (&'a Document, &'a SeparationOfDuties)>,
    plans: BTreeMap<&'a str, (&'a Document, &'a LifecyclePlan)>,
    breakers: Vec<(&'a Document, &'a Breaker)>,
    /// The document of the schema.
    schema_document: Option<&'a Document>,
}

impl<'a> Sorted<'a> {
    fn of(documents: &'a [Document], problems: &mut Vec<Problem>) -> Self {
        let mut schemas = Vec::new();
        let mut sorted = Self {
            schema: None,
            applications: BTreeMap::new(),
            bundles: BTreeMap::new(),
            policies: BTreeMap::new(),
            separations: BTreeMap::new(),
            plans: BTreeMap::new(),
            breakers: Vec::new(),
            schema_document: None,
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
                Spec::SeparationOfDuties(spec) => {
                    sorted.separations.insert(name, (document, spec));
                }
                Spec::LifecyclePlan(spec) => {
                    sorted.plans.insert(name, (document, spec));
                }
                Spec::Breaker(spec) => sorted.breakers.push((document, spec)),
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
            [(document, schema)] => {
                sorted.schema = Some(*schema);
                sorted.schema_document = Some(*document);
            }
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
            if let Some(login) =
                note(document, "spec.account.login", &spec.account.login, login, problems)
            {
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
                    note(document, &field, text, self.expression(text, &wanted), problems)
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

    /// Finds an entitlement; what is wrong with the name is a problem of the fields.
    fn entitlement(
        &self,
        document: &Document,
        fields: (&str, &str),
        application: &str,
        entitlement: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Entitlement> {
        let index = self.application(document, fields.0, application, problems)?;
        let (_, spec) = self.applications.get(application)?;
        let known: BTreeSet<&str> =
            spec.entitlements.iter().map(|known| known.name.as_str()).collect();
        if known.contains(entitlement) {
            return Some(Entitlement { application: index, name: entitlement.to_owned() });
        }
        let hint = did_you_mean(entitlement, known);
        let message = format!("Application {application} has no entitlement `{entitlement}`{hint}");
        problems.push(document.problem(fields.1, message));
        None
    }

    /// Finds an application's place among all; a name that none has is a problem of the field.
    fn application(
        &self,
        document: &Document,
        field: &str,
        name: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<usize> {
        let index = self.applications.keys().position(|known| *known == name);
        if index.is_none() {
            let hint = did_you_mean(name, self.applications.keys().copied());
            let message = format!("there is no Application `{name}`{hint}");
            problems.push(document.problem(field, message));
        }
        index
    }

    /// Returns the entitlements that are more than standard.
    fn privileged(&self) -> BTreeMap<String, BTreeMap<String, Privilege>> {
        let applications = self.applications.iter();
        applications
            .map(|(name, (_document, spec))| {
                let more = spec.entitlements.iter();
                let more = more.filter(|known| known.privilege != Privilege::default());
                let more = more.map(|known| (known.name.clone(), known.privilege));
                ((*name).to_owned(), more.collect())
            })
            .collect()
    }

    /// Compiles a condition.
    fn condition(
        &self,
        document: &Document,
        field: &str,
        text: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Condition> {
        let compiled = self.schema.map(|schema| Condition::compile(text, schema)).transpose();
        note(document, field, text, compiled, problems)
    }

    /// Compiles an expression; without a schema there is nothing to check it against.
    fn expression(&self, text: &str, wanted: &[Shape]) -> Result<Option<Expression>, Vec<Finding>> {
        self.schema.map(|schema| Expression::compile(text, schema, wanted)).transpose()
    }
}

/// Turns what is wrong with a condition or expression into problems with their places.
fn note<T>(
    document: &Document,
    field: &str,
    text: &str,
    outcome: Result<Option<T>, Vec<Finding>>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match outcome {
        Ok(compiled) => compiled,
        Err(findings) => {
            problems.extend(findings.into_iter().map(|Finding { offset, message, .. }| {
                document.problem_within(field, text, offset, message)
            }));
            None
        }
    }
}
