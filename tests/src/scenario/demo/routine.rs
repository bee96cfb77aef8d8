//! Ordinary work: deployments, machines started and stopped, and the reads that nobody wants to see.

use crate::scenario::actor::{ADMIN, Actor, DEVELOPER, PIPELINE};
use crate::scenario::example::{DEVELOPMENT, PRODUCTION};
use crate::scenario::operation::Operation;
use crate::scenario::operation::Outcome::{self, Conflict, Created, Done, DoneLater};
use crate::scenario::story::{Story, resource_type};

/// Minute, subscription, actor, verb after the type, resource group, resource, outcome.
type Row = (
    u8,
    &'static str,
    Actor,
    &'static str,
    &'static str,
    &'static str,
    Outcome,
);

// One line a row: as a table it can be read.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    (1, PRODUCTION, PIPELINE, "write", "rg-web", "Microsoft.Resources/deployments/web-2041", DoneLater),
    (1, PRODUCTION, PIPELINE, "write", "rg-web", "Microsoft.Web/sites/contoso-shop", Done),
    (2, PRODUCTION, PIPELINE, "slotsswap/action", "rg-web", "Microsoft.Web/sites/contoso-shop", DoneLater),
    (3, DEVELOPMENT, DEVELOPER, "start/action", "rg-sandbox", "Microsoft.Compute/virtualMachines/dev-07", DoneLater),
    (4, DEVELOPMENT, DEVELOPER, "write", "rg-sandbox", "Microsoft.Storage/storageAccounts/devscratch07", Created),
    (5, DEVELOPMENT, DEVELOPER, "read", "rg-sandbox", "Microsoft.Storage/storageAccounts/devscratch07", Done),
    (6, DEVELOPMENT, DEVELOPER, "read", "rg-sandbox", "Microsoft.Compute/virtualMachines/dev-07", Done),
    (8, PRODUCTION, ADMIN, "write", "rg-data", "Microsoft.Sql/servers/contoso-sql/firewallRules/office", Created),
    (9, PRODUCTION, ADMIN, "read", "rg-data", "Microsoft.Sql/servers/contoso-sql", Done),
    (11, PRODUCTION, ADMIN, "write", "rg-data", "Microsoft.Sql/servers/contoso-sql/databases/orders", DoneLater),
    (13, DEVELOPMENT, PIPELINE, "write", "rg-ci", "Microsoft.Resources/deployments/ci-5502", DoneLater),
    (14, DEVELOPMENT, PIPELINE, "write", "rg-ci", "Microsoft.ContainerService/managedClusters/ci", Conflict),
    (15, DEVELOPMENT, PIPELINE, "write", "rg-ci", "Microsoft.ContainerService/managedClusters/ci", DoneLater),
    (17, PRODUCTION, ADMIN, "restart/action", "rg-web", "Microsoft.Web/sites/contoso-shop", Done),
    (19, DEVELOPMENT, DEVELOPER, "write", "rg-sandbox", "Microsoft.Network/publicIPAddresses/dev-07-ip", Created),
    (25, DEVELOPMENT, DEVELOPER, "delete", "rg-sandbox", "Microsoft.Network/publicIPAddresses/dev-07-ip", DoneLater),
    (27, PRODUCTION, PIPELINE, "write", "rg-web", "Microsoft.Cdn/profiles/shop/endpoints/assets", DoneLater),
    (29, PRODUCTION, ADMIN, "read", "rg-payments", "Microsoft.KeyVault/vaults/contoso-pay", Done),
    (33, PRODUCTION, ADMIN, "write", "rg-web", "Microsoft.Insights/actionGroups/on-call", Created),
    (36, DEVELOPMENT, DEVELOPER, "powerOff/action", "rg-sandbox", "Microsoft.Compute/virtualMachines/dev-07", DoneLater),
    (41, DEVELOPMENT, PIPELINE, "listCredentials/action", "rg-ci", "Microsoft.ContainerRegistry/registries/ci", Done),
    (44, PRODUCTION, ADMIN, "write", "rg-data", "Microsoft.Compute/snapshots/orders-nightly", DoneLater),
    (46, DEVELOPMENT, DEVELOPER, "deallocate/action", "rg-sandbox", "Microsoft.Compute/virtualMachines/dev-07", DoneLater),
    (49, PRODUCTION, PIPELINE, "read", "rg-web", "Microsoft.Web/sites/contoso-shop", Done),
    (52, DEVELOPMENT, DEVELOPER, "delete", "rg-sandbox", "Microsoft.Compute/disks/dev-07-old", DoneLater),
    (55, PRODUCTION, PIPELINE, "write", "rg-web", "Microsoft.Resources/deployments/web-2042", DoneLater),
    (57, PRODUCTION, PIPELINE, "write", "rg-web", "Microsoft.Web/sites/contoso-shop", Done),
];

/// Tells the ordinary work of the hour.
pub(super) fn tell(story: &mut Story) {
    for (minute, subscription, actor, verb, group, resource, outcome) in ROWS {
        let action = format!("{}/{verb}", resource_type(resource));
        let operation = Operation {
            subscription,
            group,
            resource,
            action: &action,
            actor: *actor,
            outcome: *outcome,
            body: None,
        };
        operation.tell(story, *minute);
    }
}
