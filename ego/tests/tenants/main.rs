//! Tenants: each sees exactly what it would see alone.

#![allow(unreachable_pub, reason = "a domain is public where it stands")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod alone;
mod noise;
mod pool;
mod shop;
mod stamp;

use ego::message::Tenant;
use ego::store::{AnyStore, Store};
use ego::tenant::TenantStore;
use std::time::Duration;

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

/// A tenant's part of a store.
fn part(store: &AnyStore, name: &str) -> TenantStore {
    TenantStore::new(store, tenant(name)).unwrap()
}

/// A second connection to a store that may be shared.
fn any(store: &(impl Store + Clone)) -> AnyStore {
    AnyStore::new(store.clone())
}

/// Waits until something is so; fails when it does not become so.
async fn until(so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it does not become so");
}
