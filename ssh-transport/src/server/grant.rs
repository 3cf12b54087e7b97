//! What a certificate grants, as what its login is worth.

use ssh_proto::keys::{Extension, Grant};

use super::permissions::{Feature, Permissions};

/// "If this option is not present" nothing is permitted: programs alone, and what the certificate names.
impl From<&Grant> for Permissions {
    fn from(grant: &Grant) -> Self {
        let features = [
            (Extension::Pty, Feature::Terminal),
            (Extension::PortForwarding, Feature::PortForwarding),
            (Extension::AgentForwarding, Feature::AgentForwarding),
            (Extension::X11Forwarding, Feature::X11Forwarding),
            (Extension::UserRc, Feature::UserRc),
        ];
        let granted = features.into_iter().filter(|(extension, _)| grant.permits(*extension));
        let permissions = granted.fold(Self::none(), |permissions, (_, feature)| permissions.permit(feature));
        match &grant.force_command {
            Some(command) => permissions.force_command(command),
            None => permissions,
        }
    }
}
