//! What Azure itself writes: health, alerts, autoscale, security findings, recommendations, policy.

use serde_json::{Value, json};

use crate::directory::Scope;
use crate::scenario::actor::PIPELINE;
use crate::scenario::example::{DEVELOPMENT, PRODUCTION};
use crate::scenario::story::{Story, localized};

/// The identity of the Policy service in the example tenant.
const POLICY_SERVICE: &str = "22222222-bbbb-4ccc-8ddd-000000000099";

/// Tells what the platform does in the hour.
pub(super) fn tell(story: &mut Story) {
    service_health(story);
    resource_health(story);
    alerts(story);
    autoscale(story);
    security(story);
    recommendations(story);
    policy(story);
}

fn say(story: &mut Story, subscription: &str, minute: u8, delay: i64, event: Value) {
    let at = story.within(minute);
    story.tell(&Scope::Subscription(subscription.to_owned()), at, delay, event);
}

/// No caller, no claims, no operation id; the resource is the subscription.
fn service_health(story: &mut Story) {
    for (minute, status, level) in [(7, "Active", "Warning"), (50, "Resolved", "Informational")] {
        let title = "Storage - West Europe - Degraded performance";
        let services = json!([{
            "ServiceName": "Storage",
            "ImpactedRegions": [{"RegionName": "West Europe"}],
        }]);
        let event = json!({
            "category": {"value": "ServiceHealth", "localizedValue": "Service Health"},
            "channels": "Admin",
            "correlationId": "33333333-cccc-4ddd-8eee-000000000001",
            "description": format!("{status}: {title}"),
            "eventName": {"value": null},
            "level": level,
            "operationName": localized("Microsoft.ServiceHealth/incident/action"),
            "resourceId": format!("/subscriptions/{PRODUCTION}"),
            "resourceProviderName": {"value": null},
            "resourceType": {"value": null, "localizedValue": ""},
            "status": localized(status),
            "subStatus": {"value": null},
            "properties": {
                "title": title,
                "service": "Storage",
                "region": "West Europe",
                "communication": "Some requests to storage accounts take longer than usual.",
                "incidentType": "Incident",
                "trackingId": "LAB0-DEM",
                "impactedServices": services.to_string(),
                "stage": status,
                "version": "0.1",
            },
        });
        say(story, PRODUCTION, minute, 20, event);
    }
}

/// The provider's name is a whole operation, and there are two sets of property names in use.
fn resource_health(story: &mut Story) {
    let resource = format!(
        "/subscriptions/{PRODUCTION}/resourceGroups/rg-payments/providers/Microsoft.Compute/virtualMachines/pay-01"
    );
    let steps = [
        (
            32,
            "Activated",
            "Critical",
            "Active",
            json!({
                "title": "Virtual machine restarting",
                "details": "The machine is being restarted by a user.",
                "currentHealthStatus": "Unavailable",
                "previousHealthStatus": "Available",
                "type": "Downtime",
                "cause": "UserInitiated",
            }),
        ),
        (
            38,
            "Resolved",
            "Informational",
            "Resolved",
            json!({
                "stage": "Resolved",
                "title": "Virtual machine available",
                "details": "The machine runs again.",
                "healthStatus": "Available",
                "healthEventType": "Downtime",
                "healthEventCause": "UserInitiated",
                "healthEventCategory": "Planned",
            }),
        ),
    ];
    for (minute, verb, level, status, properties) in steps {
        let event = json!({
            "category": {"value": "ResourceHealth", "localizedValue": "Resource Health"},
            "channels": "Admin, Operation",
            "correlationId": "33333333-cccc-4ddd-8eee-000000000002",
            "eventName": {"value": "", "localizedValue": ""},
            "level": level,
            "operationId": "",
            "operationName": {
                "value": format!("Microsoft.Resourcehealth/healthevent/{verb}/action"),
                "localizedValue": format!("Health Event {verb}"),
            },
            "resourceGroupName": "rg-payments",
            "resourceId": resource,
            "resourceProviderName": localized("Microsoft.Resourcehealth/healthevent/action"),
            "resourceType": localized("Microsoft.Compute/virtualMachines"),
            "status": localized(status),
            "subStatus": {"value": "", "localizedValue": ""},
            "properties": properties,
        });
        say(story, PRODUCTION, minute, 161, event);
    }
}

/// Correlation and operation ids are paths.
fn alerts(story: &mut Story) {
    let group = format!("/subscriptions/{PRODUCTION}/resourceGroups/rg-web/providers");
    let rule = format!("{group}/microsoft.insights/alertrules/shop-errors");
    for (minute, verb, status) in [(12, "Activated", "Activated"), (18, "Resolved", "Resolved")] {
        let event = json!({
            "caller": "Microsoft.Insights/alertRules",
            "category": localized("Alert"),
            "channels": "Admin, Operation",
            "claims": {
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/spn": "Microsoft.Insights/alertRules",
            },
            "correlationId": format!("{rule}/incidents/TGFiSW5jaWRlbnQ"),
            "operationId": format!("{rule}/incidents/TGFiSW5jaWRlbnQ"),
            "description": "'Http 5xx GreaterThan 50 ([Count]) in the last 5 minutes' for contoso-shop",
            "eventName": localized("Alert"),
            "operationName": localized(&format!("Microsoft.Insights/AlertRules/{verb}/Action")),
            "resourceGroupName": "rg-web",
            "resourceId": format!("{group}/Microsoft.Web/sites/contoso-shop"),
            "resourceProviderName": localized("Microsoft.Web"),
            "resourceType": localized("Microsoft.Web/sites"),
            "status": localized(status),
            "subStatus": {"value": null},
            "properties": {
                "RuleUri": rule,
                "RuleName": "shop-errors",
                "RuleDescription": "",
                "Threshold": "50",
                "WindowSizeInMinutes": "5",
                "Aggregation": "Total",
                "Operator": "GreaterThan",
                "MetricName": "Http5xx",
                "MetricUnit": "Count",
            },
        });
        say(story, PRODUCTION, minute, 2, event);
    }
}

fn autoscale(story: &mut Story) {
    let group = format!("/subscriptions/{PRODUCTION}/resourceGroups/rg-web/providers");
    let resource = format!("{group}/Microsoft.Web/serverfarms/shop-plan");
    for (minute, verb, old, new) in [(16, "Scaleup", "2", "4"), (47, "Scaledown", "4", "2")] {
        let at = story.within(minute);
        let text = format!(
            "The autoscale engine attempting to scale resource '{resource}' from {old} to {new} instances."
        );
        let event = json!({
            "caller": "Microsoft.Insights/autoscaleSettings",
            "category": localized("Autoscale"),
            "channels": "Admin, Operation",
            "claims": {
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/spn": "Microsoft.Insights/autoscaleSettings",
            },
            "correlationId": story.random.guid(),
            "description": text,
            "eventName": localized("AutoscaleAction"),
            "operationName": localized(&format!("Microsoft.Insights/AutoscaleSettings/{verb}/Action")),
            "resourceGroupName": "rg-web",
            "resourceId": format!("{group}/microsoft.insights/autoscalesettings/shop-scaling"),
            "resourceProviderName": localized("microsoft.insights"),
            "resourceType": localized("microsoft.insights/autoscalesettings"),
            "status": localized("Succeeded"),
            "subStatus": {"value": null},
            "properties": {
                "Description": text,
                "ResourceName": resource,
                "OldInstancesCount": old,
                "NewInstancesCount": new,
                "LastScaleActionTime": at.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            },
        });
        story.tell(&Scope::Subscription(PRODUCTION.to_owned()), at, 1, event);
    }
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
        say(story, PRODUCTION, minute, 34, event);
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
        say(story, subscription, minute, 0, event);
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
        say(story, DEVELOPMENT, minute, 21, event);
    }
}
