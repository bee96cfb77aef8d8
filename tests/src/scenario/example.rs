//! The example tenant: invented names and identifiers, one application with the role Reader everywhere.

use crate::directory::{Application, Directory, Grant, Role, Scope, Secret, State, Subscription, Tenant};
use crate::random::Random;

/// Numbered names are the same in every run, so that a client's state fits the next one.
const TENANT_SEED: u64 = 0x7e4a;

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

/// The example tenant with so many subscriptions: production, development, then numbered ones.
pub fn directory(subscriptions: usize) -> Directory {
    fleet(1, subscriptions)
}

/// So many tenants with so many subscriptions each, the first of them the example tenant.
pub fn fleet(tenants: usize, subscriptions: usize) -> Directory {
    let mut directory = Directory::default();
    for number in 0..tenants {
        add_tenant(&mut directory, number, subscriptions);
    }
    directory
}

fn add_tenant(directory: &mut Directory, number: usize, subscriptions: usize) {
    let mut random = Random::for_item(TENANT_SEED, number as u64);
    let (id, client_id, secret, domain) = match number {
        0 => (
            TENANT.to_owned(),
            CLIENT_ID.to_owned(),
            CLIENT_SECRET.to_owned(),
            DOMAIN.to_owned(),
        ),
        _ => {
            let secret = format!("lab8Q~{:016x}", random.number());
            (
                random.guid(),
                random.guid(),
                secret,
                format!("tenant{number:04}.example"),
            )
        }
    };
    for index in 0..subscriptions {
        let (subscription, name) = match (number, index) {
            (0, 0) => (PRODUCTION.to_owned(), "Contoso Production".to_owned()),
            (0, 1) => (DEVELOPMENT.to_owned(), "Contoso Development".to_owned()),
            _ => (random.guid(), format!("Tenant {number:04} team {index:04}")),
        };
        directory
            .grants
            .push(reader(&client_id, Scope::Subscription(subscription.clone())));
        directory.subscriptions.push(Subscription {
            id: subscription,
            tenant: id.clone(),
            name,
            state: State::Enabled,
        });
    }
    directory
        .grants
        .push(reader(&client_id, Scope::Tenant(id.clone())));
    directory
        .grants
        .push(reader(&client_id, Scope::Directory(id.clone())));
    directory
        .grants
        .push(reader(&client_id, Scope::SignIns(id.clone())));
    directory.applications.push(Application {
        client_id,
        tenant: id.clone(),
        secrets: vec![Secret {
            value: secret,
            expires: None,
        }],
        certificates: Vec::new(),
        federations: Vec::new(),
        enabled: true,
    });
    directory.tenants.push(Tenant {
        id,
        domain: Some(domain),
    });
}

fn reader(client_id: &str, scope: Scope) -> Grant {
    Grant {
        client_id: client_id.to_owned(),
        scope,
        role: Role::Reader,
        since: None,
    }
}
