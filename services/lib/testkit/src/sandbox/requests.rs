//! One SCIM request, understood and carried out under the application's lock.

use axum::http::Method;
use domain::Timestamp;
use serde::Deserialize;
use serde::ser::Serialize;
use serde_json::{Map, Value};

use super::calls::CallLog;
use super::discovery::{self, PAGE_MAX};
use super::filter::{self, Column, Term};
use super::groups::Change;
use super::memory::{Group, Key, Memory, Meta, User};
use super::patch::{self, Operation};
use super::refusal::Refusal;
use super::render::{self, Fields, GroupView, Page, UserView, View};
use super::route::Route;
use super::schema;
use super::switches::{Filters, Switches, hits, take};

const PAGE_DEFAULT: usize = 100;

/// What is behind the lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) memory: Memory,
    pub(super) switches: Switches,
    pub(super) log: CallLog,
}

/// A request, parsed as far as it goes without the memory.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) route: Route<'a>,
    pub(super) method: &'a Method,
    pub(super) query: Query,
    pub(super) payload: Payload,
    pub(super) if_match: Option<&'a str>,
    pub(super) base: &'a str,
    pub(super) now: Timestamp,
    /// The id that a resource gets if the request creates one.
    pub(super) id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

#[derive(Debug)]
pub(super) enum Payload {
    Nothing,
    Resource(Map<String, Value>),
    Patch(Vec<Operation>),
}

impl Payload {
    /// Reads the body that a method has on a route.
    pub(super) fn parse(route: Route<'_>, method: &Method, body: &[u8]) -> Result<Self, Refusal> {
        let Some(schema) = route.schema() else { return Ok(Self::Nothing) };
        if method == Method::PATCH {
            return Ok(Self::Patch(patch::parse(body)?));
        }
        if method != Method::POST && method != Method::PUT {
            return Ok(Self::Nothing);
        }
        let resource: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_malformed| Refusal::InvalidSyntax("the body is not a JSON object"))?;
        let schemas = resource.get("schemas").and_then(Value::as_array);
        let listed = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(schema));
        if !schemas.is_some_and(|schemas| schemas.iter().any(listed)) {
            return Err(Refusal::InvalidSyntax("the schemas do not name the resource's"));
        }
        Ok(Self::Resource(resource))
    }
}

/// An answer, before it is put into HTTP.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Option<Vec<u8>>,
    pub(super) location: Option<String>,
    pub(super) etag: Option<String>,
    /// The id of the resource, for the log.
    pub(super) resource: Option<String>,
    /// Whether the connection is cut in place of an answer.
    pub(super) cut: bool,
}

impl Reply {
    pub(super) fn json(status: u16, body: &impl Serialize) -> Result<Self, Refusal> {
        Ok(Self { status, body: Some(serde_json::to_vec(body)?), ..Self::default() })
    }

    fn empty() -> Self {
        Self { status: 204, ..Self::default() }
    }
}

/// Carries a request out, as honestly as the switches let it.
pub(super) fn answer(state: &mut State, request: Request<'_>) -> Result<Reply, Refusal> {
    let switches = &mut state.switches;
    if take(&mut switches.refuse_next) {
        let retry_after_seconds = switches.retry_after_seconds;
        return Err(Refusal::TooManyRequests { retry_after_seconds });
    }
    let write = request.route.schema().is_some() && request.method != Method::GET;
    if write && take(&mut switches.fail_before_next) {
        return Err(Refusal::SwitchedFault);
    }
    if request.method == Method::PATCH && switches.lie_on_patch {
        return lie(&state.memory, &request);
    }
    let filters = switches.filters;
    let mut reply = carry_out(&mut state.memory, request, filters)?;
    if !write {
        return Ok(reply);
    }
    let switches = &mut state.switches;
    if take(&mut switches.fail_after_next) || hits(&mut switches.seed, switches.fail_after_one_in) {
        return Err(Refusal::SwitchedFault);
    }
    reply.cut =
        take(&mut switches.drop_after_next) || hits(&mut switches.seed, switches.drop_after_one_in);
    Ok(reply)
}

fn carry_out(
    memory: &mut Memory,
    request: Request<'_>,
    filters: Filters,
) -> Result<Reply, Refusal> {
    match request.route {
        Route::Users if request.method == Method::GET => list_users(memory, &request, filters),
        Route::Users if request.method == Method::POST => create_user(memory, request),
        Route::User(id) => {
            let key = memory.user_key(id).ok_or(Refusal::NotFound)?;
            change_user(memory, key, request)
        }
        Route::Groups if request.method == Method::GET => list_groups(memory, &request, filters),
        Route::Groups if request.method == Method::POST => create_group(memory, request),
        Route::Group(id) => {
            let key = memory.group_key(id).ok_or(Refusal::NotFound)?;
            change_group(memory, key, id, request)
        }
        Route::Unknown => Err(Refusal::NotFound),
        _ if request.method != Method::GET => Err(Refusal::MethodNotAllowed),
        Route::Users | Route::Groups => Err(Refusal::MethodNotAllowed),
        Route::ServiceProviderConfig => {
            Reply::json(200, &discovery::service_provider_config(request.base))
        }
        Route::ResourceTypes(id) => described(discovery::resource_types(request.base), id),
        Route::Schemas(id) => described(discovery::schemas(request.base), id),
    }
}

fn described(mut all: Vec<Value>, id: Option<&str>) -> Result<Reply, Refusal> {
    let Some(id) = id else { return Reply::json(200, &discovery::list(all)) };
    all.retain(|one| one["id"] == id);
    Reply::json(200, all.first().ok_or(Refusal::NotFound)?)
}

fn create_user(memory: &mut Memory, request: Request<'_>) -> Result<Reply, Refusal> {
    let fields = request.query.fields();
    let attributes = schema::accept_user(request.payload.resource()?)?;
    let key = memory.create_user(request.id, attributes, request.now)?;
    show_user(memory, key, request.base, &fields, 201)
}

fn change_user(memory: &mut Memory, key: Key, request: Request<'_>) -> Result<Reply, Refusal> {
    let fields = request.query.fields();
    let user = user(memory, key)?;
    match *request.method {
        Method::GET => {}
        Method::PUT => {
            unchanged_since(&user.meta, request.if_match)?;
            let attributes = schema::accept_user(request.payload.resource()?)?;
            memory.update_user(key, attributes, request.now)?;
        }
        Method::PATCH => {
            unchanged_since(&user.meta, request.if_match)?;
            let mut attributes = user.attributes.clone();
            patch::apply(&mut attributes, request.payload.patch()?)?;
            memory.update_user(key, attributes, request.now)?;
        }
        Method::DELETE => {
            unchanged_since(&user.meta, request.if_match)?;
            memory.delete_user(key, request.now)?;
            return Ok(Reply::empty());
        }
        _ => return Err(Refusal::MethodNotAllowed),
    }
    show_user(memory, key, request.base, &fields, 200)
}

fn create_group(memory: &mut Memory, request: Request<'_>) -> Result<Reply, Refusal> {
    let fields = request.query.fields();
    let change = Change::whole(memory, request.payload.resource()?)?;
    let key = change.create(memory, request.id, request.now)?;
    show_group(memory, key, request.base, &fields, 201)
}

fn change_group(
    memory: &mut Memory,
    key: Key,
    id: &str,
    request: Request<'_>,
) -> Result<Reply, Refusal> {
    let fields = request.query.fields();
    let meta = &group(memory, key)?.meta;
    match *request.method {
        Method::GET => {}
        Method::PUT => {
            unchanged_since(meta, request.if_match)?;
            let change = Change::whole(memory, request.payload.resource()?)?;
            change.carry_out(memory, key, request.now)?;
        }
        Method::PATCH => {
            unchanged_since(meta, request.if_match)?;
            let change = Change::patch(memory, id, request.payload.patch()?)?;
            change.carry_out(memory, key, request.now)?;
            // A body would cost as much as the group has members.
            let etag = Some(group(memory, key)?.meta.etag());
            return Ok(Reply { etag, ..Reply::empty() });
        }
        Method::DELETE => {
            unchanged_since(meta, request.if_match)?;
            memory.delete_group(key)?;
            return Ok(Reply::empty());
        }
        _ => return Err(Refusal::MethodNotAllowed),
    }
    show_group(memory, key, request.base, &fields, 200)
}

/// Answers a PATCH as if it had been carried out.
fn lie(memory: &Memory, request: &Request<'_>) -> Result<Reply, Refusal> {
    match request.route {
        Route::User(id) => {
            let key = memory.user_key(id).ok_or(Refusal::NotFound)?;
            show_user(memory, key, request.base, &request.query.fields(), 200)
        }
        Route::Group(id) => {
            let key = memory.group_key(id).ok_or(Refusal::NotFound)?;
            show_group(memory, key, request.base, &Fields::without_members(), 200)
        }
        Route::Unknown => Err(Refusal::NotFound),
        Route::Users
        | Route::Groups
        | Route::ServiceProviderConfig
        | Route::ResourceTypes(_)
        | Route::Schemas(_) => Err(Refusal::MethodNotAllowed),
    }
}

fn list_users(memory: &Memory, request: &Request<'_>, filters: Filters) -> Result<Reply, Refusal> {
    let terms = request.query.terms(Column::of_users, filters)?;
    let page = match terms {
        None => request.query.page(memory.users().len(), memory.users().keys().copied()),
        Some(terms) => {
            let keys = memory.users_where(&terms);
            request.query.page(keys.len(), keys.into_iter())
        }
    };
    let fields = request.query.fields();
    let view = View { memory, base: request.base, fields: &fields };
    let users = page.keys.iter().filter_map(|key| memory.users().get(key));
    let body = render::list(&page, users.map(|user| UserView(view, user)))?;
    Ok(Reply { status: 200, body: Some(body), ..Reply::default() })
}

fn list_groups(memory: &Memory, request: &Request<'_>, filters: Filters) -> Result<Reply, Refusal> {
    let terms = request.query.terms(Column::of_groups, filters)?;
    let page = match terms {
        None => request.query.page(memory.groups().len(), memory.groups().keys().copied()),
        Some(terms) => {
            let keys = memory.groups_where(&terms);
            request.query.page(keys.len(), keys.into_iter())
        }
    };
    let fields = request.query.fields();
    let view = View { memory, base: request.base, fields: &fields };
    let groups = page.keys.iter().filter_map(|key| memory.groups().get(key));
    let body = render::list(&page, groups.map(|group| GroupView(view, group)))?;
    Ok(Reply { status: 200, body: Some(body), ..Reply::default() })
}

fn show_user(
    memory: &Memory,
    key: Key,
    base: &str,
    fields: &Fields,
    status: u16,
) -> Result<Reply, Refusal> {
    let user = user(memory, key)?;
    let view = View { memory, base, fields };
    Ok(Reply {
        location: (status == 201).then(|| format!("{base}/Users/{}", user.id)),
        etag: Some(user.meta.etag()),
        resource: Some(user.id.clone()),
        ..Reply::json(status, &UserView(view, user))?
    })
}

fn show_group(
    memory: &Memory,
    key: Key,
    base: &str,
    fields: &Fields,
    status: u16,
) -> Result<Reply, Refusal> {
    let group = group(memory, key)?;
    let view = View { memory, base, fields };
    Ok(Reply {
        location: (status == 201).then(|| format!("{base}/Groups/{}", group.id)),
        etag: Some(group.meta.etag()),
        resource: Some(group.id.clone()),
        ..Reply::json(status, &GroupView(view, group))?
    })
}

fn user(memory: &Memory, key: Key) -> Result<&User, Refusal> {
    memory.users().get(&key).ok_or(Refusal::NotFound)
}

fn group(memory: &Memory, key: Key) -> Result<&Group, Refusal> {
    memory.groups().get(&key).ok_or(Refusal::NotFound)
}

fn unchanged_since(meta: &Meta, if_match: Option<&str>) -> Result<(), Refusal> {
    let etag = meta.etag();
    let matches = |list: &str| list.split(',').map(str::trim).any(|tag| tag == "*" || tag == etag);
    if if_match.is_none_or(matches) { Ok(()) } else { Err(Refusal::PreconditionFailed) }
}

impl Payload {
    fn resource(self) -> Result<Map<String, Value>, Refusal> {
        match self {
            Self::Resource(resource) => Ok(resource),
            Self::Nothing | Self::Patch(_) => Err(Refusal::InvalidSyntax("a resource is missing")),
        }
    }

    fn patch(self) -> Result<Vec<Operation>, Refusal> {
        match self {
            Self::Patch(operations) => Ok(operations),
            Self::Nothing | Self::Resource(_) => {
                Err(Refusal::InvalidSyntax("a PatchOp is missing"))
            }
        }
    }
}

impl Query {
    fn fields(&self) -> Fields {
        Fields::parse(self.attributes.as_deref(), self.excluded_attributes.as_deref())
    }

    /// The terms a list is restricted by; `None` is everything.
    fn terms(
        &self,
        column: fn(&str) -> Option<Column>,
        filters: Filters,
    ) -> Result<Option<Vec<Term>>, Refusal> {
        match (&self.filter, filters) {
            (None, _) | (Some(_), Filters::Ignored) => Ok(None),
            (Some(_), Filters::Empty) => Ok(Some(Vec::new())),
            (Some(filter), Filters::Honest) => filter::parse(filter, column).map(Some),
        }
    }

    fn page(&self, total: usize, keys: impl Iterator<Item = Key>) -> Page {
        let bounded = |number: i64| usize::try_from(number).unwrap_or(0);
        let start = self.start_index.map_or(1, bounded).max(1);
        let count = self.count.map_or(PAGE_DEFAULT, bounded).min(PAGE_MAX);
        Page { total, start, keys: keys.skip(start - 1).take(count).collect() }
    }
}
