//! The health of services and of single resources.

use serde_json::json;

use crate::scenario::example::PRODUCTION;
use crate::scenario::story::{Story, localized};

/// Tells a service's trouble, and the outage that the attack causes.
pub(super) fn tell(story: &mut Story) {
    service_health(story);
    resource_health(story);
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
        story.tell_of(PRODUCTION, minute, 20, event);
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
        story.tell_of(PRODUCTION, minute, 161, event);
    }
}
