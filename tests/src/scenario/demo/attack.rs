//! A takeover, in the order in which it usually goes: more rights, fewer witnesses, then the goods.

use serde_json::{Value, json};

use crate::directory::Scope;
use crate::scenario::actor::{BACKDOOR, INTRUDER};
use crate::scenario::example::{DEVELOPMENT, PRODUCTION, TENANT};
use crate::scenario::operation::{Operation, Outcome};
use crate::scenario::story::{Story, localized};

/// The built-in role Owner.
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

/// Tells the attack.
pub(super) fn tell(story: &mut Story) {
    elevate_access(story);
    make_owner(story, 21, PRODUCTION, Outcome::Created);
    hide(story);
    collect(story);
    // The new owner tries to spread, and has no role there.
    make_owner(story, 40, DEVELOPMENT, Outcome::Forbidden);
}

/// A global administrator gives himself access to every subscription. Only the tenant's log has it.
fn elevate_access(story: &mut Story) {
    let action = "Microsoft.Authorization/elevateAccess/action";
    let at = story.within(20);
    let correlation = story.random.guid();
    let event = json!({
        "authorization": {"action": action, "scope": "/providers/Microsoft.Authorization"},
        "caller": INTRUDER.caller,
        "category": localized("Administrative"),
        "claims": INTRUDER.claims(at),
        "correlationId": correlation,
        "operationId": correlation,
        "operationName": {"value": action, "localizedValue": "Assigns the caller to User Access Administrator role"},
        "eventName": {"value": "EndRequest", "localizedValue": "End request"},
        "httpRequest": {"clientIpAddress": INTRUDER.address, "method": "POST"},
        "resourceId": "/providers/Microsoft.Authorization",
        "resourceProviderName": localized("Microsoft.Authorization"),
        "resourceType": {"value": null},
        "status": localized("Succeeded"),
        "subStatus": {"value": "OK", "localizedValue": "OK (HTTP Status Code: 200)"},
        "properties": {"statusCode": "OK", "serviceRequestId": null},
    });
    story.tell(&Scope::Tenant(TENANT.to_owned()), at, 40, event);
}

fn make_owner(story: &mut Story, minute: u8, subscription: &str, outcome: Outcome) {
    let body = json!({
        "Id": story.random.guid(),
        "Properties": {
            "PrincipalId": BACKDOOR.object_id,
            "PrincipalType": "ServicePrincipal",
            "RoleDefinitionId":
                format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"),
            "Scope": format!("/subscriptions/{subscription}"),
        },
    });
    let resource = format!("Microsoft.Authorization/roleAssignments/{}", story.random.guid());
    let actor = if outcome == Outcome::Forbidden {
        BACKDOOR
    } else {
        INTRUDER
    };
    let operation = Operation {
        subscription,
        group: "",
        resource: &resource,
        action: "Microsoft.Authorization/roleAssignments/write",
        actor,
        outcome,
        body: Some(body),
    };
    operation.tell(story, minute);
}

/// Locks and logs that stand in the way.
fn hide(story: &mut Story) {
    let steps = [
        (
            23,
            "Microsoft.Authorization/locks/do-not-delete",
            "Microsoft.Authorization/locks/delete",
        ),
        (
            24,
            "Microsoft.Insights/diagnosticSettings/to-siem",
            "Microsoft.Insights/diagnosticSettings/delete",
        ),
    ];
    for (minute, resource, action) in steps {
        act(
            story,
            minute,
            "rg-payments",
            resource,
            action,
            Outcome::Done,
            None,
        );
    }
}

/// Keys, an open door, a command as root, and the destruction of the vault.
fn collect(story: &mut Story) {
    let rule = json!({"properties": {
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "destinationPortRange": "3389",
        "access": "Allow",
        "direction": "Inbound",
        "priority": 100,
    }});
    let vault = "Microsoft.KeyVault/vaults/contoso-pay";
    let steps = [
        (
            26,
            "Microsoft.Storage/storageAccounts/paymentsarchive",
            "Microsoft.Storage/storageAccounts/listKeys/action",
            Outcome::Done,
            None,
        ),
        (
            28,
            "Microsoft.Network/networkSecurityGroups/pay-nsg/securityRules/allow-any",
            "Microsoft.Network/networkSecurityGroups/securityRules/write",
            Outcome::DoneLater,
            Some(rule),
        ),
        (
            31,
            "Microsoft.Compute/virtualMachines/pay-01",
            "Microsoft.Compute/virtualMachines/runCommand/action",
            Outcome::DoneLater,
            Some(json!({"commandId": "RunShellScript", "script": ["id"]})),
        ),
        (
            34,
            vault,
            "Microsoft.KeyVault/vaults/delete",
            Outcome::Conflict,
            None,
        ),
        (35, vault, "Microsoft.KeyVault/vaults/delete", Outcome::Done, None),
    ];
    for (minute, resource, action, outcome, body) in steps {
        act(story, minute, "rg-payments", resource, action, outcome, body);
    }
}

fn act(
    story: &mut Story,
    minute: u8,
    group: &str,
    resource: &str,
    action: &str,
    outcome: Outcome,
    body: Option<Value>,
) {
    // From the first key on, the intruder works as the service principal.
    let actor = if minute < 26 { INTRUDER } else { BACKDOOR };
    Operation {
        subscription: PRODUCTION,
        group,
        resource,
        action,
        actor,
        outcome,
        body,
    }
    .tell(story, minute);
}
