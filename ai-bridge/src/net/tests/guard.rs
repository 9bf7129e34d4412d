//! Where the server may be sent.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::net::{AddressRefusal, GuardError};

async fn resolve(guard: &AddressGuard, host: &str) -> Result<Vec<SocketAddr>, GuardError> {
    guard.resolve(host, 443, Instant::now() + Duration::from_secs(1)).await
}

fn leading_to(addresses: Vec<&'static str>) -> AddressGuard {
    AddressGuard::default().with_resolver(Names::to(vec![addresses]))
}

#[tokio::test(start_paused = true)]
async fn public_addresses_pass_and_keep_the_port_that_was_asked_for() {
    let found = resolve(&leading_to(vec!["93.184.216.34", "2606:4700::1111"]), "bot.example.com").await.unwrap();
    assert_eq!(found, ["93.184.216.34:443".parse().unwrap(), "[2606:4700::1111]:443".parse().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn one_inside_address_among_public_ones_refuses_the_name() {
    let guard = leading_to(vec!["93.184.216.34", "10.0.0.7"]);
    let error = resolve(&guard, "bot.example.com").await.unwrap_err();
    assert!(matches!(error, GuardError::Address { refusal: AddressRefusal::Private, .. }), "{error}");
    insta::assert_snapshot!(error, @"the host bot.example.com is at 10.0.0.7, a private address: if that is meant, add bot.example.com to the application's `hosts`");
}

#[tokio::test(start_paused = true)]
async fn a_listed_host_may_be_inside_but_not_at_the_metadata_service() {
    let inside = AddressGuard::new(["Bot.Internal"]).with_resolver(Names::to(vec![vec!["10.0.0.7"]]));
    assert!(resolve(&inside, "bot.internal.").await.is_ok());
    assert!(resolve(&inside, "other.internal").await.is_err());
    let metadata = AddressGuard::new(["bot.internal"]).with_resolver(Names::to(vec![vec!["169.254.169.254"]]));
    let error = resolve(&metadata, "bot.internal").await.unwrap_err();
    assert!(matches!(error, GuardError::Address { refusal: AddressRefusal::Metadata, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn only_listed_refuses_the_rest_of_the_world() {
    let guard = leading_to(vec!["93.184.216.34"]);
    let strict =
        AddressGuard::new(["bot.example.com"]).only_listed(true).with_resolver(Names::to(vec![vec!["93.184.216.34"]]));
    assert!(resolve(&guard, "other.example.com").await.is_ok());
    assert!(resolve(&strict, "BOT.example.com").await.is_ok());
    let error = resolve(&strict, "other.example.com").await.unwrap_err();
    assert!(matches!(error, GuardError::NotListed { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn literal_addresses_in_all_their_spellings_meet_the_same_rules() {
    let guard = AddressGuard::default();
    for literal in
        ["127.0.0.1", "10.0.0.1", "[::1]", "::1", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0", "[fe80::1]"]
    {
        let error = resolve(&guard, literal).await.unwrap_err();
        assert!(matches!(error, GuardError::Address { .. }), "{literal}: {error}");
    }
    // The C library reads these as 127.0.0.1; whatever it makes of them is checked.
    for odd in ["127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "localhost"] {
        assert!(resolve(&guard, odd).await.is_err(), "{odd}");
    }
    assert!(resolve(&AddressGuard::new(["127.0.0.1"]), "127.0.0.1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_is_silent_or_empty_is_told_apart() {
    let silent = AddressGuard::default().with_resolver(Arc::new(Silence));
    assert!(matches!(resolve(&silent, "bot.test").await, Err(GuardError::LookUpTimeout { .. })));
    assert!(matches!(resolve(&leading_to(vec![]), "bot.test").await, Err(GuardError::NoAddress { .. })));
}
