//! The driver's errors in the store's terms.

use scylla::errors::{
    DbError, ExecutionError, NewSessionError, PrepareError, RequestAttemptError, SchemaAgreementError, UseKeyspaceError,
};

use crate::error::StoreError;

impl From<ExecutionError> for StoreError {
    fn from(error: ExecutionError) -> Self {
        match &error {
            ExecutionError::LastAttemptError(attempt) => of_attempt(attempt),
            ExecutionError::RequestTimeout(_) => Self::Timeout,
            ExecutionError::PrepareError(prepare) => of_prepare(prepare),
            ExecutionError::EmptyPlan
            | ExecutionError::ConnectionPoolError(_)
            | ExecutionError::SchemaAgreementError(_)
            | ExecutionError::MetadataError(_) => Self::Unavailable(error.to_string()),
            _ => Self::Backend(error.to_string()),
        }
    }
}

impl From<PrepareError> for StoreError {
    fn from(error: PrepareError) -> Self {
        of_prepare(&error)
    }
}

impl From<NewSessionError> for StoreError {
    fn from(error: NewSessionError) -> Self {
        match &error {
            NewSessionError::EmptyKnownNodesList => Self::Backend(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<UseKeyspaceError> for StoreError {
    fn from(error: UseKeyspaceError) -> Self {
        match &error {
            UseKeyspaceError::RequestError(attempt) => of_attempt(attempt),
            UseKeyspaceError::RequestTimeout(_) => Self::Timeout,
            _ => Self::Backend(error.to_string()),
        }
    }
}

impl From<SchemaAgreementError> for StoreError {
    fn from(error: SchemaAgreementError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn of_prepare(error: &PrepareError) -> StoreError {
    match error {
        PrepareError::ConnectionPoolError(_) => StoreError::Unavailable(error.to_string()),
        PrepareError::AllAttemptsFailed { first_attempt } => of_attempt(first_attempt),
        _ => StoreError::Backend(error.to_string()),
    }
}

fn of_attempt(error: &RequestAttemptError) -> StoreError {
    match error {
        RequestAttemptError::DbError(reason, _) => of_reason(reason, error.to_string()),
        RequestAttemptError::BrokenConnectionError(_) | RequestAttemptError::UnableToAllocStreamId => {
            StoreError::Unavailable(error.to_string())
        }
        _ => StoreError::Backend(error.to_string()),
    }
}

/// What the database answered. What replicas or coordinators fail at may work later or elsewhere; what is wrong with the
/// statement, the schema or our rights stays wrong.
fn of_reason(reason: &DbError, text: String) -> StoreError {
    match reason {
        DbError::ReadTimeout { .. } | DbError::WriteTimeout { .. } => StoreError::Timeout,
        DbError::Unavailable { .. }
        | DbError::Overloaded
        | DbError::IsBootstrapping
        | DbError::ReadFailure { .. }
        | DbError::WriteFailure { .. }
        | DbError::RateLimitReached { .. }
        | DbError::ServerError => StoreError::Unavailable(text),
        _ => StoreError::Backend(text),
    }
}

/// An answer that does not have the form that the statement promises.
pub(super) fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("row", error)
}

#[cfg(test)]
mod tests {
    use scylla::errors::WriteType;
    use scylla::statement::Consistency;

    use super::*;

    fn told(reason: DbError) -> StoreError {
        ExecutionError::from(RequestAttemptError::DbError(reason, "why".into())).into()
    }

    #[test]
    fn what_may_pass_is_retryable() {
        let consistency = Consistency::LocalQuorum;
        let timeout = DbError::WriteTimeout { consistency, received: 1, required: 2, write_type: WriteType::Simple };
        assert!(matches!(told(timeout), StoreError::Timeout));
        let unavailable = told(DbError::Unavailable { consistency, required: 2, alive: 1 });
        assert!(matches!(&unavailable, StoreError::Unavailable(text) if text.contains("why")));
        assert!(unavailable.is_retryable());
        assert!(told(DbError::Overloaded).is_retryable());
    }

    #[test]
    fn what_stays_wrong_is_not() {
        for reason in [DbError::SyntaxError, DbError::Invalid, DbError::Unauthorized, DbError::ConfigError] {
            assert!(matches!(told(reason), StoreError::Backend(_)));
        }
        let error = StoreError::from(NewSessionError::EmptyKnownNodesList);
        assert!(!error.is_retryable());
    }
}
