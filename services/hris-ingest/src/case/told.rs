//! What is told of cases: ids and kinds, never what they rest on.

use domain::Version;
use proto::hris::v1 as wire;

use super::{Answer, Case, Closed, Kind, Outcome, Question};

impl Case {
    pub(super) fn opened(&self, version: Version) -> wire::CaseOpened {
        let Question { kind, source, people, engagements, .. } = &self.question;
        wire::CaseOpened {
            case_id: self.id.to_string(),
            version: Some(version.into()),
            kind: wire::CaseKind::from(*kind).into(),
            source: source.clone(),
            person_id: people.first().map(ToString::to_string).unwrap_or_default(),
            other_person_ids: people.iter().skip(1).map(ToString::to_string).collect(),
            engagement_ids: engagements.iter().map(ToString::to_string).collect(),
            opened_at: Some(self.opened_at.into()),
        }
    }

    pub(super) fn told(&self, version: Version) -> Option<wire::CaseClosed> {
        let Closed { at, outcome, person, by, .. } = self.closed.as_ref()?;
        let Question { kind, source, people, .. } = &self.question;
        let person = person.or(people.first().copied());
        Some(wire::CaseClosed {
            case_id: self.id.to_string(),
            version: Some(version.into()),
            kind: wire::CaseKind::from(*kind).into(),
            source: source.clone(),
            person_id: person.map(|person| person.to_string()).unwrap_or_default(),
            other_person_ids: people
                .iter()
                .filter(|one| Some(**one) != person)
                .map(ToString::to_string)
                .collect(),
            outcome: wire::CaseOutcome::from(*outcome).into(),
            closed_by: by.clone().unwrap_or_default(),
            closed_at: Some((*at).into()),
        })
    }
}

impl From<Kind> for wire::CaseKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::UncertainMatch => Self::UncertainMatch,
            Kind::RecycledWorkerId => Self::RecycledWorkerId,
            Kind::NotRehirable => Self::NotRehirable,
            Kind::Conflict => Self::Conflict,
            Kind::MissingWorker => Self::MissingWorker,
            Kind::UnknownValue => Self::UnknownValue,
        }
    }
}

impl From<Outcome> for wire::CaseOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Decided(Answer::Same) => Self::Same,
            Outcome::Decided(Answer::Other) => Self::Other,
            Outcome::Decided(Answer::Allow) => Self::Allow,
            Outcome::Decided(Answer::Refuse) => Self::Refuse,
            Outcome::Decided(Answer::Dismiss) => Self::Dismiss,
            Outcome::NoLongerApplies => Self::NoLongerApplies,
        }
    }
}
