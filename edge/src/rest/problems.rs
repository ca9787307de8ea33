//! What the description says of refusals: any operation may be refused, and a refusal is a problem.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

const PROBLEM: &str = "application/problem+json";
const BODY: &str = "ProblemBody";

/// Says so of every operation.
pub(super) fn describe(api: &mut OpenApi) {
    for operation in api.paths.paths.values_mut().flat_map(operations) {
        let responses = &mut operation.responses.responses;
        responses.entry("default".to_owned()).or_insert_with(|| RefOr::T(refusal()));
        for response in responses.values_mut() {
            if let RefOr::T(response) = response {
                name_type(response);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn refusal() -> Response {
    let body = Content::new(Some(Ref::from_schema_name(BODY)));
    ResponseBuilder::new().description("refused; `code` says why").content(PROBLEM, body).build()
}

/// The type of a body that is a problem.
fn name_type(response: &mut Response) {
    let content = std::mem::take(&mut response.content);
    response.content = content.into_iter().map(|(kind, body)| (type_of(kind, &body), body)).collect();
}

fn type_of(kind: String, body: &RefOr<Content>) -> String {
    match body {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) if schema.ref_location.ends_with(BODY) => {
            PROBLEM.to_owned()
        }
        _ => kind,
    }
}
