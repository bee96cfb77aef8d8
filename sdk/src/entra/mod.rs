//! Microsoft Entra: the login of an application, and what a refused one means.

mod login;
mod refusal;

pub use login::{Application, Proof, log_in};
pub use refusal::Refusal;
