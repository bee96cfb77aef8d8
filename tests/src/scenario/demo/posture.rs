//! What Azure thinks of it all: security findings, recommendations, policy.

use serde_json::json;

use crate::scenario::actor::PIPELINE;
use crate::scenario::example::{DEVELOPMENT, PRODUCTION};
use crate::scenario::story::{Story, localized};

/// The identity of the Policy service in the example tenant.
const POLICY_SERVICE: &str = "22222222-bbbb-4ccc-8ddd-000000000099";

/// Tells the opinions of the hour.
pub(super) fn tell(story: &mut Story) {
    security(story);
    recommendations(story);
    policy(story);
}

/// The level is Informational however severe the finding is.
fn security(story: &mut Story) {
    let findings = [
        (
            33,
            "Suspicious command execution",
            "High",
            "rm -rf /var/log/audit",
            "pay-01",
        ),
        (
            37,
            "Unusual access to a storage account",
            "Medium",
            "",
            "paymentsarchive",
        ),
    ];
    for (minute, title, severity, command, entity) in findings {
        let alert = story.random.guid();
        let event = json!({
            "category": localized("Security"),
            "correlationId": alert,
            "operationId": alert,
            "description": format!("{title}.\r\nDefender for Cloud has seen this on {entity}."),
            "eventName": localized(title),
            "operationName": localized("Microsoft.Security/locations/alerts/activate/action"),
            "resourceGroupName": "rg-payments",
            "resourceId": format!(
                "/subscriptions/{PRODUCTION}/providers/Microsoft.Security/locations/westeurope/alerts/{alert}"
            ),
            "resourceProviderName": localized("Microsoft.Security"),
            "resourceType": localized("Microsoft.Security/locations/alerts"),
            "status": localized("Active"),
            "subStatus": {"value": null},
            "properties": {
                "Severity": severity,
                "ActionTaken": "Detected",
                "accountLogonId": "0x3e7",
                "commandLine": command,
                "domainName": entity,
                "parentProcess": "waagent",
                "parentProcess id": "812",
                "processId": "4711",
                "processName": "/bin/sh",
                "userName": "root",
                "UserSID": "S-1-5-18",
            },
        });
        story.tell_of(PRODUCTION, minute, 34, event);
    }
}

/// Resource ids in capitals.
fn recommendations(story: &mut Story) {
    let rows = [
        (
            10,
            "Security",
            "High",
            "RG-PAYMENTS",
            "MICROSOFT.COMPUTE/VIRTUALMACHINES/PAY-01",
        ),
        (
            39,
            "Cost",
            "Low",
            "RG-SANDBOX",
            "MICROSOFT.COMPUTE/VIRTUALMACHINES/DEV-07",
        ),
    ];
    for (minute, category, impact, group, resource) in rows {
        let subscription = if group == "RG-SANDBOX" {
            DEVELOPMENT
        } else {
            PRODUCTION
        };
        let event = json!({
            "category": localized("Recommendation"),
            "correlationId": story.random.guid(),
            "operationId": "",
            "description": "The action was successful.",
            "eventName": {"value": "", "localizedValue": ""},
            "operationName": localized("Microsoft.Advisor/generateRecommendations/action"),
            "resourceGroupName": group,
            "resourceId": format!(
                "/SUBSCRIPTIONS/{}/RESOURCEGROUPS/{group}/PROVIDERS/{resource}",
                subscription.to_ascii_uppercase()
            ),
            "resourceProviderName": localized("MICROSOFT.COMPUTE"),
            "resourceType": localized("MICROSOFT.COMPUTE/virtualmachines"),
            "status": localized("Active"),
            "subStatus": {"value": "", "localizedValue": ""},
            "properties": {
                "recommendationSchemaVersion": "1.0",
                "recommendationCategory": category,
                "recommendationImpact": impact,
                "recommendationRisk": "None",
            },
        });
        story.tell_of(subscription, minute, 0, event);
    }
}

fn policy(story: &mut Story) {
    let rows = [
        (
            14,
            "deny",
            "Error",
            "Failed",
            PIPELINE.caller,
            "Microsoft.Network/publicIPAddresses/ci-ip",
            "False",
        ),
        (
            22,
            "audit",
            "Warning",
            "Succeeded",
            POLICY_SERVICE,
            "Microsoft.Storage/storageAccounts/devscratch07",
            "True",
        ),
        (
            43,
            "auditIfNotExists",
            "Warning",
            "Succeeded",
            POLICY_SERVICE,
            "Microsoft.Sql/servers/dev-sql",
            "True",
        ),
    ];
    for (minute, effect, level, status, caller, resource, is_check) in rows {
        let path = format!("/subscriptions/{DEVELOPMENT}/resourceGroups/rg-ci/providers/{resource}");
        let provider = resource.split('/').next().unwrap_or_default();
        let policies = json!([{
            "policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/lab-secure-transfer",
            "policyDefinitionName": "lab-secure-transfer",
            "policyDefinitionEffect": effect,
            "policyAssignmentId": format!(
                "/subscriptions/{DEVELOPMENT}/providers/Microsoft.Authorization/policyAssignments/baseline"
            ),
            "policyAssignmentName": "baseline",
        }]);
        let event = json!({
            "authorization": {"action": "Microsoft.Resources/checkPolicyCompliance/read", "scope": path},
            "caller": caller,
            "category": localized("Policy"),
            "claims": {"appid": caller, "ver": "1.0"},
            "correlationId": story.random.guid(),
            "eventName": {"value": "EndRequest", "localizedValue": "End request"},
            "level": level,
            "operationName": localized(&format!("Microsoft.Authorization/policies/{effect}/action")),
            "resourceGroupName": "rg-ci",
            "resourceId": path,
            "resourceProviderName": localized(provider),
            "resourceType": localized("Microsoft.Resources/checkPolicyCompliance"),
            "status": localized(status),
            "subStatus": {"value": "", "localizedValue": ""},
            "properties": {
                "isComplianceCheck": is_check,
                "resourceLocation": "westeurope",
                "ancestors": "contoso-corp,contoso-root",
                "policies": policies.to_string(),
            },
        });
        story.tell_of(DEVELOPMENT, minute, 21, event);
    }
}
