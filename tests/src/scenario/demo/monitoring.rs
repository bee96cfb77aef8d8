//! Alerts and autoscale.

use serde_json::json;

use crate::directory::Scope;
use crate::scenario::example::PRODUCTION;
use crate::scenario::story::{Story, localized};

/// Tells a rush on the shop: an alert, and more instances for a while.
pub(super) fn tell(story: &mut Story) {
    alerts(story);
    autoscale(story);
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
        story.tell_of(PRODUCTION, minute, 2, event);
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
