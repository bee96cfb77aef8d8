//! Where to log in and where to ask: one pair of endpoints per Azure cloud.
//!
//! Source of the presets: Microsoft's list of national cloud endpoints.

pub use headwater_source::origin::Origin;

/// The preset clouds by name: name, authority, resource manager.
pub const PRESETS: [(&str, &str, &str); 3] = [
    (
        "public",
        "https://login.microsoftonline.com",
        "https://management.azure.com",
    ),
    (
        "us-government",
        "https://login.microsoftonline.us",
        "https://management.usgovcloudapi.net",
    ),
    (
        "china",
        "https://login.partner.microsoftonline.cn",
        "https://management.chinacloudapi.cn",
    ),
];

/// The endpoints of one cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Where tokens come from, as an origin.
    pub authority: String,
    /// Azure Resource Manager, as an origin.
    pub resource_manager: String,
}

impl Cloud {
    /// The preset of that name.
    pub fn preset(name: &str) -> Option<Cloud> {
        let (_, authority, resource_manager) = PRESETS.iter().find(|(preset, _, _)| *preset == name)?;
        Some(Cloud {
            authority: (*authority).to_owned(),
            resource_manager: (*resource_manager).to_owned(),
        })
    }

    /// What a token is asked for: everything that the application may do at this resource manager.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.resource_manager)
    }

    /// Both endpoints, each once.
    pub fn origins(&self) -> Vec<String> {
        let mut origins = vec![self.authority.clone(), self.resource_manager.clone()];
        origins.dedup();
        origins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_follows_the_resource_manager() {
        for (name, scope) in [
            ("public", "https://management.azure.com/.default"),
            ("us-government", "https://management.usgovcloudapi.net/.default"),
            ("china", "https://management.chinacloudapi.cn/.default"),
        ] {
            assert_eq!(Cloud::preset(name).unwrap().scope(), scope);
        }
    }
}
