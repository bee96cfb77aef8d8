//! How serious a sign-in is: by the risk that Microsoft Entra sees in it, which only tenants with P2 are told.
//!
//! Source of the words: Microsoft Graph, "signIn resource type" (`riskState`, `riskLevelDuringSignIn`).

use serde_json::Value;

use super::{Rating, Severity};
use crate::facts::Facts;

/// Rates a sign-in. What failed is no more than medium.
pub fn rate_sign_in(facts: &Facts<'_>) -> Rating {
    let code = facts.value("/status/errorCode").and_then(Value::as_i64);
    let has_failed = code.is_some_and(|code| code != 0);
    let level = facts.text("/riskLevelDuringSignIn");
    let (severity, rule, reason) = match (facts.text("/riskState"), level) {
        (Some("confirmedCompromised"), _) => (
            Severity::High,
            "confirmed_compromised",
            "an administrator has confirmed that it was somebody else",
        ),
        (_, Some("high")) => (Severity::High, "risk_high", "Microsoft Entra sees a high risk"),
        (_, Some("medium")) => (
            Severity::Medium,
            "risk_medium",
            "Microsoft Entra sees a medium risk",
        ),
        (_, Some("low")) => (Severity::Low, "risk_low", "Microsoft Entra sees a low risk"),
        _ if has_failed => (Severity::Low, "base", "failed, and may be an attempt"),
        _ => (Severity::Info, "base", "a sign-in without a known risk"),
    };
    let most = if has_failed {
        Severity::Medium
    } else {
        Severity::High
    };
    let is_risky = rule != "base";
    Rating {
        severity: severity.min(most),
        rule: rule.to_owned(),
        reason,
        techniques: if is_risky { vec!["T1078.004"] } else { Vec::new() },
    }
}
