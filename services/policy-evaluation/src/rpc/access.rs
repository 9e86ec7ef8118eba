//! Desired access at any instant, as far as was known at any instant, or as somebody else.

use std::collections::BTreeSet;

use proto::convert::{self, Invalid};
use proto::policy::v1::{
    self as wire, EntitlementName, EvaluateAccessRequest, EvaluateAccessResponse, PersonAt,
};
use proto::prost::Message as _;
use rules::Access;

use super::{Error, PolicyEvaluation};
use crate::history::{Basis, Question};

impl PolicyEvaluation {
    pub(super) async fn evaluate(
        &self,
        request: EvaluateAccessRequest,
    ) -> Result<EvaluateAccessResponse, Error> {
        let basis = self.basis(request.person).await?;
        let evaluation = basis.evaluate(&self.zone);
        let (mut gained, mut lost) = (Vec::new(), Vec::new());
        if let Some(without) = basis.evaluate_without(&self.zone) {
            let (before, after) = (names(&without.access), names(&evaluation.access));
            gained = after.difference(&before).map(name).collect();
            lost = before.difference(&after).map(name).collect();
        }
        let (person, known) = (basis.person, &basis.received.known);
        let number = basis.release.number();
        let access = crate::wire::asked(person, known, number, basis.as_of, &evaluation);
        Ok(EvaluateAccessResponse {
            basis: Some(stated(&basis)),
            desired_access: access.encode_to_vec(),
            next_boundary: evaluation.next_boundary.map(Into::into),
            gained,
            lost,
        })
    }

    /// Finds what an answer about a person rests on.
    pub(super) async fn basis(&self, person: Option<PersonAt>) -> Result<Basis, Error> {
        let person = person.ok_or(Invalid::Missing("person"))?;
        let question = Question {
            person: person.person_id.parse().map_err(|_error| Error::NotAnId)?,
            as_of: convert::optional_instant("as_of", person.as_of.as_ref())?,
            known_at: convert::optional_instant("known_at", person.known_at.as_ref())?,
            assume: person.assume.into_iter().collect(),
        };
        let mut tx = self.store.begin().await?;
        Ok(question.find(&mut tx, &self.compiled, &self.zone).await?)
    }
}

/// Says what an answer rests on.
pub(super) fn stated(basis: &Basis) -> wire::Basis {
    wire::Basis {
        as_of: Some(basis.as_of.into()),
        known_at: Some(basis.known_at.into()),
        release: basis.release.number(),
        release_activated_at: Some(basis.activated_at.into()),
        person_version: Some(basis.received.known.version.into()),
        person_received_at: Some(basis.received.at.into()),
    }
}

fn names(access: &Access) -> BTreeSet<(&str, &str)> {
    let grants = access.grants.iter();
    grants.map(|grant| (grant.application.as_str(), grant.entitlement.as_str())).collect()
}

fn name((application, entitlement): &(&str, &str)) -> EntitlementName {
    EntitlementName {
        application: (*application).to_owned(),
        entitlement: (*entitlement).to_owned(),
    }
}
