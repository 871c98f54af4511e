//! A certificate signing request says who made it, whatever its author wrote.

use super::{Attempt, Operation, Plugin, View};
use api::ApiError;
use api::k8s::api::certificates::v1::CertificateSigningRequest;

/// See the module.
pub(super) struct Requester;

impl Plugin for Requester {
    fn mutate(&self, attempt: &mut Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        let user = attempt.user.to_wire();
        let old = attempt.old.and_then(|it| it.get::<CertificateSigningRequest>()).map(|it| it.spec.clone());
        let updates = attempt.operation == Operation::Update;
        let Some(request) = attempt.object.as_mut().and_then(|it| it.get_mut::<CertificateSigningRequest>())
        else {
            return Ok(());
        };
        if let Some(old) = old.filter(|_| updates) {
            request.spec = old;
            return Ok(());
        }
        let spec = &mut request.spec;
        (spec.username, spec.uid, spec.groups, spec.extra) =
            (user.username, user.uid, user.groups, user.extra);
        Ok(())
    }
}
