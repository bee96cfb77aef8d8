//! The example tenant: invented names and identifiers, one application with the role Reader everywhere.

use crate::directory::{Application, Directory, Grant, Role, Scope, Secret, State, Subscription, Tenant};
use crate::random::Random;

/// The tenant's id.
pub const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

/// The tenant's domain.
pub const DOMAIN: &str = "contoso.example";

/// The application's client id.
pub const CLIENT_ID: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

/// The application's secret. It has the characters that must be encoded in a form.
pub const CLIENT_SECRET: &str = "lab8Q~not.a+real/secret=&-_";

/// The subscription where the attack takes place.
pub const PRODUCTION: &str = "aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e";

/// The other one.
pub const DEVELOPMENT: &str = "bbbb1b1b-cc2c-dd3d-ee4e-ffffff5f5f5f";

/// A directory with so many subscriptions: production, development, then numbered ones.
pub fn directory(subscriptions: usize) -> Directory {
    let mut directory = Directory {
        tenants: vec![Tenant {
            id: TENANT.to_owned(),
            domain: Some(DOMAIN.to_owned()),
        }],
        applications: vec![Application {
            client_id: CLIENT_ID.to_owned(),
            tenant: TENANT.to_owned(),
            secrets: vec![Secret {
                value: CLIENT_SECRET.to_owned(),
                expires: None,
            }],
            enabled: true,
        }],
        ..Directory::default()
    };
    for number in 0..subscriptions {
        let (id, name) = match number {
            0 => (PRODUCTION.to_owned(), "Contoso Production".to_owned()),
            1 => (DEVELOPMENT.to_owned(), "Contoso Development".to_owned()),
            _ => (
                Random::for_item(0, number as u64).guid(),
                format!("Contoso Team {number:04}"),
            ),
        };
        directory.grants.push(reader(Scope::Subscription(id.clone())));
        directory.subscriptions.push(Subscription {
            id,
            tenant: TENANT.to_owned(),
            name,
            state: State::Enabled,
        });
    }
    directory.grants.push(reader(Scope::Tenant(TENANT.to_owned())));
    directory
}

fn reader(scope: Scope) -> Grant {
    Grant {
        client_id: CLIENT_ID.to_owned(),
        scope,
        role: Role::Reader,
        since: None,
    }
}
